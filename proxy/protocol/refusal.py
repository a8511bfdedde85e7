"""What a client's request is refused with."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """A request cannot be met: `code` is one that clients know, `message` is for people.

    `needs_auth` says that an unauthenticated client gets NOT_AUTHENTICATED instead: what is
    wrong with a request is told only to those who may make it.
    """

    def __init__(self, code: str, message: str, *, needs_auth: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.needs_auth = needs_auth


def wrong_parameters(message: str) -> Refusal:
    """A field is missing, of another type than it should be, or holds too much."""
    return Refusal("INVALID_PARAMETERS", message)


def kind_of(value: Any) -> str:
    """A JSON value's type in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"
