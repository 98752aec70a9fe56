"""Charges and the ledger (contract 3 and 8.4): quantities, carried remainders, buckets, price versions, ids."""

from decimal import Decimal
from pathlib import Path

import pytest

from infra.books import load_book
from tests.scenarios.telling import (
    ACCOUNT,
    PER_HOUR_0_36,
    TEN_CENTS_A_SECOND,
    Record,
    beat,
    event,
    given_back,
    granted,
    instant,
    opened,
    paid,
    served,
    settings,
    spent,
    started,
    stopped,
    tell,
    tick,
)

PENNIES = load_book(Path(__file__).parent / "profiles")
OPENED = opened("pennycloud")


def _box(time: str, resource: str = "b-1", mode: str = "payg") -> bytes:
    return event("instance.started", time, {"resource": resource, "sku": "box", "mode": mode})


def _story() -> tuple[bytes, ...]:
    return (
        opened("fluxedge"),
        settings("00:00", low_balance="990", runway_alert=True),
        paid("00:00", "1000", payment="p", bonus="5", fee="1"),
        granted("00:00", "4"),
        started("10:00", TEN_CENTS_A_SECOND),
        beat("10:00:37"),
        tick("10:05"),
        stopped("10:03:30"),
        started("11:00", TEN_CENTS_A_SECOND),
        beat("11:00:10"),
        given_back("payment.disputed", "11:05", "p", "1000"),
        event("coupon.redeemed", "12:00", {"code": "x"}),
        stopped("12:00", "nowhere"),
    )


# --- records ---------------------------------------------------------------------------------------------


def test_every_record_has_id_account_time_and_cause() -> None:
    told = tell(*_story(), tick("14:00"))

    assert {r["record"] for r in told.records} == {
        "charge",
        "entry",
        "notice",
        "command",
        "rejection",
        "balance",
    }
    for record in told.records:
        assert record["account"] == ACCOUNT
        assert record["id"]
        assert record["time"].endswith("Z")
        assert record["cause"]["source"]
        assert record["cause"]["id"]
        if record["record"] in ("charge", "notice", "balance"):
            assert record["profile"] == "fluxedge"


@pytest.mark.req("X-01")
def test_a_replay_gives_the_same_records() -> None:
    assert tell(*_story()).records == tell(*_story()).records


def test_the_cause_is_the_event_or_the_timer() -> None:
    told = tell(
        opened("fluxedge"),
        paid("00:00", "99"),
        started("10:00", PER_HOUR_0_36),
        beat("10:00:30"),
        tick("10:02"),
    )

    assert [c["cause"]["source"] for c in told.charges()] == ["cloud", "timer"]


def test_even_an_account_without_entries_has_a_cause_of_its_balance() -> None:
    told = tell(opened("fluxedge"))

    assert told.line()["cause"] == {"source": "cloud", "id": "account.opened  00:00"}


def test_a_change_of_keys_is_a_balance_record_of_its_own() -> None:
    before = tell(opened("flexai"), event("key.created", "01:00", {"key": "k"}))
    after = tell(
        opened("flexai"),
        event("key.created", "01:00", {"key": "k"}),
        event("key.tier_changed", "02:00", {"key": "k", "tier": "paid"}),
    )

    assert before.line()["id"] != after.line()["id"]


def test_the_balance_line_has_balance_currency_buckets_flags_and_keys() -> None:
    told = tell(opened("flexai"), event("key.created", "01:00", {"key": "k"}))

    line = told.line()
    assert (line["balance"], line["currency"], line["flags"], line["keys"]) == (
        "10.00",
        "USD",
        [],
        {"k": "free"},
    )
    assert line["buckets"] == {"free": "10.00", "trial": "0.00", "bonus": "0.00", "paid": "0.00"}


# --- buckets ---------------------------------------------------------------------------------------------


@pytest.mark.req("FX-09", "FA-04")
def test_one_entry_for_each_bucket_touched_and_only_paid_goes_below_zero() -> None:
    told = tell(
        opened("flexai"), granted("00:01", "1", bucket="trial"), spent("01:00", "12"), spent("02:00", "1")
    )

    assert told.line()["buckets"] == {"free": "0.00", "trial": "0.00", "bonus": "0.00", "paid": "-2.00"}
    assert [e["bucket"] for e in told.entries(type="charge")] == ["free", "trial", "paid", "paid"]


def test_a_top_up_is_gross_less_fee_to_paid_and_its_bonus_to_bonus() -> None:
    told = tell(opened("fluxedge"), paid("01:00", "100", payment="p", fee="2.9", bonus="5"))

    assert [(e["type"], e["bucket"], e["amount"], e["payment"]) for e in told.entries()] == [
        ("topup", "paid", "97.10", "p"),
        ("grant", "bonus", "5.00", "p"),
    ]


def test_a_debt_is_settled_by_paid_money_and_not_by_a_gift() -> None:
    told = tell(opened("flexai"), spent("01:00", "12"), granted("02:00", "5"), paid("03:00", "5"))

    assert told.buckets() == {"bonus": "5.00", "paid": "3.00"}
    assert told.balance() == "8.00"


def test_the_balance_of_an_entry_is_the_balance_after_it() -> None:
    told = tell(*_story())

    balance = Decimal(0)
    for entry in told.entries():
        balance += Decimal(entry["amount"])
        assert Decimal(entry["balance"]) == balance
    assert Decimal(told.balance()) == balance


def test_a_chargeback_moves_paid_even_when_a_gift_is_left() -> None:
    told = tell(
        opened("flexai"), paid("01:00", "5", payment="p"), given_back("payment.disputed", "02:00", "p", "5")
    )

    assert told.buckets() == {"free": "10.00"}


# --- whole cents, the remainder carried ------------------------------------------------------------------


@pytest.mark.req("X-07")
def test_lines_in_cents_add_up_to_the_exact_total_rounded_once() -> None:
    told = tell(OPENED, paid("00:00", "100"), _box("10:00"), stopped("11:30", "b-1"), book=PENNIES)

    # 5,400 s at 0.37 = 0.555 → 0.56; by the minute each line alone would be 0.01, 0.90 in all.
    assert told.cost("b-1") == Decimal("0.56")
    assert len(told.charges()) == 90
    assert {c["amount"] for c in told.charges()} == {"0.00", "0.01"}


def test_a_line_of_nothing_is_a_charge_without_an_entry() -> None:
    told = tell(OPENED, paid("00:00", "100"), _box("10:00"), stopped("10:00:05", "b-1"), book=PENNIES)

    assert told.amounts() == ["0.00"]
    assert told.entries(type="charge") == []


def test_the_remainder_of_requests_is_carried_by_account_model_and_meter() -> None:
    lines = [served(f"10:00:{n:02d}", "everything", input_tokens=4000, output_tokens=1000) for n in range(10)]

    told = tell(OPENED, *lines, book=PENNIES)

    # 10 × 0.004 = 0.04 in, 10 × 0.002 = 0.02 out; carried apart, and half-up at half a cent.
    assert told.amounts(meter="tokens_in") == [
        "0.00",
        "0.01",
        "0.00",
        "0.01",
        "0.00",
        "0.00",
        "0.01",
        "0.00",
        "0.01",
        "0.00",
    ]
    assert sum(map(Decimal, told.amounts(meter="tokens_out"))) == Decimal("0.02")


@pytest.mark.req("FA-08", "R-FA7")
def test_every_meter_of_a_request_has_its_unit() -> None:
    told = tell(
        OPENED,
        served(
            "10:00", "everything", input_tokens=1_000_000, output_tokens=2_000_000, images=3, videos=2, seconds="12.5",
            characters=500_000,
        ),
        book=PENNIES,
    )  # fmt: skip

    assert [(c["meter"], c["unit"], c["quantity"], c["amount"]) for c in told.charges()] == [
        ("tokens_in", "1M tokens", "1", "1.00"),
        ("tokens_out", "1M tokens", "2", "4.00"),
        ("images", "image", "3", "0.60"),
        ("videos", "video", "2", "3.00"),
        ("seconds", "second", "12.5", "0.05"),
        ("characters", "1M characters", "0.5", "7.50"),
    ]


def test_a_free_model_is_metered_at_nothing() -> None:
    told = tell(OPENED, served("10:00", "gratis", input_tokens=5_000_000), book=PENNIES)

    assert [(c["quantity"], c["amount"], c["unit_price"]) for c in told.charges()] == [("5", "0.00", "0.00")]
    assert told.entries() == []


# --- price versions --------------------------------------------------------------------------------------


def test_a_session_keeps_the_price_of_its_start() -> None:
    told = tell(
        OPENED,
        paid("00:00", "100"),
        _box("1 23:00"),
        stopped("2 01:00", "b-1"),
        _box("2 01:00", "b-2"),
        stopped("2 02:00", "b-2"),
        book=PENNIES,
    )

    assert (told.cost("b-1"), told.cost("b-2")) == (Decimal("0.74"), Decimal("0.50"))
    assert {c["price_version"] for c in told.charges(resource="b-1")} == {"2020-01-01"}
    assert {c["price_version"] for c in told.charges(resource="b-2")} == {"2026-11-02"}


def test_a_request_has_the_price_of_its_time_even_when_it_comes_late() -> None:
    told = tell(
        OPENED,
        served("2 00:00", "gratis", input_tokens=1_000_000),
        served("1 23:59:59.999", "gratis", input_tokens=1_000_000),
        book=PENNIES,
    )

    assert told.amounts() == ["2.00", "0.00"]


def test_nothing_is_sold_before_the_first_price() -> None:
    told = tell(opened("flexai", "2019-12-31T00:00:00Z"), served("2019-12-31T23:59:59.999Z", input_tokens=5))

    assert told.reasons() == ["unknown_sku"]


def test_spot_has_its_own_price() -> None:
    told = tell(
        OPENED, paid("00:00", "100"), _box("10:00", mode="spot"), stopped("11:00", "b-1"), book=PENNIES
    )

    assert told.cost("b-1") == Decimal("0.10")


def test_a_charge_says_when_what_for_and_by_which_rule() -> None:
    told = tell(
        opened("fluxedge"),
        paid("00:00", "9"),
        started("10:00", PER_HOUR_0_36, model="llama"),
        stopped("10:00:30"),
    )

    (charge,) = told.charges()
    expected: Record = {
        "profile": "fluxedge", "sku": "machine", "meter": "duration", "unit": "hour", "resource": "m-1", "model": "llama",
        "rule": "FX-02", "currency": "USD", "start": instant("10:00"), "end": instant("10:00:30"), "amount": "0.003",
        "quantity": "0.008333333333", "unit_price": "0.36",
    }  # fmt: skip
    assert expected.items() <= charge.items()
    assert "corrects" not in charge
