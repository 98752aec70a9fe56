"""What Stripe tells becomes events of ours: each purchase credits once, each refund takes its own amount, in any order."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from schemas.adapters import Outcome, Told, TooEarly, WebhookRefused
from schemas.values import instant_text
from sinks.payments.stripe_events import WAITS_FOR_PAYMENT_S, StripeEvents
from sinks.payments.stripe_webhook import StripeWebhook
from tests.scenarios.telling import opened, tell
from tests.sinks.stripe_words import NOW_S, SECRET, body_of, charge, dispute, intent, session, signed, told

Value = dict[str, Any]


class Credited:
    """A fake of the store of payments: payment → account, each answer after so many questions."""

    def __init__(self, after: int = 0, **payments: str) -> None:
        self._after, self._payments = after, payments
        self.asked: list[tuple[str, str | None]] = []
        self.pauses: list[float] = []

    def __call__(self, payment: str, account: str | None) -> str | None:
        self.asked.append((payment, account))
        return self._payments.get(payment) if len(self.asked) > self._after else None


def webhook(credited: Credited | None = None, *, now_s: float = NOW_S + 1) -> StripeWebhook:
    store = credited or Credited(pi_1="acme")
    return StripeWebhook([SECRET], StripeEvents(store, now_s=lambda: now_s, pause=store.pauses.append))


def hear(event: Value, adapter: StripeWebhook | None = None) -> Told:
    body = body_of(event)
    return (adapter or webhook()).read(body, signed(body))


def events_of(*events: Value, adapter: StripeWebhook | None = None) -> list[bytes]:
    by = adapter or webhook()
    return [each.raw for event in events for each in hear(event, by).events]


def only(found: Told) -> Value:
    (event,) = found.events
    envelope: Value = json.loads(event.raw)
    assert (event.account, event.type) == (envelope["subject"], envelope["type"])
    return envelope


PAID = told("payment_intent.succeeded", intent(), event="evt_pi")
FOREIGN = told("checkout.session.completed", session(), event="evt_cs", created=NOW_S + 2)
OURS = told(
    "checkout.session.completed",
    session(metadata={"account": "acme", "meterstream_checkout": "small"}),
    event="evt_cs",
    created=NOW_S + 2,
)


# --- money in ----------------------------------------------------------------------------------------------


def test_a_success_is_credited_to_the_account_of_its_metadata() -> None:
    assert only(hear(PAID)) == {
        "specversion": "1.0", "id": "pi_1/succeeded", "source": "stripe", "type": "payment.succeeded", "subject": "acme",
        "time": instant_text(NOW_S * 1000), "datacontenttype": "application/json",
        "data": {"payment": "pi_1", "method": "card", "amount": "20", "currency": "USD"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "currency", "says"),
    [
        (2000, "usd", ("20", "USD")),
        (500, "jpy", ("500", "JPY")),
        (5120, "kwd", ("5.12", "KWD")),
        (500, "ugx", ("5", "UGX")),
        (1, "cny", ("0.01", "CNY")),
    ],
)
def test_amounts_are_in_the_currency_and_not_in_its_minor_units(
    amount: int, currency: str, says: tuple[str, str]
) -> None:
    data = only(hear(told("payment_intent.succeeded", intent(amount_received=amount, currency=currency))))[
        "data"
    ]

    assert (data["amount"], data["currency"]) == says


@pytest.mark.parametrize(
    ("kinds", "method"),
    [
        (["card"], "card"),
        (["card", "link"], "card"),
        (["alipay"], "alipay"),
        (["wechat_pay"], "wechat"),
        (["paypal"], "paypal"),
        (["sepa_debit"], "card"),
    ],
)
def test_the_method_is_what_stripe_names_and_a_card_where_it_leaves_a_choice(
    kinds: list[str], method: str
) -> None:
    found = only(hear(told("payment_intent.succeeded", intent(payment_method_types=kinds))))

    assert found["data"]["method"] == method


@pytest.mark.parametrize("first", [FOREIGN, OURS], ids=["foreign", "ours"])
@pytest.mark.parametrize("is_session_first", [True, False])
@pytest.mark.req("PD-04", "X-01")
def test_a_purchase_told_by_its_session_and_by_its_intent_credits_once_without_a_refusal(
    first: Value, is_session_first: bool
) -> None:
    order = (first, PAID) if is_session_first else (PAID, first)

    story = tell(opened("puredocs", "2026-11-25T00:00:00Z"), *events_of(*order, *order))

    assert (story.balance(), story.reasons()) == ("20.00", [])
    assert len(story.notices("receipt")) == 1


def test_after_a_restart_the_second_telling_is_refused_and_not_credited() -> None:
    story = tell(opened("puredocs", "2026-11-25T00:00:00Z"), *events_of(PAID), *events_of(FOREIGN))

    assert (story.balance(), story.reasons()) == ("20.00", ["duplicate_conflict"])


def test_a_session_of_ours_says_that_a_payment_begins_and_its_intent_that_it_succeeds() -> None:
    assert [json.loads(raw)["type"] for raw in events_of(OURS, PAID)] == [
        "payment.created",
        "payment.succeeded",
    ]


@pytest.mark.parametrize(
    ("changes", "account"),
    [
        ({"metadata": {"account": "by-metadata"}}, "by-metadata"),
        ({"metadata": [], "client_reference_id": "by-reference"}, "by-reference"),
        ({"metadata": None}, "acme"),
    ],
)
def test_a_foreign_session_names_its_account_in_metadata_or_as_reference(
    changes: Value, account: str
) -> None:
    found = only(hear(told("checkout.session.completed", session(**changes))))

    assert (found["subject"], found["type"], found["data"]["payment"]) == (
        account,
        "payment.succeeded",
        "pi_1",
    )


def test_a_session_that_a_bank_has_yet_to_settle_credits_when_it_is_settled() -> None:
    waiting = told("checkout.session.completed", session(payment_status="unpaid"), event="evt_1")
    settled = told("checkout.session.async_payment_succeeded", session(), event="evt_2")
    bounced = told("checkout.session.async_payment_failed", session(payment_status="unpaid"), event="evt_3")

    types = [json.loads(raw)["type"] for raw in events_of(waiting, settled, bounced)]

    assert types == ["payment.created", "payment.succeeded", "payment.failed"]


def test_a_session_that_runs_out_expires_its_payment() -> None:
    found = only(
        hear(told("checkout.session.expired", session(payment_intent=None, payment_status="unpaid")))
    )

    assert (found["type"], found["data"]["payment"], found["id"]) == ("payment.expired", "cs_1", "evt_1")


def test_each_declined_attempt_is_told_and_the_success_after_them_is_credited() -> None:
    declined = intent(status="requires_payment_method", amount_received=0)
    tries = [
        told("payment_intent.payment_failed", declined, event=f"evt_{n}", created=NOW_S + n) for n in (1, 2)
    ]

    raws = events_of(*tries, PAID)
    story = tell(opened("puredocs", "2026-11-25T00:00:00Z"), *raws)

    assert [json.loads(raw)["id"] for raw in raws] == ["evt_1", "evt_2", "pi_1/succeeded"]
    assert (story.balance(), story.reasons()) == ("20.00", [])


def test_a_refill_is_told_with_its_command_and_with_the_time_that_the_api_knows_too() -> None:
    refill = intent(metadata={"account": "acme", "refill": "cmd_1"})
    paid = only(hear(told("payment_intent.succeeded", refill, event="evt_9", created=NOW_S + 7)))
    declined = only(hear(told("payment_intent.payment_failed", refill, event="evt_8", created=NOW_S + 7)))

    assert [found["data"]["refill"] for found in (paid, declined)] == ["cmd_1"] * 2
    assert [found["time"] for found in (paid, declined)] == [instant_text((NOW_S - 60) * 1000)] * 2
    assert [found["id"] for found in (paid, declined)] == ["pi_1/succeeded", "pi_1/failed"]


# --- money back ----------------------------------------------------------------------------------------------


def refund(before: int, after: int, event: str) -> Value:
    return told(
        "charge.refunded",
        charge(amount_refunded=after),
        event=event,
        created=NOW_S + 10,
        previous={"amount_refunded": before},
    )


@pytest.mark.parametrize("order", list(permutations([(0, 500), (500, 800), (800, 2000)])))
def test_partial_refunds_take_what_each_gave_back_in_any_order_and_however_often_told(
    order: list[tuple[int, int]],
) -> None:
    refunds = [refund(before, after, f"evt_r{after}") for before, after in order]

    story = tell(opened("puredocs", "2026-11-25T00:00:00Z"), *events_of(PAID, *refunds, *refunds))

    assert (story.balance(), story.reasons()) == ("0.00", [])
    assert sorted(story.amounts("entry", type="refund")) == ["-12.00", "-3.00", "-5.00"]


@pytest.mark.parametrize(
    ("changes", "previous", "amount"),
    [
        # An older version of the API: the list, the newest is this one.
        (
            {
                "refunds": {"data": [{"amount": 300, "created": 9}, {"amount": 500, "created": 5}]},
                "amount_refunded": 800,
            },
            {"refunded": False},
            "3",
        ),
        # Neither told: the first refund.
        ({"amount_refunded": 500}, None, "5"),
    ],
)
def test_without_the_amount_before_the_list_of_refunds_tells_it(
    changes: Value, previous: Value | None, amount: str
) -> None:
    found = only(hear(told("charge.refunded", charge(**changes), previous=previous)))

    assert found["data"] == {"payment": "pi_1", "amount": amount, "currency": "USD"}


def test_a_dispute_names_no_account_and_is_found_by_its_payment() -> None:
    found = only(hear(told("charge.dispute.created", dispute())))

    assert (found["subject"], found["type"], found["id"]) == ("acme", "payment.disputed", "dp_1/disputed")
    assert found["data"] == {"payment": "pi_1", "amount": "20", "currency": "USD"}


def test_a_dispute_counts_once_though_its_begin_and_the_withdrawal_are_told() -> None:
    begun = told("charge.dispute.created", dispute(), event="evt_1")
    taken = told("charge.dispute.funds_withdrawn", dispute(), event="evt_2", created=NOW_S + 9)

    story = tell(opened("puredocs", "2026-11-25T00:00:00Z"), *events_of(PAID, begun, taken))

    assert (story.balance(), story.reasons()) == ("0.00", [])


def test_a_question_of_the_bank_takes_no_money_until_it_becomes_a_dispute() -> None:
    asked = hear(told("charge.dispute.created", dispute(status="warning_needs_response")))
    taken = hear(told("charge.dispute.funds_withdrawn", dispute(status="needs_response"), event="evt_2"))

    assert (asked.outcome, asked.events) == (Outcome.IGNORED, ())
    assert only(taken)["type"] == "payment.disputed"


@pytest.mark.parametrize("event", [refund(0, 500, "evt_r"), told("charge.dispute.created", dispute())])
def test_what_goes_back_waits_for_its_payment_so_that_any_order_of_webhooks_is_right(event: Value) -> None:
    with pytest.raises(TooEarly, match="pi_1 is not credited yet"):
        hear(event, webhook(Credited()))


def test_the_entry_that_is_just_on_its_way_to_the_store_is_waited_for() -> None:
    credited = Credited(after=2, pi_1="acme")

    found = only(hear(told("charge.dispute.created", dispute()), webhook(credited)))

    assert (found["subject"], credited.pauses) == ("acme", [0.5, 0.5])


def test_a_refund_of_a_payment_that_never_came_is_told_for_good_after_an_hour() -> None:
    later = webhook(Credited(), now_s=NOW_S + WAITS_FOR_PAYMENT_S + 100)

    named = only(hear(refund(0, 500, "evt_r"), later))
    nobody = hear(told("charge.dispute.created", dispute()), later)

    assert named["subject"] == "acme"
    assert (nobody.outcome, nobody.events) == (Outcome.UNASSIGNED, ())


# --- what is not ours ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        told("payment_intent.succeeded", intent(metadata={})),
        told("payment_intent.succeeded", intent(metadata=[])),
        told("payment_intent.payment_failed", intent(metadata={"order": "7"})),
        told("checkout.session.completed", session(client_reference_id=None)),
    ],
)
def test_money_of_no_account_is_no_event_and_is_named_for_the_operator(event: Value) -> None:
    found = hear(event)

    assert (found.outcome, found.events) == (Outcome.UNASSIGNED, ())
    assert "evt_1" in found.detail


@pytest.mark.parametrize(
    "event",
    [
        told("customer.created", {"id": "cus_1"}),
        told("refund.created", {"id": "re_1"}),
        told("checkout.session.completed", session(mode="subscription")),
        told("checkout.session.completed", session(payment_status="no_payment_required", amount_total=0)),
        told("checkout.session.expired", session(mode="setup")),
    ],
)
def test_what_moves_no_money_here_is_ignored(event: Value) -> None:
    assert hear(event) == hear(event)._replace(outcome=Outcome.IGNORED, events=())


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (told("payment_intent.succeeded", {"id": "pi_1"}), "amount"),
        (told("payment_intent.succeeded", intent(amount=0, amount_received=0)), "greater than 0"),
        (told("payment_intent.succeeded", intent(amount_received="20")), "int"),
        (told("payment_intent.succeeded", intent(amount=20.5)), "int"),
        (told("checkout.session.completed", session(amount_total=None)), "no amount"),
        ({"id": "evt_1", "object": "event"}, "type"),
    ],
)
def test_what_cannot_be_read_is_refused_so_that_stripe_tells_it_again(event: Value, says: str) -> None:
    with pytest.raises(WebhookRefused, match=says):
        hear(event)
