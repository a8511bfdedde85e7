"""Every effective value, and from where it comes: file and line, environment, or default."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from bus.secret import Secret
from supervisor.config.environment import OPENALGO_VARIABLES, fill, variable_of
from supervisor.config.load import load, read_table
from supervisor.config.schema import NAMED_SECTIONS, Config
from supervisor.config.where import line_of, lines_of

#: Keys inside free tables whose values nobody needs to see.
_HIDDEN: Final = re.compile(
    r"secret|password|passwd|token|api_key|credential|private", re.IGNORECASE
)
#: User and password in an address.
_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]+@")

Kind = Literal["file", "environment", "default", "derived"]


@dataclass(frozen=True)
class Effective:
    """One key in force. `line` is that of the file, `source` the variable or where a credential
    is fetched; `value` has `Secret`s, which are hidden wherever they are shown."""

    key: str
    value: Any
    kind: Kind
    line: int | None = None
    source: str = ""


def effective(path: Path | None, environ: Mapping[str, str]) -> list[Effective]:
    """Section by section, in the order of the schema.

    Raises:
        ConfigError, UserError: as `load` does.
    """
    settings = load(path, environ)
    table = read_table(path)
    filled = copy.deepcopy(table)
    fill(filled, environ)
    lines = lines_of(path.read_text(encoding="utf-8")) if path is not None else {}
    found = []
    for key, value in _leaves(settings):
        written, said = _at(table, key)
        told, _ = _at(filled, key)
        if written:
            source = said if isinstance(said, str) and said.startswith(_FETCHED) else ""
            found.append(Effective(key, value, "file", line_of(key, lines), source))
        elif told:
            found.append(Effective(key, value, "environment", source=_variable(key, environ)))
        elif _is_default(key, value):
            found.append(Effective(key, value, "default"))
        else:
            source = str(settings.openalgo.env_file) if key.startswith("openalgo.") else ""
            found.append(Effective(key, value, "derived", source=source))
    return found


_FETCHED: Final = ("env:", "file:", "openalgo:")


def _leaves(settings: Config) -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(Config):
        section = getattr(settings, field.name)
        if field.name in NAMED_SECTIONS:
            for name, entry in section.items():
                yield from _of(f"{field.name}.{name}", entry)
        else:
            yield from _of(field.name, section)


def _of(where: str, entry: Struct) -> Iterator[tuple[str, Any]]:
    for field in msgspec.structs.fields(entry):
        value = getattr(entry, field.name)
        key = f"{where}.{field.name}"
        if not isinstance(value, dict) or not value:
            yield key, _hidden(field.name, value)
            continue
        for name, one in value.items():
            inner = f"{key}.{_quoted(name)}"
            if isinstance(one, Struct):
                yield from _of(inner, one)
            else:
                yield inner, _hidden(name, one)


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def _hidden(name: str, value: Any) -> Any:
    """Typed secrets are; free tables and simulators have values that only their name tells."""
    if not isinstance(value, str):
        return value
    if value and _HIDDEN.search(name):
        return Secret(value)
    return _USERINFO.sub("***@", value)


def _parts(key: str) -> list[str]:
    return [part.strip('"') for part in re.findall(r'"[^"]*"|[^.]+', key)]


def _at(table: Mapping[str, Any], key: str) -> tuple[bool, Any]:
    """Whether the key is there, and its value."""
    place: Any = table
    for part in _parts(key):
        if not isinstance(place, Mapping) or part not in place:
            return False, None
        place = place[part]
    return True, place


def _variable(key: str, environ: Mapping[str, str]) -> str:
    section, *_, last = _parts(key)
    own = variable_of(section, last)
    if own in environ and section not in NAMED_SECTIONS:
        return own
    known = (name for name, place in OPENALGO_VARIABLES.items() if place == (section, last))
    return next(known, own)


def _is_default(key: str, value: Any) -> bool:
    """Whether nobody said anything and nothing was made of anything else."""
    section, *names, last = _parts(key)
    kind = NAMED_SECTIONS.get(section)
    blank: Any = getattr(Config(), section) if kind is None else kind()
    if kind is not None:
        names = names[1:]
    if names:  # inside a free table: only what its own kind has can have a default
        return False
    return bool(getattr(blank, last, None) == value)
