"""What the configuration can say, read off the typed schema: sections, keys, values, comments.

The comments are those of the source, `#:` above each field, so nothing is written twice.
"""

from __future__ import annotations

import ast
import functools
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec import inspect as shapes

from bus.secret import Secret
from supervisor.config.schema import NAMED_SECTIONS, Config

_MARK: Final = "#:"


@dataclass(frozen=True)
class Field:
    """One key: what it may be in words, its default as TOML (None: it has none), and its
    comment, empty where it shares that of the key before it."""

    key: str
    allowed: str
    default: str | None
    comment: str


@dataclass(frozen=True)
class Section:
    """One table: `proxy`, or `adapters` with a name of the user's own."""

    name: str
    named: bool
    comment: str
    fields: tuple[Field, ...]


@functools.cache
def sections() -> tuple[Section, ...]:
    """All of them, those with names first, then in the order of the schema."""
    found = []
    for field in msgspec.structs.fields(Config):
        kind = NAMED_SECTIONS.get(field.name, field.type)
        named = field.name in NAMED_SECTIONS
        about = (inspect.getdoc(kind) or "").partition("\n\n")[0]
        comment = about.partition(": ")[2].replace("\n", " ")
        found.append(Section(field.name, named, comment, fields_of(kind)))
    return tuple(sorted(found, key=lambda section: not section.named))


def fields_of(kind: type[Struct]) -> tuple[Field, ...]:
    """The keys of one table, in the order of its struct."""
    comments = _comments(kind)
    types = {field.encode_name: field.type for field in shapes.type_info(kind).fields}  # type: ignore[attr-defined]
    return tuple(
        Field(
            field.encode_name,
            allowed(types[field.encode_name]),
            _default(field),
            comments.get(field.name, ""),
        )
        for field in msgspec.structs.fields(kind)
    )


def _default(field: msgspec.structs.FieldInfo) -> str | None:
    if field.default_factory is not NODEFAULT:
        return toml(field.default_factory())
    if field.default is NODEFAULT or field.default is None:
        return None
    return toml(field.default)


def _comments(kind: type[Struct]) -> dict[str, str]:
    """Field -> the comment above it, of a struct and of those that it is made from."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base is Struct or not issubclass(base, Struct):
            continue
        source = inspect.getsource(base)
        lines = source.splitlines()
        for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found[node.target.id] = _above(lines, node.lineno - 1)
    return found


def _above(lines: Sequence[str], index: int) -> str:
    words: list[str] = []
    while index > 0 and (line := lines[index - 1].strip()).startswith(_MARK):
        words.insert(0, line.removeprefix(_MARK).strip())
        index -= 1
    return " ".join(words)


# --- in words -------------------------------------------------------------------------------


def allowed(kind: shapes.Type) -> str:  # noqa: PLR0911 - one per shape
    """What a value may be, for people."""
    match kind:
        case shapes.Metadata(type=inner):
            return allowed(inner)
        case shapes.UnionType(types=types):
            return " or ".join(allowed(one) for one in types if not _is_none(one))
        case shapes.LiteralType(values=values):
            return "one of " + ", ".join(json.dumps(value) for value in values)
        case shapes.ListType(item_type=inner):
            return f"a list of: {allowed(inner)}"
        case shapes.DictType(key_type=key, value_type=inner):
            return f"a table: {allowed(key)} = {allowed(inner)}"
        case shapes.StructType(fields=fields):
            return "a table with " + ", ".join(field.encode_name for field in fields)
        case shapes.CustomType():
            return 'text, "env:VAR" or "file:PATH"'
        case shapes.IntType(ge=low, le=high) | shapes.FloatType(ge=low, le=high):
            number = "a whole number" if isinstance(kind, shapes.IntType) else "a number"
            return number + _range(low, high, kind.gt)
        case _:
            return _WORDS.get(type(kind), "anything")


_WORDS: Final[dict[type, str]] = {
    shapes.BoolType: "true or false",
    shapes.StrType: "text",
    shapes.TimeType: "a time like 08:35:00",
    shapes.DateType: "a day like 2026-01-26",
}


def _is_none(kind: shapes.Type) -> bool:
    return isinstance(kind, shapes.NoneType)


def _range(low: float | None, high: float | None, above: float | None) -> str:
    parts = []
    if above is not None:
        parts.append(f"above {above:g}")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    if low is not None:
        parts.append(f"{low:g} or more")
    if high is not None:
        parts.append(f"{high:g} at most")
    return ", ".join(["", *parts])


# --- as TOML --------------------------------------------------------------------------------


def toml(value: Any) -> str:  # noqa: PLR0911 - one per type
    """A value as TOML spells it; secrets are hidden. Times and days are values of their own."""
    match value:
        case bool():
            return "true" if value else "false"
        case Secret():
            return '"***"' if value else '""'
        case time() | date():
            return value.isoformat()
        case Mapping():
            inner = ", ".join(f"{toml_key(key)} = {toml(one)}" for key, one in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case list() | tuple():
            return "[" + ", ".join(toml(one) for one in value) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case float():
            return f"{value:g}" if "e" not in f"{value:g}" else repr(value)
        case _:
            return repr(value)


def toml_key(key: str) -> str:
    """A key as TOML spells it."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
