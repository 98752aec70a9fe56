"""PureDocs: auto-refill, decided before a pause (PD-13 … PD-16, R-PD4, contract 8.5)."""

import pytest

from streams.core.book import Book
from tests.scenarios.renting import request, start, stop
from tests.scenarios.telling import BOOK, Record, granted, instant, opened, paid, settings, tell, tick

OPENED = opened("puredocs")


def refilled(time: str, **data: object) -> bytes:
    """Auto-refill is switched; threshold 500 and amount 2,000 credits unless told otherwise."""
    return settings(time, auto_refill={"enabled": True, "threshold": "500", "amount": "2000"} | data)


def refills(told: object) -> list[tuple[str, str, str]]:
    return [(r["time"], r["amount"], r["reason"]) for r in told.of("command", type="payment.refill")]  # type: ignore[attr-defined]


@pytest.mark.req("PD-13")
def test_without_the_setting_nothing_is_refilled() -> None:
    told = tell(OPENED, paid("00:00", "2"), start("01:00", "gpu-s"), tick("12:00"))

    assert refills(told) == []


@pytest.mark.req("PD-13")
def test_switched_off_nothing_is_refilled() -> None:
    told = tell(
        OPENED,
        paid("00:00", "5.20"),
        refilled("00:01"),
        settings("00:02", auto_refill={"enabled": False}),
        start("01:00", "gpu-s"),
        stop("01:10"),
    )

    assert told.reasons() == []
    assert refills(told) == []


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"threshold": "500"}, "schema_invalid"),
        ({"amount": "500"}, "schema_invalid"),
        ({"threshold": "500", "amount": "99"}, "below_minimum"),
    ],
)
@pytest.mark.req("PD-14")
def test_a_refill_needs_a_threshold_and_an_amount_of_a_dollar(setting: Record, reason: str) -> None:
    assert tell(OPENED, settings("00:01", auto_refill={"enabled": True} | setting)).reasons() == [reason]


def test_a_refill_that_is_too_small_is_refused_in_money() -> None:
    (refused,) = tell(OPENED, refilled("00:01", amount="99")).of("rejection")

    assert refused["detail"] == "a refill of 0.99 is below the minimum of 1.00"


@pytest.mark.req("PD-15", "PD-16", "R-PD4")
def test_below_the_threshold_one_refill_is_requested() -> None:
    told = tell(OPENED, paid("00:00", "5.20"), refilled("00:01"), start("01:00", "gpu-s"), stop("01:10"))

    assert refills(told) == [(instant("01:00"), "20.00", "auto_refill")]
    assert told.notices("refill_requested") == [instant("01:00")]


@pytest.mark.req("PD-15", "R-PD4")
def test_at_the_threshold_exactly_none() -> None:
    told = tell(OPENED, paid("00:00", "5.60"), refilled("00:01"), start("01:00", "gpu-s"), stop("01:10"))

    assert told.balance() == "5.00"
    assert refills(told) == []


@pytest.mark.req("PD-15")
def test_a_refill_says_its_currency_and_until_when_it_is_waited_for() -> None:
    told = tell(OPENED, paid("00:00", "5.20"), refilled("00:01"), start("01:00", "gpu-s"), stop("01:10"))

    (command,) = told.of("command", type="payment.refill")

    assert (command["amount"], command["currency"], command["until"]) == ("20.00", "USD", instant("2 01:00"))


@pytest.mark.req("PD-15")
def test_the_payment_that_answers_brings_the_balance_up() -> None:
    story = (OPENED, paid("00:00", "5.20"), refilled("00:01"), start("01:00", "gpu-s"))
    (command,) = tell(*story).of("command", type="payment.refill")

    told = tell(*story, paid("01:00:05", "20", refill=command["id"]), stop("01:10"))

    assert told.balance() == "24.60"
    assert len(refills(told)) == 1
    assert told.notices("refill_failed") == []
    assert told.notices("receipt") == [instant("00:00"), instant("01:00:05")]


@pytest.mark.req("R-PD4", "X-09")
def test_one_refill_is_open_at_a_time_and_it_is_armed_again_above_the_threshold() -> None:
    told = tell(
        OPENED,
        paid("00:00", "5.20"),
        refilled("00:01", amount="200"),
        start("01:00", "gpu-s"),
        paid("03:30", "2"),
        tick("08:00"),
    )

    # 4.60 (refill), 4.00, 3.40, then the answer: 5.40 at 03:30, 4.80 at 04:00 (refill), 4.20 …
    assert [time for time, _, _ in refills(told)] == [instant("01:00"), instant("04:00")]


@pytest.mark.req("R-PD4")
def test_while_one_is_open_no_second_is_requested_though_a_gift_has_armed_it_again() -> None:
    told = tell(
        OPENED,
        paid("00:00", "5.20"),
        refilled("00:01", amount="200"),
        start("01:00", "gpu-s"),
        granted("01:30", "1"),
        paid("03:30", "2"),
        tick("06:00"),
    )

    # 4.60 (refill), 5.60 with the gift, 5.00, 4.40; 6.40 with the answer, 5.80, 5.20, 4.60 at 06:00 (refill).
    assert [time for time, _, _ in refills(told)] == [instant("01:00"), instant("06:00")]


@pytest.mark.req("R-PD4")
def test_a_payment_of_another_amount_does_not_answer() -> None:
    told = tell(
        OPENED,
        paid("00:00", "5.20"),
        refilled("00:01"),
        start("01:00", "gpu-s"),
        stop("01:10"),
        paid("02:00", "19.99"),
        tick("2 02:00"),
    )

    assert told.notices("refill_failed") == [instant("2 01:00")]


@pytest.mark.req("R-PD4")
def test_an_unanswered_refill_lapses_after_a_day() -> None:
    told = tell(
        OPENED,
        paid("00:00", "5.20"),
        refilled("00:01"),
        start("01:00", "gpu-s"),
        stop("01:10"),
        tick("2 00:59:59"),
        tick("5 00:00"),
    )

    assert told.notices("refill_failed") == [instant("2 01:00")]
    assert len(refills(told)) == 1


@pytest.mark.parametrize("state", ["failed", "expired"])
@pytest.mark.req("R-PD4")
def test_a_declined_payment_fails_the_refill(state: str) -> None:
    told = tell(
        OPENED,
        paid("00:00", "5.20"),
        refilled("00:01"),
        start("01:00", "gpu-s"),
        stop("01:10"),
        paid("01:11", "20", kind=f"payment.{state}"),
        tick("4 00:00"),
    )

    assert told.notices("refill_failed") == [instant("01:11")]


@pytest.mark.req("PD-16")
def test_a_refill_is_decided_before_the_pause_of_the_same_instant() -> None:
    told = tell(
        OPENED, paid("00:00", "1"), refilled("00:01", threshold="50"), start("01:00", "gpu-s"), tick("05:00")
    )

    assert [(c[0], c[1]) for c in told.commands()] == [
        (instant("01:00"), "payment.refill"),
        (instant("02:00"), "deployment.pause"),
    ]


@pytest.mark.req("PD-16")
def test_seventy_credits_are_refilled_first_and_paused_at_the_next_boundary_if_that_is_still_open() -> None:
    story = (
        OPENED,
        paid("00:00", "1.30"),
        start("00:00", "gpu-s"),
        stop("00:30"),
        refilled("00:31"),
        start("01:00", "gpu-s"),
    )
    told = tell(*story, tick("05:00"))
    answered = tell(*story, paid("01:59", "20"), stop("02:30"))

    assert [(c[0], c[1]) for c in told.commands()] == [
        (instant("00:31"), "payment.refill"),
        (instant("02:00"), "deployment.pause"),
    ]
    assert [c[1] for c in answered.commands()] == ["payment.refill"]
    assert answered.balance() == "19.50"


@pytest.mark.req("PD-16")
def test_the_answer_at_the_boundary_itself_is_in_time() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1"),
        refilled("00:01", threshold="50"),
        start("01:00", "gpu-s"),
        paid("02:00", "20"),
        stop("02:30"),
    )

    assert [c[1] for c in told.commands()] == ["payment.refill"]


@pytest.mark.req("PD-15")
def test_the_setting_is_evaluated_when_it_is_accepted() -> None:
    told = tell(OPENED, paid("00:00", "4.99"), refilled("00:01"))

    assert refills(told) == [(instant("00:01"), "20.00", "auto_refill")]


@pytest.mark.req("PD-14")
def test_a_refill_beyond_the_months_cap_is_not_commanded() -> None:
    told = tell(
        OPENED,
        paid("00:00", "5.20"),
        refilled("00:01", amount="200", monthly_cap="400"),
        start("01:00", "gpu-s"),
        paid("01:10", "2", payment="a"),
        paid("04:10", "2", payment="b"),
        paid("08:10", "2", payment="c"),
        tick("12:00"),
    )

    # Two of 2.00 are the cap; what came at 08:10 was nobody's answer.
    assert len(refills(told)) == 2


@pytest.mark.req("PD-14")
def test_a_lapsed_refill_does_not_count_against_the_cap_and_a_new_month_begins_anew() -> None:
    told = tell(
        OPENED,
        paid("00:00", "10"),
        refilled("00:01", threshold="950", amount="200", monthly_cap="200"),
        start("01:00", "gpu-s"),
        stop("01:01"),
        paid("3 00:00", "1"),
        start("3 01:00", "gpu-s"),
        stop("3 01:01"),
        start("3 02:00", "gpu-s"),
        stop("3 02:01"),
        paid("3 02:02", "2", payment="answer"),
        start("4 01:00", "gpu-s"),
        tick("4 05:00"),
        stop("4 05:00"),
        start("2026-12-01T00:00:00Z", "gpu-s"),
        stop("2026-12-01T00:01:00Z"),
    )

    times = [time for time, _, _ in refills(told)]
    assert times[0] == instant("01:00")
    assert times[-1] == "2026-12-01T00:00:00.000Z"
    assert len(times) == 3


@pytest.mark.req("PD-13")
def test_a_request_may_be_refused_while_a_refill_is_open() -> None:
    told = tell(OPENED, paid("00:00", "1"), refilled("00:01"), request("00:02", "gpu-m"))

    assert told.reasons() == ["insufficient_balance"]


@pytest.mark.req("R-PD4")
def test_a_profile_may_ask_for_a_pause_between_two_refills() -> None:
    profile = BOOK.offers["puredocs"].profile
    payments = profile.payments.model_copy(update={"refill_cooldown_s": 7_200})
    book = Book([profile.model_copy(update={"payments": payments})])
    story = (
        OPENED,
        paid("00:00", "5.20"),
        refilled("00:01", amount="200"),
        start("01:00", "gpu-s"),
        paid("01:01", "2", payment="answer"),
        start("01:02", "gpu-l", "big"),
        stop("01:03", "big"),
        tick("05:00"),
    )

    # 4.60 (refill), 6.60, 3.10 at 01:02: too soon; 2.50 at 02:00 too; the next entry is at 03:00.
    assert [time for time, _, _ in refills(tell(*story, book=book))] == [instant("01:00"), instant("03:00")]
    assert [time for time, _, _ in refills(tell(*story))] == [instant("01:00"), instant("01:02")]


@pytest.mark.req("R-PD4", "PD-30")
def test_a_declined_payment_in_another_currency_is_refused_and_answers_nothing() -> None:
    told = tell(
        OPENED,
        paid("00:00", "5.20"),
        refilled("00:01"),
        start("01:00", "gpu-s"),
        stop("01:10"),
        paid("01:11", "20", kind="payment.failed", currency="EUR"),
    )

    assert told.reasons() == ["currency_mismatch"]
    assert told.notices("refill_failed") == []


@pytest.mark.req("R-PD4")
def test_a_refill_declined_at_the_instant_of_an_entry_is_asked_for_again_at_the_instants_end() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1"),
        refilled("00:01", threshold="150", amount="200"),
        paid("00:02", "1"),
        start("01:00", "gpu-s"),
        paid("01:00", "2", kind="payment.failed", payment="z"),
        stop("01:10"),
    )

    assert told.notices("refill_failed") == [instant("01:00")]
    assert [time for time, _, _ in refills(told)] == [instant("00:01"), instant("01:00")]
