"""The lines of log files, as people read them. Pure.

A line is JSON (`bus.logs.chain`), or what else a process wrote: an interpreter's last words, a
dump of stacks. Those are kept as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

#: How a line begins; all else follows.
FIRST: Final = (
    *("timestamp", "level", "process", "generation", "life", "adapter", "logger", "event"),
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
#: Said in other words, or only of use to machines.
_NOT_SHOWN: Final = frozenset({*FIRST, "exception", "of", "of_generation", "of_life"})
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def escaped(text: str) -> str:
    """One line of text that no terminal takes for a command."""
    return _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", text)


def fields(line: str) -> dict[str, Any] | None:
    """What a JSON line says; None for any other."""
    if not line.startswith("{"):
        return None
    try:
        found = _decode(line)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    return found if "timestamp" in found and "event" in found else None


def human(line: str) -> list[str]:
    """Time, level, process, module and text; then the lines of a traceback, if there is one."""
    found = fields(line)
    if found is None:
        return [line]
    who = found.get("process", "")
    if "generation" in found:
        who = f"{who}.{found['generation']}"
    level = str(found.get("level", "")).upper()
    more = "".join(
        f" {key}={escaped(str(value))}" for key, value in found.items() if key not in _NOT_SHOWN
    )
    told = f"{found['timestamp']} {level:<7} {who} {found.get('logger', '')}: {found['event']}"
    return [escaped(told + more), *map(escaped, str(found.get("exception", "")).splitlines())]


def in_order(lines: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Raw lines of several logs, each with whose it is, by time.

    One that brings no time comes after the line of its process before it.
    """
    keyed: list[tuple[str, tuple[str, str]]] = []
    last: dict[str, str] = {}
    for source, line in lines:
        moment = time_of(line)
        if moment:
            last[source] = moment
        keyed.append((last.get(source, ""), (source, line)))
    return (pair for _, pair in sorted(keyed, key=lambda one: one[0]))


def time_of(line: str) -> str:
    """As it is written, which sorts; empty where a line has none."""
    found = fields(line)
    if found is not None:
        return str(found["timestamp"])
    return line[:24] if line[:4].isdigit() else ""
