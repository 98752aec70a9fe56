"""PureDocs: pauses in company with starts, stops and silence (PD-39, PD-40, X-12). Found by the naive reading."""

from decimal import Decimal

import pytest

from tests.scenarios.renting import alive, coupon, start, stop
from tests.scenarios.telling import granted, instant, opened, paid, tell, tick

OPENED = opened("puredocs")


@pytest.mark.req("PD-39")
def test_a_pause_that_a_stop_forestalls_charges_no_hour_to_the_next_start_of_the_instant() -> None:
    told = tell(
        OPENED,
        start("10:00", "gpu-s", id="1"),
        stop("10:00"),
        coupon("10:00", "WELCOME250"),
        start("10:00", "gpu-s", id="2"),
        tick("10:30"),
    )

    assert [(c["start"], c["amount"]) for c in told.charges()] == [(instant("10:00"), "0.60")]


@pytest.mark.req("PD-39")
def test_a_stop_confirms_the_pause_of_a_second_start_too() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1"),
        start("01:00", "gpu-s"),
        stop("01:10"),
        start("02:00", "gpu-s"),
        stop("02:01"),
        stop("02:02"),
    )

    assert [c[:2] for c in told.commands()] == [(instant("02:00"), "deployment.pause")]
    assert told.reasons() == ["resource_state"]


@pytest.mark.req("PD-39", "X-12")
def test_only_the_first_stop_after_a_pause_confirms_it_where_silence_closed_the_session_before() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1"),
        start("01:00", "gpu-s"),
        alive("01:30"),
        start("03:00", "gpu-s"),
        stop("03:01"),
        stop("03:02"),
    )

    assert told.notices("resource_stopped") == [instant("01:45")]
    assert told.reasons() == ["resource_state"]


@pytest.mark.req("PD-40")
def test_the_next_hour_is_that_of_what_was_paused_and_not_of_a_start_that_was_refused() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1"),
        start("01:00", "gpu-s"),
        start("01:30", "gpu-l"),
        granted("03:00", "0.30"),
    )

    assert told.reasons() == ["resource_state"]
    assert told.notices("resource_resumable") == [instant("03:00")]


# --- silence, and what could not be paid in it ---------------------------------------------------------------

# One hour is paid, 0.40 are left; the session is closed at 10:30.
SILENT = (OPENED, paid("00:00", "1"), start("10:00", "gpu-s"), alive("10:30"), tick("10:46"))


@pytest.mark.req("PD-39", "X-12")
def test_an_hour_that_could_not_be_paid_when_it_fell_due_is_not_charged_later_on() -> None:
    told = tell(*SILENT, stop("12:30"), paid("13:00", "5"), stop("13:30"), alive("14:00"))

    assert told.reasons() == ["resource_state"] * 2
    assert told.cost("i-1") == Decimal("0.60")
    assert told.balance() == "5.40"


@pytest.mark.req("PD-39", "X-12")
def test_a_heartbeat_after_the_silence_brings_back_what_can_be_paid_and_pauses_the_rest() -> None:
    told = tell(*SILENT[:-1], granted("10:50", "1.20"), alive("14:00"), tick("20:00"))

    # 1.60: the hours of 11:00 and 12:00; the one of 13:00 is too much.
    assert [(c["time"], c["start"], c["amount"]) for c in told.charges()][1:] == [
        (instant("14:00"), instant("11:00"), "0.60"),
        (instant("14:00"), instant("12:00"), "0.60"),
    ]
    assert [c[:2] for c in told.commands()] == [(instant("14:00"), "deployment.pause")]
    assert told.balance() == "0.40"


@pytest.mark.req("PD-39", "X-12")
def test_a_start_that_was_refused_stays_refused_when_the_pause_is_dated_before_it() -> None:
    told = tell(*SILENT, alive("14:00"), start("14:00", "gpu-s"), tick("20:00"), paid("21:00", "5"))

    assert told.reasons() == ["resource_state"]
    assert told.cost("i-1") == Decimal("0.60")
    assert len(told.notices("resource_paused")) == 1
