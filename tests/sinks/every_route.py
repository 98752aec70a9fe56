"""Every route of the application, with a request to each that names an account wherever the route takes one.

What a route takes is read from the application itself, so a route that is added is among them. Its body is made from
its OpenAPI description; one that this cannot make is added to `BODIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from schemas.access import Scope
from sinks.http import access


def _event(account: str) -> Any:
    return {
        "specversion": "1.0", "id": "e1", "source": "test", "type": "request.served", "subject": account,
        "time": "2026-11-01T00:00:00Z", "data": {"request": "r", "model": "m"},
    }  # fmt: skip


def _checkout(account: str) -> Any:
    page = "https://shop.example/"
    return {"account": account, "amount": "10", "success_url": page, "cancel_url": page}


def _played(_account: str) -> Any:
    return {"events": ""}


BODIES: Mapping[str, Callable[[str], Any]] = {
    "/v1/events": _event,
    "/v1/checkout": _checkout,
    "/v1/playground": _played,
}
# Their body names no account.
ABOUT_NOBODY = frozenset({"/v1/playground"})


@dataclass(frozen=True, slots=True)
class Way:
    """One method of one route. `scopes`: what it has declared, empty for a public one."""

    method: str
    path: str
    scopes: frozenset[Scope]
    takes_account: bool
    needed: tuple[str, ...]
    body: Callable[[str], Any] | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def url(self, account: str) -> str:
        """The path and the query with `account` in the place of every parameter."""
        said = quote(account, safe="")
        first, *parts = self.path.split("{")
        query = "&".join(f"{name}={said}" for name in self.needed)
        return first + "".join(said + part.partition("}")[2] for part in parts) + f"?{query}"


def ways_of(app: FastAPI) -> list[Way]:
    """Every way into `app`, save the description of it all."""
    description = app.openapi()
    return [
        _way(route, method, description)
        for route in iter_route_contexts(app.routes)
        for method in sorted(route.methods or ())
        if route.path != app.openapi_url
    ]


def _way(route: Any, method: str, description: dict[str, Any]) -> Way:
    path = str(route.path)
    body = BODIES.get(path) if method == "POST" else None
    if body is None and route.body_field is not None:
        described = description["paths"][route.path_format][method.lower()]["requestBody"]["content"]
        schema = described["application/json"]["schema"]
        body = _maker(schema, description)
    scopes = access.scopes_of(route)
    assert scopes is not None, f"{path} declares no access"
    needed = tuple(field.alias for field in route.dependant.query_params if field.field_info.is_required())
    names_account = body is not None and path not in ABOUT_NOBODY
    takes_account = "{account" in path or "account" in needed or names_account
    return Way(method, path, scopes, takes_account, needed, body)


def _maker(schema: dict[str, Any], description: dict[str, Any]) -> Callable[[str], Any]:
    return lambda account: _sample(schema, account, description)


def _sample(schema: dict[str, Any], account: str, description: dict[str, Any]) -> Any:
    """The smallest body of that schema, with `account` for every string that may be anything."""
    if "$ref" in schema:
        return _sample(
            description["components"]["schemas"][schema["$ref"].rpartition("/")[2]], account, description
        )
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return _sample(choices[0], account, description)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            needed = schema.get("required", [])
            return {name: _sample(schema["properties"][name], account, description) for name in needed}
        case "array":
            return [_sample(schema["items"], account, description)]
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case _:
            return account
