"""The application: routes, errors in one form, metrics.

Promises: every error is ``{"error": {"message", "type", "code"}}``; nothing is loaded from another host; an
account that nothing is known of is 404, a store that does not answer is 503.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from fastapi.routing import iter_route_contexts
from starlette.responses import Response

from sinks.http import (
    access,
    accounts,
    advice,
    analysis,
    checkout,
    errors,
    events,
    metrics,
    notices,
    pages,
    webhooks,
)
from sinks.http.access import PUBLIC, Reader
from sinks.http.dashboard import live, reads
from sinks.http.dashboard import pages as dashboard
from sinks.http.gate import routes as gate_routes
from sinks.http.gate.front import GateFront
from sinks.http.gate.metrics import GateMetrics
from sinks.http.guard import Guard
from sinks.http.openapi import describe
from sinks.http.ports import Ports, Unavailable


def create_app(ports: Ports) -> FastAPI:
    """The service over `ports`."""
    # FastAPI's own pages of documentation load scripts from another host.
    app = FastAPI(
        title="meterstream",
        description="Accounts, balances and costs.",
        version="1",
        docs_url=None,
        redoc_url=None,
        # A path that is nearly right is unknown: a redirect would be an answer of another form.
        redirect_slashes=False,
    )
    app.state.ports = ports
    app.state.metrics = metrics.Metrics(ports)
    app.include_router(events.router)
    app.include_router(accounts.router)
    app.include_router(analysis.router)
    app.include_router(notices.router)
    app.include_router(webhooks.router)
    app.include_router(gate_routes.router)
    app.include_router(advice.router)
    app.include_router(checkout.router)
    for router in (reads.router, live.router, dashboard.router):
        app.include_router(router)
    app.include_router(pages.router)
    app.add_api_route("/healthz", _healthz, include_in_schema=False, dependencies=[PUBLIC])
    app.add_api_route("/readyz", _readyz, include_in_schema=False, dependencies=[PUBLIC])
    app.add_api_route("/metrics", _metrics, include_in_schema=False)
    errors.add_handlers(app)
    app.add_middleware(Guard, hosts=ports.hosts, count=app.state.metrics.count)
    if ports.gate is not None:
        app.state.metrics.registry.register(GateMetrics(ports.gate))
        app.add_middleware(
            GateFront, gate=ports.gate, strangers=ports.strangers, count=app.state.metrics.count
        )
    describe(app)
    _check_routes(app)
    return app


def _check_routes(app: FastAPI) -> None:
    """Every route says who may call it: one that forgets is a defect, found before it serves anybody."""
    for route in iter_route_contexts(app.routes):
        if route.path != app.openapi_url and access.scopes_of(route) is None:
            raise RuntimeError(f"route {route.path} declares no access: see sinks/http/access.py")


def _healthz() -> Response:
    """This process serves."""
    return PlainTextResponse("ok\n")


def _readyz(request: Request) -> Response:
    """This process can answer questions: ClickHouse answers it, and what it keeps in memory has been read."""
    ports: Ports = request.app.state.ports
    ports.reports().accounts(1)
    for ask in ports.ready:
        if waits_for := ask():
            raise Unavailable(waits_for)
    return PlainTextResponse("ok\n")


def _metrics(request: Request, caller: Reader) -> Response:
    caller.check_all_accounts()
    found: metrics.Metrics = request.app.state.metrics
    return Response(found.expose(), media_type="text/plain; version=0.0.4; charset=utf-8")
