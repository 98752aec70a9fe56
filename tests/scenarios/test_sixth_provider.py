"""A provider that nobody knew when the engine was written: its TOML file alone bills by the started minute (MC-1 … MC-3)."""

import re
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from infra.books import load_book
from schemas import profile
from streams.core.book import Book
from tests.scenarios.renting import alive, auto_renew, change, coupon, renew, request, start, stop
from tests.scenarios.telling import Told, event, instant, opened, paid, served, settings, tell, tick

BOOK = load_book(Path(__file__).parent / "profiles")
OPENED = opened("metrocompute")


def euros(time: str, amount: str, **data: Any) -> bytes:
    """A payment by card."""
    return paid(time, amount, currency="EUR", **data)


FUNDED = euros("00:00", "1000")


def told(*lines: bytes, until: str | None = None) -> Told:
    """The story with the sixth provider in the book."""
    return tell(*lines, until=until, book=BOOK)


@pytest.mark.parametrize(
    ("end", "cost"), [("10:00:01", "0.02"), ("10:01", "0.02"), ("10:01:00.001", "0.04"), ("11:00", "1.20")]
)
def test_a_started_minute_is_a_paid_minute(end: str, cost: str) -> None:
    story = told(OPENED, FUNDED, start("10:00", "box"), stop(end), tick("12:00"))

    assert story.cost("i-1") == Decimal(cost)
    assert {(c["rule"], c["currency"], c["unit"], c["unit_price"]) for c in story.charges()} == {
        ("MC-1", "EUR", "hour", "1.20")
    }
    assert story.charges()[0]["quantity"] == "0.016666666667"


def test_a_minute_that_cannot_be_paid_pauses() -> None:
    story = told(OPENED, start("10:00", "box"), tick("12:00"))

    # One euro of trial credit is fifty minutes.
    assert story.balance() == "0.00"
    assert story.commands()[0][:2] == (instant("10:50"), "deployment.pause")
    assert story.notices("low_balance") == [instant("00:00")]


def test_started_minutes_have_the_price_of_their_time() -> None:
    story = told(OPENED, FUNDED, start("9 23:59:30", "box"), stop("10 00:01:30"))

    assert story.amounts() == ["0.02", "0.04"]


def test_a_month_is_paid_at_once_reminded_of_two_days_before_and_renewed_at_the_price_of_its_purchase() -> (
    None
):
    story = told(
        OPENED, FUNDED, request("00:01", "box", mode="package", term="monthly", auto_renew=True), start("00:02", "box", mode="package"),
        until="2026-12-02T00:00:00Z",
    )  # fmt: skip

    assert [(c["time"], c["amount"]) for c in story.charges()] == [
        (instant("00:01"), "300.00"),
        ("2026-12-01T00:01:00.000Z", "300.00"),
    ]
    assert story.notices("term_expiring") == ["2026-11-29T00:01:00.000Z"]
    assert story.notices("term_renewed") == ["2026-12-01T00:01:00.000Z"]


def test_other_terms_are_not_offered() -> None:
    assert told(OPENED, FUNDED, request("00:01", "box", mode="package", term="daily")).reasons() == [
        "capability_disabled"
    ]


def test_after_expiry_a_renewal_at_todays_price_and_after_three_days_deletion() -> None:
    bought = (
        OPENED,
        FUNDED,
        request("00:01", "box", mode="package", term="monthly"),
        start("00:02", "box", mode="package"),
    )

    renewed = told(*bought, renew("2026-12-02T00:00:00Z"))
    forgotten = told(*bought, until="2026-12-06T00:00:00Z")

    assert renewed.amounts() == ["300.00", "600.00"]
    assert [c[1] for c in renewed.commands()] == [
        "instance.start",
        "instance.stop",
        "gpu.release",
        "instance.start",
    ]
    assert forgotten.commands()[-1][:2] == ("2026-12-04T00:01:00.000Z", "data.delete")
    assert forgotten.notices("deletion_due") == ["2026-12-03T23:01:00.000Z"]


def test_a_change_of_mode_gives_the_rest_back() -> None:
    story = told(
        OPENED,
        FUNDED,
        request("10:00", "box", mode="package", term="monthly"),
        start("10:00", "box", mode="package"),
        auto_renew("10:01", True),
        change("20:00", "payg"),
        stop("20:00:30"),
    )

    assert story.amounts("entry", type="refund") == ["288.00"]
    assert story.cost("i-1") == Decimal("300.02")


def test_a_disk_is_billed_by_what_it_holds_last_in_the_local_day_above_the_allowance() -> None:
    story = told(
        OPENED,
        FUNDED,
        start("10:00", "box", disk_gb="50"),
        stop("10:01"),
        start("11:00", "box", disk_gb="30"),
        stop("11:01"),
        tick("2 00:00"),
    )

    # Midnight in Berlin.
    assert [(c["time"], c["quantity"], c["amount"]) for c in story.charges(sku="scratch")] == [
        (instant("23:00"), "20", "0.40")
    ]


def test_speech_by_the_second_and_the_character() -> None:
    story = told(OPENED, FUNDED, served("10:00", "speech", seconds="12.5", characters=200_000))

    assert [(c["meter"], c["quantity"], c["unit"], c["amount"]) for c in story.charges()] == [
        ("seconds", "12.5", "second", "0.13"),
        ("characters", "0.2", "1M characters", "3.00"),
    ]
    assert told(OPENED, FUNDED, served("10:00", "song", seconds="1")).reasons() == ["unknown_sku"]


def test_silence_of_two_minutes_closes() -> None:
    story = told(OPENED, FUNDED, start("10:00", "box"), alive("10:10:30"), tick("12:00"))

    assert story.cost("i-1") == Decimal("0.22")
    assert story.commands() == [(instant("10:12:30"), "gpu.release", "i-1", "stopped")]


def test_its_quota_holds_and_minimum() -> None:
    boxes = [request("10:00", "box", name) for name in "abc"]

    assert told(OPENED, FUNDED, *boxes).reasons() == ["instance_quota"]
    assert told(OPENED, FUNDED, *boxes[:2], request("10:01", "box", "c")).reasons() == []
    assert told(OPENED, euros("00:00", "9.99")).reasons() == ["below_minimum"]
    assert told(OPENED, paid("00:00", "10")).reasons() == ["currency_mismatch"]


def test_settings_are_in_its_own_unit_and_a_refill_lapses_after_an_hour() -> None:
    setting = {"enabled": True, "threshold": "100", "amount": "500"}
    story = told(OPENED, settings("00:01", auto_refill=setting), tick("05:00"))

    assert [(r["time"], r["amount"]) for r in story.of("command", type="payment.refill")] == [
        (instant("00:01"), "10.00")
    ]
    assert story.notices("refill_failed") == [instant("01:01")]


def test_coupons_keys_and_its_zone() -> None:
    key = event("key.created", "00:01", {"key": "k"})
    story = told(
        OPENED,
        coupon("00:01", "HELLO"),
        key,
        FUNDED,
        settings("00:02", digest="daily"),
        start("10:00", "box"),
        stop("10:01"),
        tick("2 12:00"),
    )

    assert story.line()["keys"] == {"k": "paid"}
    assert story.buckets() == {"trial": "0.98", "bonus": "2.00", "paid": "1000.00"}
    assert story.notices("spend_digest") == [instant("23:00")]


def test_a_change_to_a_mode_or_a_term_that_is_not_sold_is_refused() -> None:
    running = (OPENED, FUNDED, start("10:00", "box"))

    assert told(*running, change("10:30", "spot")).reasons() == ["capability_disabled"]
    assert told(*running, change("10:30", "package", term="daily")).reasons() == ["capability_disabled"]


def test_a_renewal_by_a_term_that_is_not_sold_is_refused() -> None:
    bought = request("00:01", "box", mode="package", term="monthly")

    assert told(OPENED, FUNDED, bought, renew("00:02", term="daily")).reasons() == ["capability_disabled"]


def test_that_a_term_is_not_sold_is_told_before_that_the_box_runs() -> None:
    asked = request("10:30", "box", mode="package", term="daily")

    assert told(OPENED, FUNDED, start("10:00", "box"), asked).reasons() == ["capability_disabled"]


def test_of_a_term_that_was_over_before_it_was_heard_of_nobody_is_reminded() -> None:
    story = told(
        OPENED,
        FUNDED,
        euros("2026-12-02T00:00:00Z", "10"),
        request("00:01", "box", mode="package", term="monthly"),
        renew("2026-12-02T00:00:00Z"),
        until="2027-01-02T00:00:00Z",
    )

    # The first term ended on 1 December, which is told as soon as it is heard of; the second begins then.
    assert story.notices("term_expired") == ["2026-12-02T00:00:00.000Z", "2027-01-01T00:00:00.000Z"]
    assert story.notices("term_expiring") == ["2026-12-30T00:00:00.000Z"]


def test_without_a_disk_a_change_of_mode_gives_the_rest_back_too() -> None:
    metro = BOOK.offers["metrocompute"].profile
    sessions = metro.sessions.model_copy(update={"disk_sku": None})
    book = Book([metro.model_copy(update={"sessions": sessions})])

    story = tell(
        OPENED,
        FUNDED,
        request("10:00", "box", mode="package", term="monthly"),
        start("10:00", "box", mode="package"),
        change("20:00", "payg"),
        book=book,
    )

    assert story.amounts("entry", type="refund") == ["288.00"]


def test_what_is_settled_by_the_day_has_not_accrued_by_the_hour() -> None:
    metro = BOOK.offers["metrocompute"].profile
    strict = metro.admission.model_copy(update={"test": profile.Test.MORE_THAN_AN_HOUR})
    book = Book([metro.model_copy(update={"admission": strict})])

    story = tell(
        OPENED,
        euros("00:00", "10"),
        start("00:01", "box", disk_gb="1000"),
        stop("00:02"),
        request("22:00", "box"),
        book=book,
        until="22:00",
    )

    # The disk will cost 19.80 at midnight; until then the balance is free to be promised.
    assert story.reasons() == []


# --- the page that explains a profile ----------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")
SHAPES: dict[str, type[BaseModel]] = {
    "": profile.Profile,
    "display.": profile.Display,
    "payments.": profile.Payments,
    "signup.": profile.Grant,
    "keys.": profile.Keys,
    "alerts.": profile.Alerts,
    "sessions.": profile.Sessions,
    "admission.": profile.Admission,
    "running_out.": profile.RunningOut,
    "terms.": profile.Terms,
    "requests.": profile.Requests,
    "gate.": profile.Gate,
    "skus.": profile.Sku,
    "gauge.": profile.Gauge,
    "hosting.": profile.Scaling,
    "prices.": profile.Price,
    "spec.": profile.SpecPrice,
}


def test_every_key_of_a_profile_is_explained_and_no_other() -> None:
    sections = {
        name.removesuffix(".") for name in SHAPES if name.removesuffix(".") in profile.Profile.model_fields
    }
    keys = {
        prefix + (field.alias or name)
        for prefix, shape in SHAPES.items()
        for name, field in shape.model_fields.items()
        if prefix or name not in sections
    }

    assert set(re.findall(r"^\| `([a-z_.]+)` \|", PAGE, re.MULTILINE)) == keys


def test_the_smallest_profile_of_the_page_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mini.toml").write_text(example, encoding="utf-8")

    assert profile.load_profile(tmp_path / "mini.toml").skus["box"].rule == "MINI-1"


@pytest.mark.parametrize(
    "choice",
    [
        profile.Test,
        profile.OutOfMoney,
        profile.SkuKind,
        profile.Timing,
        profile.Window,
        profile.Aggregate,
        profile.Rounding,
    ],
)
def test_every_choice_is_named_on_the_page(choice: type[StrEnum]) -> None:
    assert all(f'`"{each.value}"`' in PAGE for each in choice)
