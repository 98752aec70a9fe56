"""`POST /v1/webhooks/stripe`: 200 once Kafka has it, 400 for what is forged or stale, 503 so that Stripe tells it again."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import httpx
import pytest

from sinks.http.ports import Ports, Unavailable
from sinks.payments.stripe_events import StripeEvents
from sinks.payments.stripe_webhook import StripeWebhook
from tests.sinks.calling import Caller, call, error_of
from tests.sinks.fakes import KeptEvents
from tests.sinks.stripe_words import SECRET, body_of, charge, intent, signed, told

OTHER_SECRET = "whsec_new"
PATH = "/v1/webhooks/stripe"
PAID = body_of(told("payment_intent.succeeded", intent()))


def nobody(_payment: str, _account: str | None) -> str | None:
    return None


def no_store() -> Any:
    """ClickHouse is away."""
    raise Unavailable("ClickHouse")


class Service:
    """The service with Stripe's webhooks set up, and a Kafka to look into."""

    def __init__(self, *secrets: str) -> None:
        self.kafka = KeptEvents()
        events = StripeEvents(nobody, pause=lambda _: None)
        adapters = {"stripe": StripeWebhook(secrets or (SECRET,), events)}
        self.caller = Caller(Ports(no_store, events=self.kafka, webhooks=adapters))

    def post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        raw = {name: value.encode("latin-1") for name, value in headers.items()}
        return call(self.caller.app, "POST", PATH, content=body, headers=raw)


def test_a_webhook_is_answered_when_kafka_has_its_event() -> None:
    service = Service()

    answer = service.post(PAID, signed(PAID))

    assert (answer.status_code, answer.json()) == (200, {"received": True, "outcome": "taken", "events": 1})
    assert [(event.account, event.type) for event in service.kafka.sent] == [("acme", "payment.succeeded")]


def test_while_kafka_is_away_stripe_is_asked_to_tell_it_again_and_nothing_is_lost() -> None:
    service = Service()
    service.kafka.problem = Unavailable("Kafka does not acknowledge")
    refused = service.post(PAID, signed(PAID))
    service.kafka.problem = None
    taken = service.post(PAID, signed(PAID))

    assert error_of(refused) == (503, "unavailable", "Kafka does not acknowledge")
    assert taken.status_code == 200
    assert len(service.kafka.sent) == 1


def test_a_replayed_webhook_is_the_same_event_byte_for_byte() -> None:
    service = Service()
    headers = signed(PAID)

    answers = [service.post(PAID, headers).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert len(set(service.kafka.sent)) == 1


FORGED = {
    "no signature": ({}, "no Stripe-Signature"),
    "another secret": (signed(PAID, "whsec_of_somebody"), "No signatures found matching the expected signature for payload"),
    "another body": (signed(PAID + b" "), "No signatures found matching the expected signature for payload"),
    "garbage": ({"stripe-signature": "t=now,v1=x"}, "Unable to extract timestamp and signatures from header"),
    "another scheme": ({"stripe-signature": f"t={int(time.time())},v0=abc"}, "No signatures found with expected scheme v1"),
    "letters": ({"stripe-signature": f"t={int(time.time())},v1=\u00e9"}, "no Stripe-Signature"),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "reason"), FORGED.values(), ids=FORGED)
def test_a_forged_webhook_is_refused_and_leaves_nothing(headers: dict[str, str], reason: str) -> None:
    service = Service()

    answer = service.post(PAID, headers)

    assert error_of(answer) == (400, "invalid_request", f"the signature does not hold: {reason}")
    assert service.kafka.sent == []


@pytest.mark.parametrize(("age_s", "status"), [(290, 200), (310, 400)])
def test_a_signature_holds_for_five_minutes(age_s: int, status: int) -> None:
    service = Service()

    answer = service.post(PAID, signed(PAID, at_s=int(time.time()) - age_s))

    assert answer.status_code == status
    if status == 400:
        assert error_of(answer)[2].startswith(
            "the signature does not hold: Timestamp outside the tolerance zone"
        )


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_two_secrets_hold_while_one_is_exchanged_for_the_other(secret: str) -> None:
    assert Service(SECRET, OTHER_SECRET).post(PAID, signed(PAID, secret)).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"7", b"null", b'{"id": 1}', b'{"id":"e","type":"t","created":1,"data":[]}']
)
def test_what_is_signed_and_no_event_is_refused(body: bytes) -> None:
    status, kind, message = error_of(Service().post(body, signed(body)))

    assert (status, kind) == (400, "invalid_request")
    assert message.startswith("this is no event that can be read")


def test_bytes_that_are_no_text_are_refused() -> None:
    answer = Service().post(b"\xff\xfe", {"stripe-signature": "t=1,v1=00"})

    assert error_of(answer)[:2] == (400, "invalid_request")


def test_a_body_beyond_the_limit_is_refused() -> None:
    assert Service().post(b" " * 3_000_000, signed(b"")).status_code == 413


def test_other_types_are_received_and_ignored() -> None:
    service = Service()
    body = body_of(told("invoice.paid", {"id": "in_1"}))

    answer = service.post(body, signed(body))

    assert (answer.status_code, answer.json()) == (200, {"received": True, "outcome": "ignored", "events": 0})
    assert service.kafka.sent == []


def test_money_of_no_account_is_received_counted_and_logged_by_its_ids(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = Service()
    stranger = intent(metadata={}, receipt_email="jane@example.com")
    body = body_of(told("payment_intent.succeeded", stranger))

    with caplog.at_level(logging.WARNING):
        answer = service.post(body, signed(body))

    assert answer.json() == {"received": True, "outcome": "unassigned", "events": 0}
    counted = 'meterstream_payment_webhooks_total{outcome="unassigned",provider="stripe"} 1.0'
    assert counted in service.caller.app.state.metrics.expose().decode()
    assert "evt_1: pi_1 names no account" in caplog.text
    assert "jane@" not in caplog.text


def test_a_refund_before_its_payment_is_asked_for_again() -> None:
    service = Service()
    early = told("charge.refunded", charge(), created=int(time.time()), previous={"amount_refunded": 0})

    answer = service.post(body_of(early), signed(body_of(early)))

    assert error_of(answer)[:2] == (503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("provider", ["stripe", "paypal"])
def test_without_a_secret_there_is_no_such_webhook_and_the_answer_says_what_to_set(provider: str) -> None:
    caller = Caller(Ports(no_store, events=KeptEvents()))

    status, kind, message = error_of(caller.post(f"/v1/webhooks/{provider}", PAID, **signed(PAID)))

    assert (status, kind) == (404, "not_found")
    assert ("METERSTREAM_STRIPE_WEBHOOK_SECRET" in message) == (provider == "stripe")


def test_no_token_is_asked_for_where_the_signature_tells_who_it_is() -> None:
    caller = Caller(Ports(no_store, anonymous=False))

    assert caller.post(PATH, PAID).status_code == 404


def test_secrets_and_bodies_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    service = Service()
    with caplog.at_level(logging.DEBUG):
        for body, headers in ((PAID, signed(PAID, "whsec_x")), (PAID, signed(PAID)), (b"{", signed(b"{"))):
            service.post(body, headers)

    assert SECRET not in caplog.text
    assert json.loads(PAID)["data"]["object"]["latest_charge"] not in caplog.text
