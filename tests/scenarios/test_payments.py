"""Payments in all their states (contract 8.5)."""

import pytest

from tests.scenarios.renting import transfer
from tests.scenarios.telling import event, given_back, granted, instant, opened, paid, spent, tell

OPENED = opened("flexai")


def _payment(state: str, time: str, amount: str = "20", **data: str) -> bytes:
    return paid(time, amount, kind=f"payment.{state}", payment="p", **data)


@pytest.mark.parametrize(
    ("states", "balance", "reasons"),
    [
        (["created"], "10.00", []),
        (["succeeded"], "30.00", []),
        (["created", "succeeded"], "30.00", []),
        (["created", "failed"], "10.00", []),
        (["created", "expired"], "10.00", []),
        (["failed"], "10.00", []),
        (["created", "failed", "succeeded"], "30.00", []),
        (["created", "expired", "succeeded"], "30.00", []),
        (["expired", "failed", "succeeded"], "30.00", []),
        (["created", "succeeded", "succeeded"], "30.00", ["payment_state"]),
        (["succeeded", "failed"], "30.00", ["payment_state"]),
        (["succeeded", "expired"], "30.00", ["payment_state"]),
        (["failed", "succeeded", "succeeded"], "30.00", ["payment_state"]),
    ],
)
@pytest.mark.req("FA-21", "X-01")
def test_money_is_credited_when_it_is_there_and_once(
    states: list[str], balance: str, reasons: list[str]
) -> None:
    told = tell(OPENED, *(_payment(state, f"0{hour}:00") for hour, state in enumerate(states, start=1)))

    assert told.balance() == balance
    assert told.reasons() == reasons
    assert len(told.notices("receipt")) == (balance == "30.00")


def test_a_refused_success_changes_nothing_and_a_good_one_may_follow() -> None:
    told = tell(OPENED, _payment("succeeded", "01:00", "4.99"), _payment("succeeded", "02:00", "5"))

    assert told.reasons() == ["below_minimum"]
    assert told.balance() == "15.00"


@pytest.mark.req("PD-30")
@pytest.mark.parametrize("state", ["created", "succeeded", "failed", "expired"])
def test_a_payment_in_another_currency_is_refused_in_every_state(state: str) -> None:
    assert tell(OPENED, _payment(state, "01:00", currency="EUR")).reasons() == ["currency_mismatch"]


def test_what_arrives_counts_and_not_what_was_announced() -> None:
    told = tell(OPENED, _payment("created", "01:00", "20"), _payment("succeeded", "02:00", "15"))

    assert told.balance() == "25.00"


def test_a_receipt_says_what_was_paid_and_what_was_credited() -> None:
    told = tell(OPENED, _payment("succeeded", "01:00", "20", fee="0.9", bonus="1"))

    (receipt,) = told.of("notice", type="receipt")
    assert receipt["time"] == instant("01:00")
    assert (
        receipt["values"]
        | {"payment": "p", "amount": "20.00", "fee": "0.90", "credited": "19.10", "bonus": "1.00"}
        == receipt["values"]
    )


@pytest.mark.req("R-FX4")
@pytest.mark.parametrize("profile", ["fluxedge", "flexai"])
def test_a_dispute_may_take_part_of_a_payment_more_than_once_but_never_more_than_all(profile: str) -> None:
    told = tell(
        opened(profile),
        _payment("succeeded", "01:00", "20"),
        given_back("payment.disputed", "02:00", "p", "15"),
        given_back("payment.disputed", "03:00", "p", "5.01"),
        given_back("payment.disputed", "04:00", "p", "5"),
        given_back("payment.disputed", "05:00", "p", "0.01"),
    )

    assert told.reasons() == ["payment_state", "payment_state"]
    assert told.line()["buckets"]["paid"] == "0.00"
    assert told.line()["flags"] == ["disputed"]


@pytest.mark.req("R-FX4")
def test_a_dispute_takes_the_gross_amount() -> None:
    told = tell(
        OPENED,
        _payment("succeeded", "01:00", "20", fee="1"),
        given_back("payment.disputed", "02:00", "p", "20"),
    )

    assert told.line()["buckets"]["paid"] == "-1.00"


def test_a_refund_and_a_dispute_together_stay_within_the_payment() -> None:
    told = tell(
        OPENED,
        _payment("succeeded", "01:00", "20"),
        given_back("payment.refunded", "02:00", "p", "12"),
        given_back("payment.disputed", "03:00", "p", "9"),
        given_back("payment.disputed", "04:00", "p", "8"),
    )

    assert told.reasons() == ["payment_state"]
    assert [(e["type"], e["amount"]) for e in told.entries(bucket="paid")] == [
        ("topup", "20.00"),
        ("refund", "-12.00"),
        ("chargeback", "-8.00"),
    ]


@pytest.mark.parametrize("state", ["created", "failed", "expired", None])
@pytest.mark.parametrize("kind", ["payment.disputed", "payment.refunded"])
def test_what_was_never_credited_cannot_go_back(state: str | None, kind: str) -> None:
    before = [] if state is None else [_payment(state, "01:00")]

    told = tell(OPENED, *before, given_back(kind, "02:00", "p", "1"))

    assert told.reasons() == ["payment_state"]
    assert told.line()["flags"] == []


def test_a_refund_does_not_flag_the_account() -> None:
    told = tell(OPENED, _payment("succeeded", "01:00"), given_back("payment.refunded", "02:00", "p", "1"))

    assert told.line()["flags"] == []


def test_going_back_needs_the_accounts_currency() -> None:
    told = tell(
        OPENED,
        _payment("succeeded", "01:00"),
        given_back("payment.disputed", "02:00", "p", "1", currency="CNY"),
    )

    assert told.reasons() == ["currency_mismatch"]


def test_a_dispute_after_the_money_is_spent_leaves_a_debt_that_the_next_top_up_settles() -> None:
    told = tell(
        OPENED,
        _payment("succeeded", "01:00", "20"),
        spent("02:00", "30"),
        given_back("payment.disputed", "03:00", "p", "20"),
        paid("04:00", "25"),
    )

    assert told.buckets() == {"paid": "5.00"}


def test_a_fee_of_all_credits_nothing_but_is_receipted() -> None:
    told = tell(OPENED, _payment("succeeded", "01:00", "20", fee="20"))

    assert told.entries(type="topup") == []
    assert len(told.notices("receipt")) == 1


def test_a_fee_above_the_amount_is_no_event() -> None:
    assert tell(OPENED, _payment("succeeded", "01:00", "20", fee="20.01")).reasons() == ["schema_invalid"]


@pytest.mark.parametrize("bucket", ["trial", "bonus"])
def test_a_grant_goes_to_the_bucket_it_names(bucket: str) -> None:
    told = tell(OPENED, granted("01:00", "3", bucket=bucket))

    assert told.buckets() == {"free": "10.00", bucket: "3.00"}
    assert told.entries()[-1]["type"] == "grant"


@pytest.mark.parametrize("bucket", ["free", "paid", "gold"])
def test_no_grant_goes_to_other_buckets(bucket: str) -> None:
    assert tell(OPENED, granted("01:00", "3", bucket=bucket)).reasons() == ["schema_invalid"]


@pytest.mark.parametrize("profile", ["fluxedge", "flexai"])
def test_nobody_can_ask_for_a_refund_here(profile: str) -> None:
    told = tell(
        opened(profile),
        _payment("succeeded", "01:00"),
        event("refund.requested", "02:00", {"refund": "r", "amount": 1}),
    )

    assert told.reasons() == ["refund_not_allowed"]


@pytest.mark.req("GG-03")
def test_a_transfer_in_another_currency_is_refused() -> None:
    told = tell(opened("gpugeek"), transfer("uploaded", "01:00", currency="USD"))

    assert told.reasons() == ["currency_mismatch"]


@pytest.mark.req("GG-03")
@pytest.mark.parametrize(
    "before",
    [
        transfer("uploaded", "01:00"),
        paid("01:00", "1000", payment="t-1", kind="payment.created", method="qr", currency="CNY"),
    ],
)
def test_a_voucher_is_uploaded_once_and_for_no_payment_that_has_begun_otherwise(before: bytes) -> None:
    told = tell(opened("gpugeek"), before, transfer("uploaded", "02:00"))

    assert told.reasons() == ["payment_state"]
