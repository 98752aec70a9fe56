"""PureDocs: credits, coupons, refunds on request (PD-01 … PD-07, PD-17, PD-29 … PD-31, PD-38, PD-41)."""

from decimal import Decimal

import pytest

from streams.core.book import Book
from tests.scenarios.renting import coupon, refund, start, stop, topup
from tests.scenarios.telling import (
    BOOK,
    event,
    given_back,
    granted,
    instant,
    opened,
    paid,
    settings,
    tell,
)

OPENED = opened("puredocs")
PROFILE = BOOK.offers["puredocs"].profile


# --- credits and payments --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dollars", "balance"),
    [
        ("5", "5.00"),
        ("10", "10.00"),
        ("20", "20.00"),
        ("50", "50.00"),
        ("100", "100.00"),
        ("1.00", "1.00"),
        ("7.25", "7.25"),
    ],
)
@pytest.mark.req("PD-04", "PD-05", "PD-06")
def test_a_dollar_is_a_hundred_credits_without_a_volume_bonus(dollars: str, balance: str) -> None:
    told = tell(OPENED, paid("01:00", dollars, kind="payment.created"), paid("01:01", dollars))

    assert told.balance() == balance
    assert [e["time"] for e in told.entries()] == [instant("01:01")]
    assert PROFILE.display is not None
    assert (PROFILE.display.unit, PROFILE.display.per_currency) == ("credit", Decimal(100))


@pytest.mark.req("PD-06")
def test_less_than_a_dollar_is_refused() -> None:
    told = tell(OPENED, paid("01:00", "0.99", kind="payment.created"), paid("01:01", "0.99"))

    assert told.reasons() == ["below_minimum"] * 2
    assert told.balance() == "0.00"


@pytest.mark.parametrize("method", ["paypal", "flux", "alipay", "wechat", "qr"])
@pytest.mark.req("PD-29")
def test_only_cards_are_taken(method: str) -> None:
    assert tell(OPENED, paid("01:00", "5", method=method)).reasons() == ["method_not_accepted"]


@pytest.mark.req("PD-29")
def test_bank_transfers_are_not_taken() -> None:
    voucher = event(
        "transfer.uploaded", "01:00", {"payment": "t", "voucher": "v", "amount": "5", "currency": "USD"}
    )

    assert tell(OPENED, voucher).reasons() == ["method_not_accepted"]


@pytest.mark.req("PD-30")
def test_payments_are_in_dollars() -> None:
    told = tell(OPENED, paid("01:00", "5", currency="EUR"))

    assert told.reasons() == ["currency_mismatch"]
    assert told.balance() == "0.00"


@pytest.mark.req("PD-31", "X-01")
def test_each_payment_has_one_receipt() -> None:
    told = tell(
        OPENED,
        paid("01:00", "5", payment="p"),
        paid("01:00", "5", payment="p"),
        paid("02:00", "5", payment="p"),
        paid("03:00", "5", payment="q"),
    )

    assert told.notices("receipt") == [instant("01:00"), instant("03:00")]
    assert told.reasons() == ["payment_state"]


@pytest.mark.req("PD-05", "PD-07")
def test_the_five_packs_are_data_with_their_labels() -> None:
    packs = PROFILE.payments.packs.values()

    assert [(str(pack.amount), pack.label) for pack in packs] == [
        ("5.00", "Testing"),
        ("10.00", "Small projects"),
        ("20.00", "Regular use"),
        ("50.00", "Production"),
        ("100.00", "Heavy usage"),
    ]


@pytest.mark.req("PD-41")
def test_there_is_no_free_tier_and_trial_credit_is_granted() -> None:
    told = tell(OPENED, granted("01:00", "3", bucket="trial"), start("02:00", "gpu-s"), stop("02:10"))

    assert told.buckets() == {"trial": "2.40"}
    assert tell(OPENED).balance() == "0.00"


@pytest.mark.parametrize(("per_currency", "balance_left"), [("100", "4.40"), ("1", "4.40")])
@pytest.mark.req("PD-01", "R-PD1")
def test_the_other_reading_of_a_credit_is_one_line_of_the_profile(
    per_currency: str, balance_left: str
) -> None:
    display = (
        PROFILE.display.model_copy(update={"per_currency": Decimal(per_currency)})
        if PROFILE.display
        else None
    )
    book = Book([PROFILE.model_copy(update={"display": display})])
    threshold = {"100": "450", "1": "4.5"}[per_currency]

    told = tell(
        OPENED,
        paid("01:00", "5"),
        settings("01:01", low_balance=threshold),
        start("02:00", "gpu-s"),
        stop("02:01"),
        book=book,
    )

    assert told.balance() == balance_left
    assert [n["values"]["threshold"] for n in told.of("notice", type="low_balance")] == ["4.50"]


# --- coupons ---------------------------------------------------------------------------------------------------


@pytest.mark.req("PD-17")
def test_a_coupon_is_bonus_credit_at_once_and_once() -> None:
    told = tell(
        OPENED,
        coupon("01:00", "WELCOME250"),
        coupon("02:00", "WELCOME250"),
        coupon("03:00", "NOPE"),
        coupon("04:00", "LAUNCH1000"),
    )

    assert told.reasons() == ["coupon_used", "coupon_unknown"]
    assert [(e["type"], e["amount"], e["bucket"], e["time"]) for e in told.entries()] == [
        ("coupon", "2.50", "bonus", instant("01:00")),
        ("coupon", "10.00", "bonus", instant("04:00")),
    ]
    assert told.balance() == "12.50"


@pytest.mark.req("PD-17", "X-01")
def test_a_coupon_redelivered_is_no_second_use() -> None:
    told = tell(OPENED, coupon("01:00", "WELCOME250"), coupon("01:00", "WELCOME250"))

    assert told.reasons() == []
    assert told.balance() == "2.50"


@pytest.mark.req("PD-17")
def test_another_account_may_use_the_code_too() -> None:
    other = event("coupon.redeemed", "01:00", {"code": "WELCOME250"}, account="other")

    told = tell(OPENED, opened("puredocs", account="other"), coupon("01:00", "WELCOME250"), other)

    assert (told.balance(), told.balance("other")) == ("2.50", "2.50")


# --- refunds ---------------------------------------------------------------------------------------------------

# 5.00 paid; 2.40 used for four hours with the bonus first where there is one.
USED = (paid("00:00", "5", payment="p"), start("01:00", "gpu-s"), stop("03:00"))


@pytest.mark.req("PD-38")
def test_only_unused_paid_credit_is_refunded() -> None:
    told = tell(OPENED, *USED, refund("04:00"))

    entry = told.entries(type="refund")[0]
    assert (entry["amount"], entry["bucket"], entry["time"], told.balance()) == (
        "-3.80",
        "paid",
        instant("04:00"),
        "0.00",
    )


@pytest.mark.parametrize(
    ("amount", "reasons", "balance"),
    [
        ("3.80", [], "0.00"),
        ("3.81", ["refund_not_allowed"], "3.80"),
        ("1", [], "2.80"),
        ("5", ["refund_not_allowed"], "3.80"),
    ],
)
@pytest.mark.req("PD-38")
def test_a_refund_is_whole_or_not_at_all(amount: str, reasons: list[str], balance: str) -> None:
    told = tell(OPENED, *USED, refund("04:00", amount=amount))

    assert told.reasons() == reasons
    assert told.balance() == balance


@pytest.mark.req("PD-38")
def test_bonus_and_trial_credit_are_never_refunded() -> None:
    told = tell(
        OPENED,
        coupon("00:00", "WELCOME250"),
        granted("00:01", "3", bucket="trial"),
        refund("01:00"),
        *USED,
        refund("04:00"),
    )

    assert told.reasons() == ["refund_not_allowed"]
    assert told.buckets() == {"trial": "1.80", "bonus": "2.50"}


@pytest.mark.req("PD-38", "X-01")
def test_a_refund_counts_once_under_another_event_id_too() -> None:
    told = tell(
        OPENED,
        *USED,
        refund("04:00", refund="r", amount="1"),
        event("refund.requested", "05:00", {"refund": "r", "amount": "1"}),
    )

    assert told.reasons() == ["duplicate_conflict"]
    assert told.balance() == "2.80"


@pytest.mark.req("PD-38", "X-01")
def test_a_refund_of_all_told_again_is_a_repetition_and_no_second_wish() -> None:
    told = tell(
        OPENED,
        *USED,
        refund("04:00", refund="r"),
        event("refund.requested", "05:00", {"refund": "r"}),
        event("refund.requested", "06:00", {"refund": "r", "amount": "1"}),
        event("refund.requested", "07:00", {"refund": "new"}),
    )

    # `refund_not_allowed` ranks before it where it applies: nothing is left of the amount that is named.
    assert told.reasons() == ["duplicate_conflict", "refund_not_allowed", "refund_not_allowed"]


@pytest.mark.req("PD-38")
def test_the_payment_providers_word_for_a_refund_posts_only_what_exceeds_it() -> None:
    told = tell(
        OPENED,
        *USED,
        refund("04:00", payment="p", amount="2"),
        given_back("payment.refunded", "05:00", "p", "1.50"),
        given_back("payment.refunded", "06:00", "p", "1"),
    )

    assert told.amounts("entry", type="refund") == ["-2.00", "-0.50"]
    assert told.balance() == "1.30"


@pytest.mark.req("PD-38")
def test_a_refund_that_names_no_payment_is_answered_by_any() -> None:
    told = tell(OPENED, *USED, refund("04:00"), given_back("payment.refunded", "05:00", "p", "3.80"))

    assert told.amounts("entry", type="refund") == ["-3.80"]


@pytest.mark.req("PD-38")
def test_a_refund_of_one_of_two_payments_is_at_most_that_payment() -> None:
    told = tell(
        OPENED,
        *USED,
        paid("03:30", "10", payment="q"),
        refund("04:00", payment="p"),
        refund("05:00", payment="q", amount="10.01"),
    )

    assert told.amounts("entry", type="refund") == ["-5.00"]
    assert told.reasons() == ["refund_not_allowed"]


@pytest.mark.req("PD-38")
def test_a_refund_of_an_unknown_payment_is_refused() -> None:
    assert tell(OPENED, *USED, refund("04:00", payment="other", amount="1")).reasons() == ["payment_state"]


@pytest.mark.req("PD-38")
def test_a_payment_refunded_without_a_request_is_a_fact() -> None:
    told = tell(OPENED, paid("00:00", "5", payment="p"), given_back("payment.refunded", "05:00", "p", "5"))

    assert [(e["type"], e["amount"]) for e in told.entries()][-1] == ("refund", "-5.00")


def test_nothing_is_paid_out() -> None:
    assert tell(
        OPENED, paid("00:00", "5"), event("withdrawal.requested", "01:00", {"amount": "1"})
    ).reasons() == ["withdrawal_not_allowed"]


def test_yuan_are_not_dollars() -> None:
    assert tell(OPENED, topup("01:00", "5", method="card")).reasons() == ["currency_mismatch"]


@pytest.mark.req("PD-38")
def test_a_refund_asked_for_in_full_is_at_most_what_its_payment_has_left() -> None:
    told = tell(
        OPENED,
        paid("00:00", "10", payment="p-1"),
        paid("00:01", "10", payment="p-2"),
        refund("01:00", payment="p-1", amount="7"),
        refund("02:00", payment="p-1", amount="4"),
        refund("03:00", payment="p-1"),
    )

    assert told.reasons() == ["refund_not_allowed"]
    assert told.amounts("entry", type="refund") == ["-7.00", "-3.00"]
