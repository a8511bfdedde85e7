"""On which line of a TOML file a key stands. Pure; for messages, so it never fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_PART: Final = r"(?:[A-Za-z0-9_-]+|\"(?:\\.|[^\"\\])*\"|'[^']*')"
_KEY: Final = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_HEADER: Final = re.compile(rf"\s*\[\[?\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]\]?\s*(?:#.*)?$")
_LONG: Final = ('"""', "'''")
_STRINGS: Final = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'")


def lines_of(text: str) -> dict[str, int]:
    """Dotted key -> line, counted from 1, of tables and of keys; the first that has it."""
    found: dict[str, int] = {}
    table, depth, closing = "", 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        rest = line
        if closing:  # inside a string of several lines
            _, end, rest = line.partition(closing)
            if not end:
                continue
            closing = ""
        elif depth <= 0:
            depth = 0
            if header := _HEADER.match(line):
                table = _dotted(header[1])
                found.setdefault(table, number)
                continue
            if key := _KEY.match(line):
                dotted = f"{table}.{_dotted(key[1])}" if table else _dotted(key[1])
                found.setdefault(dotted, number)
                rest = line[key.end() :]
        rest, closing = _without_strings(rest)
        depth += sum(rest.count(mark) for mark in "[{") - sum(rest.count(mark) for mark in "]}")
    return found


def line_of(problem: str, lines: Mapping[str, int]) -> int | None:
    """The line of what a problem begins with: its key, or the nearest table around it."""
    best = ""
    for key in lines:
        fits = problem.startswith(key) and problem[len(key) : len(key) + 1] in {"", ".", ":", "["}
        if fits and len(key) > len(best):
            best = key
    return lines.get(best)


def _dotted(key: str) -> str:
    return ".".join(_spelled(part) for part in re.findall(_PART, key))


def _spelled(part: str) -> str:
    """As our messages spell it: quoted only where it has to be."""
    bare = part[1:-1] if part[0] in "\"'" else part
    return bare if re.fullmatch(r"[A-Za-z0-9_-]+", bare) else f'"{bare}"'


def _without_strings(text: str) -> tuple[str, str]:
    """What is left beside strings and comments, and the end of a string that goes on."""
    while True:
        starts = [(text.find(mark), mark) for mark in _LONG if mark in text]
        if not starts:
            return _STRINGS.sub("", text).partition("#")[0], ""
        begin, mark = min(starts)
        if "#" in _STRINGS.sub("", text[:begin]):  # the quotes are in a comment
            return _STRINGS.sub("", text).partition("#")[0], ""
        end = text.find(mark, begin + 3)
        if end < 0:
            return _STRINGS.sub("", text[:begin]), mark
        text = text[:begin] + text[end + 3 :]
