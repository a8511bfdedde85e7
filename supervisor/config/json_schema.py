"""The JSON schema of the configuration, made from the typed one. Pure.

msgspec's own cannot state the defaults of secrets; this one has the comments, too.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct
from msgspec import inspect as shapes

from supervisor.config.fields import fields_of
from supervisor.config.schema import NAMED_SECTIONS, Config

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SIMPLE: Final[dict[type, dict[str, Any]]] = {
    shapes.AnyType: {},
    shapes.BoolType: {"type": "boolean"},
    shapes.CustomType: {"type": "string"},
    shapes.DateType: {"type": "string", "format": "date"},
    shapes.NoneType: {"type": "null"},
    shapes.TimeType: {"type": "string", "format": "time"},
}


def json_schema() -> dict[str, Any]:
    """Of the whole file."""
    sections: dict[str, Any] = {}
    for field in shapes.type_info(Config).fields:  # type: ignore[attr-defined]
        if named := NAMED_SECTIONS.get(field.name):
            sections[field.name] = {"type": "object", "additionalProperties": _table(named)}
        else:
            sections[field.name] = _table(field.type.cls)
    return {
        "$schema": _DIALECT,
        "title": "openalgo-stream",
        "type": "object",
        "properties": sections,
        "additionalProperties": False,
    }


def _table(kind: type[Struct]) -> dict[str, Any]:
    about = {field.key: field for field in fields_of(kind)}
    properties: dict[str, Any] = {}
    for field in shapes.type_info(kind).fields:  # type: ignore[attr-defined]
        told = about[field.encode_name]
        properties[field.encode_name] = {
            **_shape(field.type),
            **({"description": told.comment} if told.comment else {}),
        }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _shape(kind: shapes.Type) -> dict[str, Any]:  # noqa: PLR0911 - one per shape
    match kind:
        case shapes.Metadata(type=inner):
            return _shape(inner)
        case shapes.UnionType(types=types):
            return {"anyOf": [_shape(one) for one in types]}
        case shapes.LiteralType(values=values):
            return {"enum": list(values)}
        case shapes.ListType(item_type=inner):
            return {"type": "array", "items": _shape(inner)}
        case shapes.DictType(value_type=inner):
            return {"type": "object", "additionalProperties": _shape(inner)}
        case shapes.StructType(cls=table):
            return _table(table)
        case shapes.StrType(pattern=pattern):
            return {"type": "string", **({"pattern": pattern} if pattern else {})}
        case shapes.IntType() | shapes.FloatType():
            return _number(kind)
    return _SIMPLE[type(kind)]


def _number(kind: shapes.IntType | shapes.FloatType) -> dict[str, Any]:
    bounds = {"minimum": kind.ge, "maximum": kind.le, "exclusiveMinimum": kind.gt}
    whole = isinstance(kind, shapes.IntType)
    return {
        "type": "integer" if whole else "number",
        **{name: bound for name, bound in bounds.items() if bound is not None},
    }
