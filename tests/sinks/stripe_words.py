"""Stripe's words for tests: snapshot events as its API documents them, signed as it signs them."""

from __future__ import annotations

import json
from typing import Any

from stripe import WebhookSignature

SECRET = "whsec_tests"
NOW_S = 1_795_600_000
Value = dict[str, Any]


def intent(**changes: Any) -> Value:
    """A PaymentIntent over 20.00 USD of the account `acme`."""
    return {
        "id": "pi_1", "object": "payment_intent", "amount": 2000, "amount_received": 2000, "currency": "usd", "status": "succeeded",
        "created": NOW_S - 60, "metadata": {"account": "acme"}, "payment_method_types": ["card"], "latest_charge": "ch_1", "livemode": False,
    } | changes  # fmt: skip


def session(**changes: Any) -> Value:
    """A paid checkout session that somebody else made for `acme`."""
    return {
        "id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
        "payment_intent": "pi_1", "amount_total": 2000, "currency": "usd", "client_reference_id": "acme", "metadata": {},
        "payment_method_types": ["card", "link"], "created": NOW_S - 90, "livemode": False,
    } | changes  # fmt: skip


def charge(**changes: Any) -> Value:
    """A charge of `pi_1`, of which 5.00 went back."""
    return {
        "id": "ch_1", "object": "charge", "amount": 2000, "amount_refunded": 500, "currency": "usd", "payment_intent": "pi_1",
        "refunded": False, "metadata": {"account": "acme"}, "created": NOW_S - 60, "livemode": False,
    } | changes  # fmt: skip


def dispute(**changes: Any) -> Value:
    """The card's holder wants the 20.00 back."""
    return {
        "id": "dp_1", "object": "dispute", "amount": 2000, "currency": "usd", "charge": "ch_1", "payment_intent": "pi_1",
        "status": "needs_response", "reason": "fraudulent", "created": NOW_S - 5, "metadata": {}, "livemode": False,
    } | changes  # fmt: skip


def told(
    kind: str, value: Value, *, event: str = "evt_1", created: int = NOW_S, previous: Value | None = None
) -> Value:
    """The event that tells it."""
    data: Value = {"object": value}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": event, "object": "event", "api_version": "2026-10-28.endive", "created": created, "type": kind, "data": data,
        "livemode": False, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None},
    }  # fmt: skip


def body_of(event: Value) -> bytes:
    """The bytes that Stripe posts."""
    return json.dumps(event, indent=2).encode()


def signed(body: bytes, secret: str = SECRET, at_s: int | None = None) -> dict[str, str]:
    """The headers of a webhook, signed now or `at_s`."""
    signature = WebhookSignature.generate_signature_header(body.decode(), secret, at_s)
    return {"stripe-signature": signature, "content-type": "application/json; charset=utf-8"}
