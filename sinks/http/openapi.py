"""The description of the API: OpenAPI, with errors as they are, and the same as rows for the page `/docs`."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from sinks.http.ports import Row
from sinks.http.shapes import Error

DESCRIPTION: Final = """\
Events in, balances and costs out. Amounts are decimal strings, times RFC 3339 in UTC. Every error is
`{"error": {"message", "type", "code"}}`. 429 and 503 carry `Retry-After`: the same may be sent again, nothing is counted
twice. A token (`meterstream token create`) is sent as `Authorization: Bearer ms_…`; a service that only this machine
reaches needs none."""
ERROR: Final = {"$ref": "#/components/schemas/Error"}
_ALWAYS: Final = (400, 404, 503)
_GUARDED: Final = (401, 403, 429)
_WITH_BODY: Final = (408, 413)
_GENERATED: Final = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` tell errors as they are: 400 in the place of FastAPI's 422, 401, 403 and 429 where a token is asked."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
            )
            app.openapi_schema = _with_errors(found)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _with_errors(found: dict[str, Any]) -> dict[str, Any]:
    shapes = found.setdefault("components", {}).setdefault("schemas", {})
    for name in _GENERATED:
        shapes.pop(name, None)
    schema = Error.model_json_schema(ref_template="#/components/schemas/{model}")
    shapes.update(schema.pop("$defs"), Error=schema)
    for operations in found["paths"].values():
        for method, operation in operations.items():
            _add_errors(operation, has_body=method == "post")
    return found


def _add_errors(operation: dict[str, Any], *, has_body: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    expected = list(_ALWAYS)
    expected += _GUARDED if operation.get("security") else ()
    expected += _WITH_BODY if has_body else ()
    for status in expected:
        content = {"application/json": {"schema": ERROR}}
        responses.setdefault(str(status), {"description": HTTPStatus(status).phrase, "content": content})
    for answer in responses.values():
        answer["description"] = answer["description"].replace("Successful Response", "OK")
    operation["responses"] = dict(sorted(responses.items()))


# --- for the page ----------------------------------------------------------------------------------------


def rows_of(description: Row) -> Iterator[Row]:
    """Each method of each path: what it is for, the scope that it needs, what goes in and what comes out."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield {
                "path": path,
                "method": method.upper(),
                "text": operation.get("description", ""),
                "scopes": [
                    scope
                    for need in operation.get("security", ())
                    for names in need.values()
                    for scope in names
                ],
                "parameters": [_parameter(each) for each in operation.get("parameters", ())],
                "bodies": list(_bodies(operation.get("requestBody", {}), description)),
                "answers": [
                    {"status": status, "text": answer["description"]}
                    for status, answer in operation["responses"].items()
                ],
            }


def _parameter(parameter: Row) -> Row:
    schema = parameter.get("schema", {})
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "needed": parameter.get("required", False),
        "kind": _kind(schema),
        "text": parameter.get("description", ""),
    }


def _bodies(body: Row, description: Row) -> Iterator[Row]:
    for kind, content in body.get("content", {}).items():
        # Alone or in an array, a body has the same fields.
        shapes = {id(each): each for each in _alternatives(content.get("schema", {}), description)}
        for schema in shapes.values():
            needed = schema.get("required", ())
            fields = [
                {"name": name, "needed": name in needed, "kind": _kind(field)}
                for name, field in schema.get("properties", {}).items()
            ]
            yield {"kind": kind, "text": schema.get("description", ""), "fields": fields}


def _alternatives(schema: Row, description: Row) -> Iterator[Row]:
    if "$ref" in schema:
        yield from _alternatives(
            description["components"]["schemas"][schema["$ref"].rpartition("/")[2]], description
        )
    elif "anyOf" in schema or "oneOf" in schema:
        for each in schema.get("anyOf") or schema["oneOf"]:
            yield from _alternatives(each, description)
    elif schema.get("type") == "array":
        yield from _alternatives(schema.get("items", {}), description)
    else:
        yield schema


def _kind(schema: Row) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(
            dict.fromkeys(_kind(each) for each in schema["anyOf"] if each.get("type") != "null")
        )
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    return str(schema.get("const", schema.get("type", "any")))
