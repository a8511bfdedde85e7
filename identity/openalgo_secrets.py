"""How OpenAlgo keeps its users' API keys: hashed with Argon2, and encrypted with Fernet.

Both hang on the install's pepper. All calls here take time (a derivation 50 ms, a hash
120 ms and 64 MiB): they belong into a thread.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHash
from cryptography.fernet import Fernet, InvalidToken

from bus.secret import Secret

_LEGACY_SALT: Final = b"openalgo_static_salt"
_ITERATIONS: Final = 100_000
_MIN_SALT_LENGTH: Final = 32


class OpenAlgoSecrets:
    """The keys derived from one install's `API_KEY_PEPPER` and `FERNET_SALT`."""

    def __init__(self, pepper: Secret, fernet_salt: Secret) -> None:
        self._pepper = pepper
        salts = dict.fromkeys((_salt(fernet_salt.reveal()), _LEGACY_SALT))
        self._fernets = [Fernet(_derive(pepper, salt)) for salt in salts]
        self._hasher = PasswordHasher()

    def decrypt(self, token: str) -> str | None:
        """The text; None when no key fits (rows that an upgrade left behind do not)."""
        for fernet in self._fernets:
            try:
                return fernet.decrypt(token.encode()).decode()
            except (InvalidToken, UnicodeError):
                continue
        return None

    def is_key(self, credential: str, hashed: str) -> bool:
        """Whether that Argon2 hash is the credential's."""
        try:
            return self._hasher.verify(hashed, credential + self._pepper.reveal())
        except (Argon2Error, InvalidHash, UnicodeError):
            return False


def _salt(text: str) -> bytes:
    """The configured salt if it can be one, else the one of old installs."""
    if len(text) >= _MIN_SALT_LENGTH:
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    return _LEGACY_SALT


def _derive(pepper: Secret, salt: bytes) -> bytes:
    key = hashlib.pbkdf2_hmac("sha256", pepper.reveal().encode(), salt, _ITERATIONS, 32)
    return base64.urlsafe_b64encode(key)
