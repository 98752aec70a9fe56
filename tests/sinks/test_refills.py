"""Auto-refills against a Stripe over HTTP, by Stripe's own library: charged once, declined once, never after their time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from schemas.adapters import PaymentAdapter
from schemas.records import Command
from schemas.values import instant_of, instant_text
from schemas.wire import output_struct
from sinks.payments.refills import SEARCH_LAGS_MS, Refills
from sinks.payments.stripe_api import StripeApi, StripeDown
from sinks.payments.stripe_events import StripeEvents
from sinks.payments.stripe_webhook import StripeWebhook
from tests.fake_stripe import AUTHENTICATE, DECLINED, KEY, VISA, FakeStripe, fake_stripe
from tests.sinks.fakes import Clock
from tests.sinks.stripe_words import SECRET, body_of, signed, told

DUE = "2026-11-25T10:00:00.700Z"
DUE_MS = instant_of(DUE)
HOUR_MS = 3_600_000
COMMAND: Any = output_struct(Command)


@pytest.fixture
def clock() -> Clock:
    return Clock(DUE_MS + 1_000)


@pytest.fixture
def stripe(clock: Clock) -> Iterator[FakeStripe]:
    with fake_stripe(now_s=clock.now_s) as running:
        yield running


@pytest.fixture
def refills(stripe: FakeStripe, clock: Clock) -> Refills:
    return Refills(StripeApi(KEY, stripe.base), now_ms=clock.now_ms)


def command(name: str = "cmd_1", account: str = "acme", **changes: Any) -> Any:
    fields = {
        "id": name, "account": account, "time": DUE, "cause": {"source": "timer", "id": "t"}, "type": "payment.refill", "reason": "auto_refill",
        "amount": "20.00", "currency": "USD", "until": instant_text(DUE_MS + 24 * HOUR_MS),
    }  # fmt: skip
    return msgspec.convert({name: value for name, value in (fields | changes).items() if value}, COMMAND)


def carried(refills: Refills, wanted: Any) -> dict[str, Any]:
    (event,) = refills.carry_out(wanted)
    found: dict[str, Any] = json.loads(event.raw)
    return found


def webhook() -> PaymentAdapter:
    return StripeWebhook([SECRET], StripeEvents(lambda _payment, _account: None))


def test_the_saved_card_is_charged_and_the_answer_tells_it(stripe: FakeStripe, refills: Refills) -> None:
    customer = stripe.add_customer("acme")

    found = carried(refills, command())

    assert (found["type"], found["id"], found["subject"]) == ("payment.succeeded", "pi_1/succeeded", "acme")
    assert found["data"] == {
        "payment": "pi_1", "method": "card", "amount": "20", "currency": "USD", "refill": "cmd_1",
    }  # fmt: skip
    (asked,) = [
        params
        for method, path, params in stripe.requests
        if (method, path) == ("POST", "/v1/payment_intents")
    ]
    assert asked == {
        "amount": "2000", "currency": "usd", "customer": customer, "payment_method": VISA, "payment_method_types": ["card"],
        "confirm": "true", "off_session": "true", "metadata": {"account": "acme", "refill": "cmd_1"},
    }  # fmt: skip


@pytest.mark.parametrize("card", [VISA, DECLINED, AUTHENTICATE])
def test_what_the_api_answers_and_what_the_webhook_tells_is_the_same_event_byte_for_byte(
    stripe: FakeStripe, refills: Refills, clock: Clock, card: str
) -> None:
    stripe.add_customer("acme", card)
    answered = refills.carry_out(command())
    clock.ms += 7_000

    intent = stripe.intents["pi_1"]
    kind = "succeeded" if card == VISA else "payment_failed"
    body = body_of(told(f"payment_intent.{kind}", intent, created=int(clock.now_s())))

    assert list(webhook().read(body, signed(body)).events) == answered


@pytest.mark.parametrize("card", [DECLINED, AUTHENTICATE])
def test_a_declined_card_and_one_that_wants_its_holder_are_failures_that_answer_the_refill(
    stripe: FakeStripe, refills: Refills, card: str
) -> None:
    stripe.add_customer("acme", card)

    found = carried(refills, command())

    assert (found["type"], found["id"], found["data"]["refill"]) == ("payment.failed", "pi_1/failed", "cmd_1")
    assert stripe.charged("acme") == []


def test_a_bank_that_wants_its_customer_to_act_is_a_failure_and_one_that_takes_its_time_is_waited_for(
    stripe: FakeStripe, refills: Refills
) -> None:
    stripe.add_customer("acme", "pm_card_action")
    stripe.add_customer("slow", "pm_card_slow")

    acting, slow = refills.carry_out(command()), refills.carry_out(command("cmd_2", "slow"))

    assert [event.type for event in acting] == ["payment.failed"]
    assert slow == []


def test_a_command_carried_out_again_after_a_crash_charges_nobody_twice(
    stripe: FakeStripe, refills: Refills, clock: Clock
) -> None:
    stripe.add_customer("acme")
    first = refills.carry_out(command())
    clock.ms += 20 * HOUR_MS

    again = Refills(StripeApi(KEY, stripe.base), now_ms=clock.now_ms).carry_out(command())

    assert again == first
    assert len(stripe.charged("acme")) == 1


@pytest.mark.parametrize("fault", ["unavailable", "busy", "stranger", "cut"])
def test_while_stripe_does_not_answer_the_refill_is_tried_again_and_charged_once(
    stripe: FakeStripe, refills: Refills, fault: str
) -> None:
    stripe.add_customer("acme")
    stripe.fail_next(fault)

    with pytest.raises(StripeDown):
        refills.carry_out(command())
    found = carried(refills, command())

    assert found["type"] == "payment.succeeded"
    assert len(stripe.charged("acme")) == 1


def test_a_500_that_charged_is_found_in_the_list_as_stripe_keeps_the_500_for_its_key(
    stripe: FakeStripe, refills: Refills
) -> None:
    stripe.add_customer("acme")
    stripe.fail_next("broken")

    found = carried(refills, command())

    assert (found["id"], len(stripe.charged("acme"))) == ("pi_1/succeeded", 1)


def test_a_500_that_charged_nobody_stays_open_and_is_never_tried_under_another_key(
    stripe: FakeStripe, refills: Refills, clock: Clock
) -> None:
    stripe.add_customer("acme")
    stripe.fail_next("broken before")

    for _ in range(3):
        with pytest.raises(StripeDown):
            refills.carry_out(command())
    clock.ms += 24 * HOUR_MS

    assert refills.carry_out(command()) == []
    assert stripe.charged("acme") == []


def test_another_card_between_two_attempts_is_no_second_charge(stripe: FakeStripe, refills: Refills) -> None:
    stripe.add_customer("acme")
    stripe.fail_next("cut")
    with pytest.raises(StripeDown):
        refills.carry_out(command())
    stripe.save_card("acme", "pm_card_mastercard")

    found = carried(refills, command())

    assert (found["id"], len(stripe.charged("acme"))) == ("pi_1/succeeded", 1)


@pytest.mark.parametrize(
    ("changes", "after_ms", "is_charged"),
    [
        ({}, 24 * HOUR_MS - 61_000, True),
        ({}, 24 * HOUR_MS - 60_000, False),
        ({}, 30 * 24 * HOUR_MS, False),
        # The profile gives up earlier, or later than Stripe keeps a key.
        ({"until": instant_text(DUE_MS + HOUR_MS)}, HOUR_MS, False),
        ({"until": instant_text(DUE_MS + 72 * HOUR_MS)}, 25 * HOUR_MS, False),
        # Written before commands said their currency.
        ({"currency": None, "until": None}, 1_000, False),
    ],
)
def test_a_refill_that_nobody_waits_for_any_more_is_not_charged(
    stripe: FakeStripe,
    refills: Refills,
    clock: Clock,
    changes: dict[str, Any],
    after_ms: int,
    is_charged: bool,
) -> None:
    stripe.add_customer("acme")
    clock.ms = DUE_MS + after_ms

    told_of = refills.carry_out(command(**changes))

    assert (len(told_of), len(stripe.charged("acme"))) == (int(is_charged), int(is_charged))


@pytest.mark.parametrize("has_customer", [True, False])
def test_without_a_card_the_refill_fails_once_stripes_search_must_have_found_one(
    stripe: FakeStripe, refills: Refills, clock: Clock, has_customer: bool
) -> None:
    if has_customer:
        stripe.add_customer("acme", card=None)

    with pytest.raises(StripeDown, match="no card"):
        refills.carry_out(command())
    clock.ms = DUE_MS + SEARCH_LAGS_MS
    found = carried(refills, command())

    assert (found["type"], found["id"], found["time"]) == ("payment.failed", "cmd_1/failed", DUE)
    assert found["data"] == {
        "payment": "cmd_1", "method": "card", "amount": "20", "currency": "USD", "refill": "cmd_1",
    }  # fmt: skip


@pytest.mark.parametrize(("amount", "currency"), [("20.005", "USD"), ("1.5", "JPY")])
def test_an_amount_that_stripe_cannot_charge_fails_and_is_not_rounded(
    stripe: FakeStripe, refills: Refills, amount: str, currency: str
) -> None:
    stripe.add_customer("acme")

    found = carried(refills, command(amount=amount, currency=currency))

    assert (found["type"], found["data"]["amount"]) == ("payment.failed", amount)
    assert stripe.charged("acme") == []


def test_an_account_is_found_by_its_whole_name_whatever_it_is_called(
    stripe: FakeStripe, refills: Refills
) -> None:
    name = 'a"b\\c] OR metadata["account"]:"acme'
    stripe.add_customer("acme")
    stripe.add_customer(name)

    found = carried(refills, command(account=name))

    assert (found["subject"], stripe.intents["pi_1"]["customer"]) == (name, "cus_2")


def test_the_api_key_is_in_no_log_and_no_error(
    stripe: FakeStripe, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    stripe.add_customer("acme")
    api = StripeApi("sk_live_wrong_key_1234", stripe.base)

    with caplog.at_level(logging.DEBUG), pytest.raises(StripeDown) as failed:
        Refills(api, now_ms=clock.now_ms).carry_out(command())

    assert "METERSTREAM_STRIPE_API_KEY" in str(failed.value)
    assert "wrong_key" not in caplog.text + str(failed.value)
