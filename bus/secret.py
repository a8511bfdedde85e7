"""A value that must not be shown: credentials, keys.

`repr` and `str` hide it, so that it cannot reach a log, an error or a status by accident;
`reveal` is the one way to it, easy to search for.
"""

from __future__ import annotations

from typing import Any


class Secret:
    """A hidden string."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def decode_secret(kind: type, value: Any) -> Any:
    """msgspec's `dec_hook`: text becomes a `Secret`."""
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"expected text, was {type(value).__name__}")


def encode_secret(value: Any) -> Any:
    """msgspec's `enc_hook` for the one place where secrets travel: a child's private pipe."""
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"cannot encode {type(value).__name__}")
