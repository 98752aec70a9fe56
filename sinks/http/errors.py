"""Errors of every route in one form: ``{"error": {"message", "type", "code"}}``, `code` being the status as text.

Refused          401, 403   who asks is not known, or may not        (sinks/http/access.py)
                 429        … is not known, and asks too often       (sinks/http/strangers.py)
Unavailable      503        ClickHouse or Kafka is away              (sinks/http/ports.py)
Overloaded       429        more comes in than can be handed on      (sinks/http/ports.py)
HTTPException    4xx        what Starlette and the routes refuse
RequestValidationError 400  parameters and bodies of another form
anything else    500        a defect: logged, and nothing of it is told
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sinks.http import access
from sinks.http.access import Refused
from sinks.http.headers import SECURITY_HEADERS
from sinks.http.ports import Overloaded, Ports, Unavailable

RETRY_AFTER_S: Final = "1"
TYPES: Final = {
    400: "invalid_request",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found",
    405: "invalid_request",
    408: "timeout",
    413: "too_large",
    415: "unsupported_media_type",
    429: "overloaded",
    501: "not_implemented",
    503: "unavailable",
}


def error(status: int, message: str, kind: str = "", **more: Any) -> JSONResponse:
    """An error as every route gives it, its type by its status unless `kind` names it; `more` stands beside it in the body."""
    kind = kind or TYPES.get(status, "internal_error" if status >= 500 else "invalid_request")
    body = {"error": {"message": message, "type": kind, "code": str(status)}}
    return JSONResponse(body | more, status_code=status)


def add_handlers(app: FastAPI) -> None:
    """Make `app` answer every error in the one form."""
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(Unavailable, _on_unavailable)
    app.add_exception_handler(Overloaded, _on_overloaded)
    app.add_exception_handler(500, _on_defect)


async def _on_http_error(request: Request, problem: Exception) -> Response:
    known = cast("HTTPException", problem)
    answer = error(known.status_code, str(known.detail or HTTPStatus(known.status_code).phrase))
    answer.headers.update(known.headers or {})
    if known.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    return answer


def _methods_of(request: Request) -> set[str]:
    """Every method that the path has: the router names those of the first route that it found."""
    path = request.scope["path"]
    routes = iter_route_contexts(request.app.routes)
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}


async def _on_bad_request(_: Request, problem: Exception) -> Response:
    errors = cast("RequestValidationError", problem).errors()
    return error(400, "; ".join(_fault(fault["loc"], fault["msg"], fault["type"]) for fault in errors))


def _fault(place: tuple[int | str, ...], message: str, kind: str) -> str:
    if kind == "json_invalid":
        return f"the body is not JSON, at character {place[-1]}"
    # What was sent is not repeated: it may be a secret.
    where = ".".join(str(part) for part in place[1:])
    return f"{where or place[0]}: {message.removeprefix('Value error, ')}"


async def _on_refused(request: Request, problem: Exception) -> Response:
    refused = cast("Refused", problem)
    if refused.status == HTTPStatus.UNAUTHORIZED and (wait_s := _held_up_s(request)):
        answer = error(
            429, f"too many requests without a good token; try again in {wait_s} s", "rate_limit_error"
        )
        answer.headers["Retry-After"] = str(wait_s)
        return answer
    answer = error(refused.status, str(refused))
    if refused.status == HTTPStatus.UNAUTHORIZED:
        by_browser = "text/html" in request.headers.get("accept", "")
        answer.headers["WWW-Authenticate"] = access.BROWSER_REALM if by_browser else access.REALM
    return answer


def _held_up_s(request: Request) -> int:
    ports: Ports = request.app.state.ports
    return ports.strangers.wait_s(request.scope.get("client"))


async def _on_overloaded(_: Request, problem: Exception) -> Response:
    answer = error(429, str(problem))
    answer.headers["Retry-After"] = RETRY_AFTER_S
    return answer


async def _on_unavailable(_: Request, problem: Exception) -> Response:
    answer = error(503, str(problem))
    answer.headers["Retry-After"] = RETRY_AFTER_S
    return answer


async def _on_defect(_: Request, __: Exception) -> Response:
    # The server logs it; what went wrong inside is nobody's business outside. Answered outside of the guard, which
    # sets the headers of everything else.
    answer = error(500, "internal error")
    answer.headers.update(SECURITY_HEADERS)
    return answer
