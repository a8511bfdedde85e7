"""Keeping credentials out of log lines, whatever they came by. Pure.

The first line of defence is the type: a `Secret` shows itself as three stars. This is the second,
for what was never one: values under names that credentials have, and text that looks like them,
in what a broker or a library says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from bus.logs.structure import EventDict
from bus.secret import Secret

HIDDEN: Final = "***"
_NAMES: Final = (
    r"(?:api|consumer|client|app|feed|refresh|auth|access|enc|session|jwt|bearer|x)?[_-]?"
    r"(?:api_?key|key_?secret|token|password|passwd|secret|totp|pin|pepper|salt|cookie|jwt|ticket)"
)
_I: Final = re.IGNORECASE
_NAME: Final = re.compile(rf"{_NAMES}|authorization|fernet_salt|api_key_pepper", _I)
#: `name=value`, and `name: "value"` as in JSON; what follows a name in prose is left alone.
_PAIR: Final = re.compile(
    rf"(?<![a-z0-9])(['\"]?{_NAMES}['\"]?\s*(?:=\s*['\"]?|:\s*['\"]))([^\s'\"&,;)}}\]]+)", _I
)
_AUTHORIZATION: Final = re.compile(r"(authorization['\"]?\s*[:=]\s*['\"]?)([^\r\n'\"]+)", _I)
_BEARER: Final = re.compile(r"(bearer\s+)([A-Za-z0-9._~+/=-]{8,})", _I)
#: JSON Web Tokens, our own tickets, and what Fernet makes.
_TOKENS: Final = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|ticket\.[\w.-]{16,}|gAAAA[\w-]{40,}={0,2}"
)


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: every value of a line."""
    return {key: value if key[0] == "_" else _hidden(key, value) for key, value in event.items()}


def redacted(text: str) -> str:
    """Text without what looks like a credential."""
    for pattern in (_AUTHORIZATION, _PAIR, _BEARER):
        text = pattern.sub(rf"\1{HIDDEN}", text)
    return _TOKENS.sub(HIDDEN, text)


def _hidden(key: str, value: Any) -> Any:
    if isinstance(value, Secret) or (_NAME.fullmatch(key) and value):
        return HIDDEN
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {str(name): _hidden(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden("", inner) for inner in value]
    if isinstance(value, bool | int | float | None):
        return value
    return redacted(str(value))
