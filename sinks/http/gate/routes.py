"""`/v1/authorize` in the API's description; `front` answers it before routing, this only where there is no gate."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer

from sinks.http.access import PUBLIC
from sinks.http.gate.front import PATH
from sinks.http.ports import Unavailable

_HEADERS: Final = {
    "x-ratelimit-limit-requests": ("integer", "Requests a minute of the key's tier."),
    "x-ratelimit-remaining-requests": ("integer", "What is left of them in this minute."),
    "x-ratelimit-reset-requests": ("integer", "When the minute ends, Unix time in seconds."),
}
_AGAIN: Final = {"Retry-After": ("integer", "Seconds to wait.")}
_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code"],
            "properties": {name: {"type": "string"} for name in ("message", "type", "code")},
        }
    },
}
_ALLOWED: Final = {"type": "object", "required": ["allowed"], "properties": {"allowed": {"type": "boolean"}}}


def _said(
    words: str, schema: dict[str, Any], more: dict[str, tuple[str, str]] | None = None
) -> dict[str, Any]:
    headers = {
        name: {"schema": {"type": kind}, "description": text}
        for name, (kind, text) in (_HEADERS | (more or {})).items()
    }
    return {"description": words, "headers": headers, "content": {"application/json": {"schema": schema}}}


_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: _said("Serve it. `x-meterstream-account` names the account.", _ALLOWED),
    401: _said("No key, or one that no account has.", _ERROR),
    402: _said("The account has no credit.", _ERROR),
    429: _said(
        "The key has made its requests of this minute, or one address too many with none that is known.",
        _ERROR,
        _AGAIN,
    ),
    503: _said("The balance is not known at present.", _ERROR, _AGAIN),
}

_key = HTTPBearer(scheme_name="key", description="The API key of the caller to be served", auto_error=False)
router = APIRouter(tags=["gate"], dependencies=[PUBLIC, Depends(_key)])


def authorize() -> None:
    """Whether the holder of this API key may be served now; for proxies and services that ask before they serve."""
    raise Unavailable("this service has no gate")


router.add_api_route(PATH, authorize, methods=["GET"], responses=_RESPONSES)
router.add_api_route(PATH, authorize, methods=["POST"], responses=_RESPONSES, operation_id="authorize_post")
