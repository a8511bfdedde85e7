"""What the file leaves out, from the environment.

First `OPENALGO_STREAM_<SECTION>_<KEY>`, then the names that OpenAlgo itself reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from bus.secret import Secret
from supervisor.config.schema import Config

#: OpenAlgo's variable -> section and key here.
OPENALGO_VARIABLES: Final = {
    "WEBSOCKET_HOST": ("proxy", "host"),
    "WEBSOCKET_PORT": ("proxy", "port"),
    "WS_AUTH_GRACE_SECONDS": ("proxy", "auth_grace_s"),
    "WS_MAX_QUEUE": ("proxy", "max_queue"),
    "WS_PING_INTERVAL": ("proxy", "ping_interval_s"),
    "WS_PING_TIMEOUT": ("proxy", "ping_timeout_s"),
    "WEBSOCKET_URL": ("proxy", "public_url"),
    "VALID_BROKERS": ("proxy", "brokers"),
    "WS_PROXY_STATS_FILE": ("proxy", "stats_file"),
    "ZMQ_HOST": ("tap", "host"),
    "ZMQ_PORT": ("tap", "port"),
    "MAX_SYMBOLS_PER_WEBSOCKET": ("adapters", "symbols_per_connection"),
    "MAX_WEBSOCKET_CONNECTIONS": ("adapters", "connections"),
}


#: Sections whose keys may be set by `OPENALGO_STREAM_<SECTION>_<KEY>`.
_SECTIONS: Final = (
    *("supervisor", "paths", "proxy", "marketdata", "sandbox", "tap", "recorder", "console"),
    *("metrics", "nats", "limits", "openalgo", "jwt"),
)
_YES_NO: Final = {"true": True, "false": False, "1": True, "0": False}


def fill(table: dict[str, Any], environ: Mapping[str, str]) -> None:
    for section in _SECTIONS:
        kind = next(f.type for f in msgspec.structs.fields(Config) if f.name == section)
        for field in msgspec.structs.fields(kind):
            text = environ.get(variable_of(section, field.name))
            if text is not None:
                _default(table, section, field.name, _typed(text, field.type))
    for variable, (section, key) in OPENALGO_VARIABLES.items():
        text = environ.get(variable, "").strip().strip("'\"")
        if not text:
            continue
        if section == "adapters":
            for entry in table.get("adapters", {}).values():
                entry.setdefault(key, _number(text))
            continue
        value = [b.strip() for b in text.split(",")] if key == "brokers" else _number(text)
        _default(table, section, key, value)


def variable_of(section: str, key: str) -> str:
    """The variable that sets a key."""
    return f"OPENALGO_STREAM_{section}_{key}".upper()


def _default(table: dict[str, Any], section: str, key: str, value: Any) -> None:
    entries = table.setdefault(section, {})
    if isinstance(entries, dict):
        entries.setdefault(key, value)


def _typed(text: str, kind: Any) -> Any:
    if kind == list[str]:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is bool:
        return _YES_NO.get(text.strip().lower(), text)
    return text if kind in {str, Secret} else _number(text)


def _number(text: str) -> int | float | str:
    if re.fullmatch(r"\d+", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
