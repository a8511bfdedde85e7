"""One connection to NATS: made, watched, ended. Failures in words.

nats-py's own reconnection is off: it sends what it held back before anybody can say what of
it still holds. Whoever uses a link makes another when it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import nats
import nats.errors
import nats.js.errors
import nkeys
from msgspec import Struct
from nats.aio.client import Client, RawCredentials
from nats.js import JetStreamContext

from bridge.errors import LinkError, RefusedError
from bus.secret import Secret
from bus.settings import NatsReach

logger = logging.getLogger(__name__)

CONNECT_S: Final = 10.0
_SERVER_S: Final = 3
_CLOSE_S: Final = 1.0
#: A connection that does not answer so many pings, so far apart, is dead.
_PING_S: Final = 4
_PINGS: Final = 2
API_S: Final = 5.0
#: What nats-py may hold back of what was published before it makes us wait for the socket.
_PENDING_BYTES: Final = 2 << 20
_CREDENTIALS: Final = re.compile(
    r"BEGIN NATS USER JWT-+\s+\S+\s.*BEGIN USER NKEY SEED-+\s+(\S+)\s", re.DOTALL
)
_REFUSALS: Final = ("authorization", "authentication", "credentials", "user jwt")


class Login(Struct, frozen=True, kw_only=True):
    """Who we are to NATS; what is empty is left out."""

    user: str = ""
    password: Secret = Secret("")
    token: Secret = Secret("")
    nkey: Secret = Secret("")
    creds: Secret = Secret("")

    @classmethod
    def of(cls, credentials: Mapping[str, Secret]) -> Login:
        """From an adapter's credentials."""
        given = {key: credentials[key] for key in cls.__struct_fields__ if key in credentials}
        user = given.pop("user", Secret(""))
        return cls(user=user.reveal(), **given)


class Link:
    """A live connection, until `is_over`; then `why` says why. `stir` wakes who works on it."""

    def __init__(self, client: Client, domain: str) -> None:
        self.client = client
        self.jetstream: JetStreamContext = client.jetstream(domain=domain or None, timeout=API_S)
        self.stir = asyncio.Event()
        self.is_over = False
        self.why = ""

    def end(self, why: str) -> None:
        """Give it up."""
        self.why = self.why or why
        self.is_over = True
        self.stir.set()


@contextlib.asynccontextmanager
async def connected(
    reach: NatsReach, login: Login, name: str, on_error: Callable[[str], None]
) -> AsyncIterator[Link]:
    """A connection to one of the servers, until the block is left.

    `on_error` is told what NATS complains of without ending the connection.

    Raises:
        RefusedError: the credentials.
        LinkError: no server can be reached, or none whose certificate is believed.
    """
    try:
        options = {**_login(login), **_tls(reach)}
    except (OSError, ValueError) as error:  # a certificate that cannot be read
        raise failure(error) from None
    client = Client()
    link = Link(client, reach.domain)
    troubles: list[str] = []

    async def told(error: Exception) -> None:
        text = _words(error)
        troubles.append(text)
        if client.is_connected:
            on_error(text)

    async def closed() -> None:
        link.end(_words(client.last_error) if client.last_error else "NATS closed the connection")

    try:
        try:
            async with asyncio.timeout(CONNECT_S):
                await client.connect(
                    servers=reach.servers,
                    name=name,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=_SERVER_S,
                    ping_interval=_PING_S,
                    max_outstanding_pings=_PINGS,
                    pending_size=_PENDING_BYTES,
                    error_cb=told,
                    closed_cb=closed,
                    **options,
                )
        except (OSError, ValueError, TimeoutError, nats.errors.Error) as error:
            raise failure(error, troubles) from None
        yield link
    finally:
        with contextlib.suppress(OSError, TimeoutError, nats.errors.Error):
            async with asyncio.timeout(_CLOSE_S):  # it may wait for a handshake that failed
                await client.close()


def failure(error: Exception, before: list[str] | None = None) -> LinkError:
    """An error of NATS or of the network as one of ours."""
    texts = [text for text in (*(before or ())[-1:], _words(error)) if text]
    told = "; ".join(dict.fromkeys(texts))
    if any(word in told.lower() for word in _REFUSALS):
        return RefusedError(f"NATS refuses the credentials: {told}")
    return LinkError(told)


def _words(error: Exception) -> str:
    if isinstance(error, nats.errors.NoServersError):
        return "no server can be reached"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, nats.js.errors.APIError) and error.description:
        return f"JetStream: {error.description}"
    if isinstance(error, nats.js.errors.ServiceUnavailableError):
        return "JetStream does not answer: not enabled, or without a leader now"
    if isinstance(error, nats.errors.UnexpectedEOF):
        return "NATS closed the connection"
    return str(error).removeprefix("nats: ") or type(error).__name__


def _login(login: Login) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if login.user:
        given |= {"user": login.user, "password": login.password.reveal()}
    if login.token:
        given["token"] = login.token.reveal()
    if login.nkey:
        given["nkeys_seed_str"] = _seed(login.nkey.reveal(), "nkey")
    if login.creds:
        text = login.creds.reveal()
        found = _CREDENTIALS.search(text)
        if found is None:
            raise RefusedError("creds: no text of a .creds file of NATS: a token and a seed")
        _seed(found[1], "creds")
        given["user_credentials"] = RawCredentials(text)
    return given


def _seed(text: str, key: str) -> str:
    """A seed that can be signed with; nats-py would end by a defect. Raises RefusedError."""
    try:
        nkeys.from_seed(bytearray(text.strip().encode())).wipe()
    except (nkeys.NkeysError, ValueError, TypeError):
        raise RefusedError(f"{key}: no seed of an nkey, which begins with SU") from None
    return text


def _tls(reach: NatsReach) -> dict[str, Any]:
    """A context where an address or a file asks for TLS; servers that demand it get it anyway."""
    wants = any(urlsplit(server).scheme == "tls" for server in reach.servers)
    if not (wants or reach.ca_file or reach.certificate_file):
        return {}
    context = ssl.create_default_context(cafile=reach.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if reach.certificate_file:
        context.load_cert_chain(reach.certificate_file, reach.key_file or None)
    return {"tls": context}
