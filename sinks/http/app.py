"""The application: routes, errors in one form, metrics.

Promises: every error is ``{"error": {"message", "type", "code"}}``; nothing is loaded from another host; an
account that nothing is known of is 404, a store that does not answer is 503.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sinks.http import access, accounts, metrics, pages
from sinks.http.access import PUBLIC, Reader, Refused
from sinks.http.ports import Overloaded, Ports, Unavailable

# Pages need nothing but their own style; no other site may frame them.
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_TYPES: Final = {
    400: "invalid_request",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found",
    405: "invalid_request",
    422: "invalid_request",
    429: "overloaded",
    503: "unavailable",
}


def create_app(ports: Ports) -> FastAPI:
    """The service over `ports`."""
    # FastAPI's own pages of documentation load scripts from another host.
    app = FastAPI(
        title="meterstream",
        description="Accounts, balances and costs.",
        version="1",
        docs_url=None,
        redoc_url=None,
    )
    app.state.ports = ports
    app.state.metrics = metrics.Metrics(ports)
    app.include_router(accounts.router)
    app.include_router(pages.router)
    app.add_api_route("/healthz", _healthz, include_in_schema=False, dependencies=[PUBLIC])
    app.add_api_route("/readyz", _readyz, include_in_schema=False, dependencies=[PUBLIC])
    app.add_api_route("/metrics", _metrics, include_in_schema=False)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_bad_request)
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(Unavailable, _on_unavailable)
    app.add_exception_handler(Overloaded, _on_overloaded)
    app.add_exception_handler(500, _on_defect)
    app.middleware("http")(_observe)
    _check_routes(app)
    return app


def _check_routes(app: FastAPI) -> None:
    """Every route says who may call it: one that forgets is a defect, found before it serves anybody."""
    for route in iter_route_contexts(app.routes):
        if route.path != app.openapi_url and access.scopes_of(route) is None:
            raise RuntimeError(f"route {route.path} declares no access: see sinks/http/access.py")


def error(status: int, message: str) -> JSONResponse:
    """An error as every route gives it."""
    kind = _TYPES.get(status, "internal_error" if status >= 500 else "invalid_request")
    return JSONResponse(
        {"error": {"message": message, "type": kind, "code": str(status)}}, status_code=status
    )


async def _observe(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    hosts = request.app.state.ports.hosts
    if hosts and (request.url.hostname or "") not in hosts:
        # A page of another site that had its name point here reads nothing.
        return error(403, "this service answers to its own names only")
    response = await call_next(request)
    route = request.scope.get("route")
    request.app.state.metrics.count(getattr(route, "path", "unmatched"), response.status_code)
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _on_http_error(_: Request, problem: Exception) -> Response:
    known = cast("HTTPException", problem)
    return error(known.status_code, str(known.detail or HTTPStatus(known.status_code).phrase))


async def _on_bad_request(_: Request, problem: Exception) -> Response:
    errors = cast("RequestValidationError", problem).errors()
    faults = [f"{'.'.join(str(part) for part in fault['loc'][1:])}: {fault['msg']}" for fault in errors]
    return error(400, "; ".join(faults))


async def _on_defect(_: Request, __: Exception) -> Response:
    # The server logs it; what went wrong inside is nobody's business outside.
    return error(500, "internal error")


async def _on_refused(request: Request, problem: Exception) -> Response:
    refused = cast("Refused", problem)
    answer = error(refused.status, str(refused))
    if refused.status == HTTPStatus.UNAUTHORIZED:
        by_browser = "text/html" in request.headers.get("accept", "")
        answer.headers["WWW-Authenticate"] = access.BROWSER_REALM if by_browser else access.REALM
    return answer


async def _on_overloaded(_: Request, problem: Exception) -> Response:
    answer = error(429, str(problem))
    answer.headers["Retry-After"] = "1"
    return answer


async def _on_unavailable(_: Request, problem: Exception) -> Response:
    return error(503, str(problem))


def _healthz() -> Response:
    """This process serves."""
    return PlainTextResponse("ok\n")


def _readyz(request: Request) -> Response:
    """This process can answer questions: ClickHouse answers it."""
    request.app.state.ports.reports().accounts(1)
    return PlainTextResponse("ok\n")


def _metrics(request: Request, caller: Reader) -> Response:
    caller.check_all_accounts()
    found: metrics.Metrics = request.app.state.metrics
    return Response(found.expose(), media_type="text/plain; version=0.0.4; charset=utf-8")
