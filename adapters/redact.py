"""Keeping credentials out of logs: what a broker sends may quote them."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from adapters.codec import Account, WireFrame

MAX_TEXT: Final = 200
MAX_BYTES: Final = 64
#: Shorter values would blot out ordinary words.
_MIN_SECRET: Final = 4
_HIDDEN: Final = "***"


class Redactor:
    """Shortens a broker's words and bytes, without the account's credentials in them."""

    def __init__(self, account: Account) -> None:
        self._secrets: list[str] = []
        self.learn(account)

    def learn(self, account: Account) -> None:
        """Hide these credentials as well."""
        values = [secret.reveal() for secret in account.credentials.values()]
        forms = {form for value in values for form in (value, quote(value, safe=""))}
        known = {form for form in forms if len(form) >= _MIN_SECRET}.union(self._secrets)
        # Longest first: one credential may be a part of another.
        self._secrets = sorted(known, key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."

    def frame(self, frame: WireFrame) -> str:
        """The beginning of a frame: text as it is, bytes in hex."""
        if isinstance(frame, str):
            return self.text(frame)
        for secret in self._secrets:
            frame = frame.replace(secret.encode(), _HIDDEN.encode())
        return frame[:MAX_BYTES].hex() + ("..." if len(frame) > MAX_BYTES else "")
