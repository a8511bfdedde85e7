"""The description of the API, made of the table of calls and their typed requests and replies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from bus import __version__
from marketdata.api.endpoint import Endpoint
from marketdata.api.replies.common import Failure

_REF: Final = "#/components/schemas/{name}"
#: What a text has to look like to be taken for a number.
_NUMERALS: Final = {
    "integer": r"^-?[0-9]{1,15}$",
    "number": r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$",
}
#: The answers that any call may have beside its own.
_FAILURES: Final = {
    "400": "The request is not as described, or breaks a rule of the sandbox",
    "403": "The key is unknown, or its role does not hold the right",
    "404": "No such order, instrument or price",
    "413": "The request is too large",
    "429": "Too many requests of this key, or at a time",
    "500": "A defect of the service",
    "502": "The last tick is damaged",
    "503": "The paper account is not open now, or recordings cannot be read in time",
}


def describe(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    types = [endpoint.request for endpoint in endpoints]
    types_out = [endpoint.reply for endpoint in endpoints] + [Failure]
    requests, taken = msgspec.json.schema_components(types, ref_template=_REF)
    replies, given = msgspec.json.schema_components(types_out, ref_template=_REF)
    failure = replies[-1]
    schemas = {name: _lax(schema) for name, schema in taken.items()}
    schemas |= {f"{name}Reply": _renamed(schema) for name, schema in given.items()}
    paths: dict[str, Any] = {}
    for endpoint, request, reply in zip(endpoints, requests, replies, strict=False):
        paths[endpoint.path] = {
            endpoint.method.lower(): {
                "summary": endpoint.summary,
                "operationId": endpoint.path.strip("/").replace("/", "_"),
                "security": [{"header": []}, {}],
                **_asked(endpoint, request, schemas),
                "responses": {
                    "200": {"description": "Done", **_json(_renamed(reply))},
                    **{
                        status: {"description": text, **_json(_renamed(failure))}
                        for status, text in _FAILURES.items()
                    },
                },
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "openalgo-stream market-data service",
            "version": __version__,
            "description": "Prices on request and paper trading. The API key is the field "
            "`apikey` of the request, as in OpenAlgo's API, or the header `X-API-KEY`.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"header": {"type": "apiKey", "in": "header", "name": "X-API-KEY"}},
        },
    }


def _asked(endpoint: Endpoint, request: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """How a request is sent: as a body, or field by field in the address."""
    if endpoint.method == "POST":
        return {"requestBody": {"required": True, **_json(request)}}
    schema = schemas[request["$ref"].rpartition("/")[2]]
    required = schema.get("required", ())
    parameters = [
        {"name": name, "in": "query", "required": name in required, "schema": kind}
        for name, kind in schema["properties"].items()
    ]
    return {"parameters": parameters}


def _json(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _renamed(schema: Any) -> Any:
    """References among the replies, which have a name space of their own."""
    if isinstance(schema, dict):
        if (ref := schema.get("$ref")) is not None:
            return {"$ref": f"{ref}Reply"}
        return {key: _renamed(value) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_renamed(value) for value in schema]
    return schema


def _lax(schema: Any) -> Any:
    """A number of a request may be written as text."""
    if isinstance(schema, list):
        return [_lax(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    pattern = _NUMERALS.get(schema.get("type", "")) if "properties" not in schema else None
    if pattern is None:
        return {key: _lax(value) for key, value in schema.items()}
    number = {key: value for key, value in schema.items() if key != "default"}
    either: dict[str, Any] = {"anyOf": [number, {"type": "string", "pattern": pattern}]}
    if "default" in schema:
        either["default"] = schema["default"]
    return either
