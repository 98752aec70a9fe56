"""flex.ai, credit: the gift at sign-up, top-ups, tiers of keys (FA-01, FA-02, FA-04, FA-13, FA-14, FA-19 … FA-22)."""

from decimal import Decimal

import pytest

from tests.scenarios.telling import (
    BOOK,
    event,
    given_back,
    granted,
    instant,
    opened,
    paid,
    served,
    settings,
    spent,
    tell,
)

OPENED = opened("flexai")


@pytest.mark.req("FA-01")
def test_a_new_account_gets_ten_dollars() -> None:
    told = tell(OPENED)

    (grant,) = told.entries()
    assert (grant["type"], grant["amount"], grant["bucket"]) == ("grant", "10.00", "free")
    assert told.buckets() == {"free": "10.00"}


@pytest.mark.req("FA-01", "R-FA6", "X-01")
def test_the_gift_comes_once_however_often_the_account_is_opened() -> None:
    told = tell(OPENED, OPENED, opened("flexai", "01:00", id="again"))

    assert told.balance() == "10.00"
    assert told.reasons() == ["account_exists"]


@pytest.mark.req("FA-02", "R-FA5")
@pytest.mark.parametrize("model", ["llama-3.3-70b", "qwen-vl-72b", "bge-m3"])
def test_the_gift_pays_for_text_vision_and_embeddings_without_a_card(model: str) -> None:
    told = tell(OPENED, served("01:00", model, input_tokens=1_000_000))

    assert told.reasons() == []
    assert {entry["bucket"] for entry in told.entries()} == {"free"}


@pytest.mark.req("FA-04")
def test_added_credit_is_spent_at_the_same_rates() -> None:
    told = tell(OPENED, spent("01:00", "10"), paid("02:00", "5"), spent("03:00", "1", request="a"))

    prices = {charge["unit_price"] for charge in told.charges()}
    assert prices == {"0.02"}
    assert told.balance() == "4.00"


@pytest.mark.req("R-FA8")
def test_the_gift_is_spent_before_paid_credit() -> None:
    told = tell(OPENED, paid("01:00", "5"), spent("02:00", "12"))

    assert [(e["bucket"], e["amount"]) for e in told.entries(type="charge")] == [
        ("free", "-10.00"),
        ("paid", "-2.00"),
    ]
    assert told.buckets() == {"paid": "3.00"}


@pytest.mark.req("R-FA8")
def test_all_buckets_are_spent_in_their_order() -> None:
    told = tell(
        OPENED,
        paid("01:00", "5", bonus="1"),
        granted("01:01", "2", bucket="trial"),
        granted("01:02", "3", bucket="bonus"),
        spent("02:00", "20"),
    )

    (charge,) = told.charges()
    assert [(e["bucket"], e["amount"]) for e in told.entries(charge=charge["id"])] == [
        ("free", "-10.00"),
        ("trial", "-2.00"),
        ("bonus", "-4.00"),
        ("paid", "-4.00"),
    ]


@pytest.mark.req("R-FA1")
def test_the_call_that_exhausts_the_credit_is_served_and_billed() -> None:
    told = tell(OPENED, spent("01:00", "9.90"), spent("02:00", "0.30"))

    assert told.reasons() == []
    assert told.balance() == "-0.20"
    assert told.buckets() == {"paid": "-0.20"}


@pytest.mark.req("FA-19", "R-FA1")
def test_a_top_up_settles_the_debt_first() -> None:
    told = tell(OPENED, spent("01:00", "10.20"), paid("02:00", "5"))

    assert told.balance() == "4.80"


@pytest.mark.req("FA-20")
def test_money_comes_by_card_only() -> None:
    told = tell(
        OPENED,
        *(
            paid("01:00", "5", method=m, payment=m)
            for m in ("paypal", "flux", "qr", "alipay", "wechat", "card")
        ),
    )

    assert told.reasons() == ["method_not_accepted"] * 5
    assert told.balance() == "15.00"


@pytest.mark.req("FA-20")
def test_a_card_number_has_no_place_in_a_payment() -> None:
    told = tell(OPENED, paid("01:00", "5", card_number="4242424242424242"))

    assert told.reasons() == ["schema_invalid"]


@pytest.mark.req("FA-21")
@pytest.mark.parametrize("kind", ["payment.created", "payment.succeeded"])
def test_four_dollars_ninety_nine_are_refused(kind: str) -> None:
    told = tell(OPENED, paid("01:00", "4.99", kind=kind))

    assert told.reasons() == ["below_minimum"]
    assert told.balance() == "10.00"


@pytest.mark.req("FA-21")
@pytest.mark.parametrize("amount", ["5.00", "5", "5.01", "123.456789"])
def test_five_dollars_or_more_are_credited_at_once(amount: str) -> None:
    told = tell(OPENED, paid("01:00", amount))

    assert Decimal(told.balance()) == 10 + Decimal(amount)
    assert told.entries(type="topup")[0]["time"] == instant("01:00")


@pytest.mark.req("FA-21")
def test_the_minimum_is_checked_on_the_gross_amount() -> None:
    told = tell(OPENED, paid("01:00", "5", fee="0.45"))

    assert told.balance() == "14.55"


@pytest.mark.req("FA-22")
def test_there_is_no_auto_recharge() -> None:
    told = tell(
        OPENED,
        settings("00:01", auto_refill={"enabled": True, "threshold": "5", "amount": "20"}),
        spent("01:00", "9"),
    )

    assert told.reasons() == ["capability_disabled"]
    assert told.commands() == []


@pytest.mark.req("FA-13")
def test_a_key_begins_at_the_free_tier() -> None:
    told = tell(OPENED, event("key.created", "01:00", {"key": "k"}))

    assert told.line()["keys"] == {"k": "free"}
    limits = BOOK.offers["flexai"].profile.keys.requests_per_minute
    assert {tier.value: limit for tier, limit in limits.items()} == {"free": 10, "elevated": 60, "paid": 100}


@pytest.mark.req("FA-14")
def test_a_tier_changes_at_once_on_approval() -> None:
    told = tell(
        OPENED,
        event("key.created", "01:00", {"key": "k"}),
        event("key.tier_changed", "02:00", {"key": "k", "tier": "elevated"}),
    )

    assert told.line()["keys"] == {"k": "elevated"}


@pytest.mark.req("FA-14")
def test_an_approved_key_may_be_created_at_its_tier() -> None:
    told = tell(OPENED, event("key.created", "01:00", {"key": "k", "tier": "elevated"}))

    assert told.line()["keys"] == {"k": "elevated"}


@pytest.mark.req("R-FA4")
def test_the_first_top_up_moves_the_keys_to_paid_and_later_ones_begin_so() -> None:
    told = tell(
        OPENED,
        event("key.created", "01:00", {"key": "free"}),
        event("key.created", "01:00", {"key": "elevated", "tier": "elevated"}),
        paid("02:00", "5"),
        event("key.created", "03:00", {"key": "new"}),
    )

    assert told.line()["keys"] == {"elevated": "paid", "free": "paid", "new": "paid"}


@pytest.mark.req("R-FA4")
def test_a_second_top_up_does_not_undo_an_operators_decision() -> None:
    told = tell(
        OPENED,
        event("key.created", "01:00", {"key": "k"}),
        paid("02:00", "5"),
        event("key.tier_changed", "03:00", {"key": "k", "tier": "free"}),
        paid("04:00", "5"),
    )

    assert told.line()["keys"] == {"k": "free"}


@pytest.mark.req("R-FA4")
def test_a_refused_top_up_moves_no_key() -> None:
    told = tell(OPENED, event("key.created", "01:00", {"key": "k"}), paid("02:00", "4.99"))

    assert told.line()["keys"] == {"k": "free"}


@pytest.mark.req("FA-19")
def test_a_refund_by_the_payment_provider_is_a_fact_here() -> None:
    told = tell(OPENED, paid("01:00", "5", payment="p"), given_back("payment.refunded", "02:00", "p", "2"))

    assert told.reasons() == []
    assert [(e["amount"], e["bucket"]) for e in told.entries(type="refund")] == [("-2.00", "paid")]
