"""Making a broker connection, and what its failures and its end mean."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, cast
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from adapters.broker import Stream
from adapters.codec import Codec
from adapters.connecting.connection import BatchConnection
from adapters.connecting.prepare import prepare
from adapters.errors import BrokerError, Verdict
from adapters.redact import Redactor
from adapters.trust import trust
from bus import __version__

OPEN_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 2.0
_NO_CLOSE_FRAME: Final = 1006
_USER_AGENT: Final = f"openalgo-stream/{__version__}"


async def dial(codec: Codec, stream: Stream, redactor: Redactor) -> BatchConnection:
    """Ask for the address where the broker wants that, then connect.

    Raises:
        BrokerError: there is no connection; its words hold no secret.
    """
    try:
        await prepare(codec)
        return await _connect(codec, stream)
    except BrokerError as error:
        raise BrokerError(error.kind, redactor.text(str(error)), error.verdict) from None
    except InvalidStatus as error:
        response = error.response
        body = (response.body or b"").decode(errors="replace")
        verdict = codec.refused(response.status_code, response.headers, body)
        words = redactor.text(f"HTTP {response.status_code} {body}".rstrip())
        raise BrokerError(f"http_{response.status_code}", words, verdict) from None
    except OSError as error:  # TimeoutError too
        words = f"{type(error).__name__}: {error.strerror or 'no connection'}"
        raise BrokerError("no_connection", words, Verdict.RETRY) from None
    except WebSocketException as error:
        # Not its text, which may quote the URL and the token in it.
        words = f"handshake failed: {type(error).__name__}"
        raise BrokerError("bad_handshake", words, Verdict.RETRY) from None


async def _connect(codec: Codec, stream: Stream) -> BatchConnection:
    handshake = codec.handshake()
    made: Any = partial(BatchConnection, max_bytes=stream.max_frame_bytes)
    tls: dict[str, Any] = {"ssl": trust()} if urlsplit(handshake.url).scheme == "wss" else {}
    connection = await connect(
        handshake.url,
        **tls,
        additional_headers=dict(handshake.headers),
        subprotocols=[Subprotocol(name) for name in handshake.subprotocols] or None,
        user_agent_header=_USER_AGENT,
        compression=None,  # ticks are small and brokers do not offer it
        proxy=None,  # none from the environment: the configuration says where to go
        open_timeout=OPEN_TIMEOUT_S,
        close_timeout=CLOSE_TIMEOUT_S,
        ping_interval=stream.websocket_ping_s,
        ping_timeout=stream.websocket_pong_s,
        max_size=stream.max_frame_bytes,
        create_connection=made,
    )
    return cast("BatchConnection", connection)


def verdict_of(closed: ConnectionClosed, codec: Codec, redactor: Redactor) -> tuple[Verdict, str]:
    """What the end of a connection means, and words without secrets."""
    if closed.rcvd is not None:
        code, reason = int(closed.rcvd.code), closed.rcvd.reason
    else:  # cut off, or closed by us: for a missing pong, or text that is no UTF-8
        code, reason = _NO_CLOSE_FRAME, closed.sent.reason if closed.sent else ""
    detail = redactor.text(f"closed with {code} {reason}".rstrip())
    return codec.closed(code, reason), detail
