"""`/v1/webhooks/…`: payment providers tell what happened; their adapters make events of it.

Promises: 200 only after Kafka has acknowledged what was told, so that a provider tells again what we do not have;
400 for what is forged, stale or unreadable; nothing of a body is logged, only the ids that an adapter names.
"""

from __future__ import annotations

import logging
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from schemas.adapters import Outcome, TooEarly, WebhookRefused
from sinks.http.access import PUBLIC
from sinks.http.metrics import Metrics
from sinks.http.ports import Ports, Unavailable

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/webhooks", tags=["payments"])


class Received(BaseModel):
    """What became of a webhook."""

    received: bool = True
    outcome: Outcome
    events: int


# The provider's signature is checked by its adapter.
@router.post("/{provider}", dependencies=[PUBLIC])
async def receive(provider: str, request: Request) -> Received:
    """Take a payment provider's webhook; its signature is checked over the bytes as they come."""
    ports: Ports = request.app.state.ports
    counted: Metrics = request.app.state.metrics
    adapter = ports.webhooks.get(provider)
    if adapter is None or ports.events is None:
        raise HTTPException(
            404, _NOT_SET_UP.get(provider, f"no payment provider {provider!r} is set up here")
        )
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        told = await run_in_threadpool(adapter.read, body, headers)
    except WebhookRefused as refused:
        counted.webhook(provider, "refused")
        log.warning("webhook of %s refused: %s", provider, refused)
        raise HTTPException(400, str(refused)) from None
    except TooEarly as early:
        counted.webhook(provider, "early")
        raise Unavailable(str(early)) from None
    await ports.events.send(told.events)
    counted.webhook(provider, told.outcome.value)
    if told.outcome is Outcome.UNASSIGNED:
        log.warning("webhook %s of %s moves money of no account: %s", told.kind, provider, told.detail)
    return Received(outcome=told.outcome, events=len(told.events))


_NOT_SET_UP: Final = {
    "stripe": "webhooks of Stripe are not set up: METERSTREAM_STRIPE_WEBHOOK_SECRET is not set"
}
