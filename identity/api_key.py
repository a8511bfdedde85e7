"""One API key: what is known of it, its hash, its name, and what can be wrong with it.

IdentityError
+-- KeysError            the store cannot be read or written (file, rights, lock)
    +-- KeyNameError     a name that the store does not take
    +-- KeyExistsError   an active key of that name exists
    +-- KeyUnknownError  no active key of that name

A plain SHA-256 is right here, and a slow password hash would be wrong: a key is 256 random
bits, so nobody finds it by guessing however fast a guess is, while verification runs in the
proxy's event loop, where 100 ms of Argon2 would hold up every client's ticks.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from identity.authority import IdentityError

KEY_BYTES: Final = 32
#: The name becomes `user_id` in the auth reply, which must stay under 1000 bytes.
MAX_NAME_LENGTH: Final = 64
#: Longer credentials are refused unhashed.
MAX_KEY_LENGTH: Final = 512

#: Between the adapters of a route, as it is kept.
_SEPARATOR: Final = ","


class KeysError(IdentityError):
    """The key store cannot be used, or not in that way."""


class KeyNameError(KeysError, ValueError):
    """A name that cannot be a key's."""


class KeyExistsError(KeysError):
    """There is an active key of that name already."""


class KeyUnknownError(KeysError):
    """There is no active key of that name."""


class ApiKey(Struct, frozen=True):
    """A key as `keys list` shows it. Times are Unix seconds; None means never.

    `revoked` lies ahead while a rotated key and its successor are both good.
    """

    name: str
    created: int
    last_used: int | None
    revoked: int | None
    user: str
    role: str
    expires: int | None
    #: The adapters that feed it, in order of preference; empty: as the configuration says.
    route: Sequence[str] = ()


def new_key() -> str:
    """64 hex characters, which nobody had before."""
    return secrets.token_hex(KEY_BYTES)


def route_text(adapters: Sequence[str]) -> str:
    """A route as it is kept."""
    return _SEPARATOR.join(adapters)


def route_of(text: str) -> tuple[str, ...]:
    """The adapters of a route that was kept."""
    return tuple(text.split(_SEPARATOR)) if text else ()


def digest_of(key: str) -> bytes:
    """All that is kept of a key."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


def check_name(name: str, what: str) -> None:
    """Whether a name can be a key's or a user's; `what` says in the error which of them.

    Raises:
        KeyNameError: it cannot.
    """
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable() or name != name.strip():
        raise KeyNameError(
            f"a {what} has 1 to {MAX_NAME_LENGTH} printable characters and no spaces at its ends"
        )
