"""Time and order (contract 8.1): clocks, late and early events, waiting for a start, ties, the end of a story."""

from decimal import Decimal

import pytest

from tests.scenarios.telling import (
    PER_HOUR_0_36,
    TEN_CENTS_A_SECOND,
    beat,
    event,
    granted,
    instant,
    opened,
    paid,
    released,
    served,
    spent,
    started,
    stopped,
    tell,
    tick,
)

OPENED = opened("fluxedge")
FUNDED = paid("00:00", "1000")
LEASED = started("10:00", TEN_CENTS_A_SECOND)


# --- late ------------------------------------------------------------------------------------------------


@pytest.mark.req("X-03")
def test_a_late_stop_adds_corrections_and_edits_nothing() -> None:
    told = tell(OPENED, FUNDED, LEASED, tick("10:02"), stopped("10:01:30"))

    first, second, correction = told.charges()
    assert (first["amount"], second["amount"]) == ("6.00", "6.00")
    assert (correction["amount"], correction["quantity"], correction["corrects"]) == (
        "-3.00",
        "-0.008333333333",
        second["id"],
    )
    assert (correction["start"], correction["end"]) == (instant("10:01"), instant("10:02"))
    assert told.cost() == Decimal(9)


@pytest.mark.req("X-03")
def test_what_a_late_event_causes_is_dated_by_the_clock() -> None:
    told = tell(OPENED, FUNDED, LEASED, tick("10:02"), stopped("10:01:30", reason="preempted"))

    (entry,) = told.entries(type="correction")
    assert told.charges()[-1]["time"] == entry["time"] == instant("10:02")
    assert entry["charge"] == told.charges()[-1]["id"]
    assert told.notices("resource_stopped") == [instant("10:02")]
    assert entry["cause"] == {"source": "cloud", "id": "instance.stopped m-1 10:01:30"}


@pytest.mark.req("X-03")
def test_each_line_that_would_have_been_different_has_its_own_correction() -> None:
    told = tell(OPENED, FUNDED, LEASED, tick("10:04"), stopped("10:01:30"))

    lines = [c for c in told.charges() if "corrects" not in c]
    assert [(c["corrects"], c["amount"]) for c in told.charges() if "corrects" in c] == [
        (lines[1]["id"], "-3.00"),
        (lines[2]["id"], "-6.00"),
        (lines[3]["id"], "-6.00"),
    ]


@pytest.mark.req("X-03")
def test_a_late_start_is_billed_as_if_it_had_come_in_time() -> None:
    told = tell(OPENED, FUNDED, tick("12:00"), LEASED, stopped("12:00:30"))

    assert told.cost() == Decimal(2 * 360 + 3)
    assert all("corrects" not in charge for charge in told.charges())
    assert {e["type"] for e in told.entries(bucket="paid") if Decimal(e["amount"]) < 0} == {"charge"}


@pytest.mark.req("X-03")
def test_a_late_request_is_a_plain_charge_of_its_own_hour_dated_by_the_clock() -> None:
    told = tell(opened("flexai"), tick("12:00"), spent("10:00", "1"))

    (charge,) = told.charges()
    assert (charge["time"], charge["start"], charge["end"]) == (
        instant("12:00"),
        instant("10:00"),
        instant("10:00"),
    )


@pytest.mark.req("X-03")
def test_an_earlier_stop_that_comes_later_corrects_again() -> None:
    told = tell(OPENED, FUNDED, LEASED, tick("10:02"), stopped("10:01:30"), stopped("10:00:20"))

    assert told.cost() == Decimal(2)
    assert told.balance() == "998.00"


@pytest.mark.req("X-03")
def test_a_late_restart_after_a_late_stop_is_a_session_of_its_own() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        tick("10:05"),
        stopped("10:01"),
        started("10:03", PER_HOUR_0_36),
        stopped("10:05"),
    )

    assert told.cost() == Decimal("6.012")
    assert told.reasons() == []


@pytest.mark.req("X-03")
def test_what_goes_back_goes_to_the_bucket_it_came_from() -> None:
    told = tell(OPENED, granted("00:00", "100"), FUNDED, LEASED, tick("10:02"), stopped("10:01:30"))

    assert [(e["bucket"], e["amount"]) for e in told.entries(type="correction")] == [("bonus", "3.00")]
    assert told.buckets() == {"bonus": "91.00", "paid": "1000.00"}


@pytest.mark.req("X-03")
def test_a_line_of_two_buckets_gives_back_what_it_drew_last_first() -> None:
    told = tell(OPENED, granted("00:00", "4"), FUNDED, LEASED, tick("10:01"), stopped("10:00:30"))

    # The line took 4 bonus and 2 paid; 3 go back.
    assert told.buckets() == {"bonus": "1.00", "paid": "1000.00"}


@pytest.mark.req("X-03")
def test_a_gift_that_pays_the_line_after_one_of_two_buckets_gets_all_of_it_back() -> None:
    gifts = granted("00:00", "4"), granted("10:01:10", "100")

    told = tell(OPENED, FUNDED, gifts[0], LEASED, gifts[1], tick("10:02"), stopped("10:01:30"))

    # 4 bonus and 2 paid, then 6 bonus; 3 of these go back.
    assert told.buckets() == {"bonus": "97.00", "paid": "998.00"}


@pytest.mark.req("X-03")
def test_a_line_corrected_twice_never_gives_a_bucket_more_than_it_drew_from_it() -> None:
    told = tell(
        OPENED, granted("00:00", "4"), FUNDED, LEASED, tick("10:01"), stopped("10:00:50"), stopped("10:00:20")
    )

    assert told.buckets() == {"bonus": "2.00", "paid": "1000.00"}


@pytest.mark.req("X-03")
def test_what_was_sent_out_is_not_taken_back() -> None:
    told = tell(OPENED, paid("00:00", "7"), LEASED, tick("10:02"), paid("09:00", "1000"), tick("10:30"))

    assert told.commands() == [(instant("10:01"), "instance.stop", "m-1", "unpaid")]
    assert told.cost() == Decimal(6)


# --- too old ---------------------------------------------------------------------------------------------


@pytest.mark.req("X-03")
def test_35_days_behind_the_clock_is_late_and_more_is_too_old() -> None:
    told = tell(
        opened("flexai", "2026-10-01T00:00:00Z"),
        tick("2026-11-05T12:00:00Z"),
        spent("2026-10-01T12:00:00Z", "1"),
        spent("2026-10-01T11:59:59.999Z", "1"),
    )

    assert told.reasons() == ["too_old"]
    assert told.balance() == "9.00"


def test_an_event_that_is_too_old_moves_no_clock() -> None:
    told = tell(
        opened("flexai", "2026-09-01T00:00:00Z"),
        tick("2026-11-05T12:00:00Z"),
        spent("2026-09-01T12:00:00Z", "1"),
    )

    assert told.of("rejection")[0]["time"] == "2026-11-05T12:00:00.000Z"


# --- waiting for the start -------------------------------------------------------------------------------


@pytest.mark.req("X-02")
def test_a_stop_that_overtakes_its_start_waits_for_it() -> None:
    told = tell(OPENED, FUNDED, stopped("10:01", reason="failed"), LEASED, tick("13:00"))

    assert told.reasons() == []
    assert told.cost() == Decimal(6)
    (notice,) = told.of("notice", type="resource_stopped")
    assert notice["cause"]["id"] == "instance.stopped m-1 10:01"


@pytest.mark.req("X-02")
def test_waiting_events_are_applied_in_order_of_time() -> None:
    told = tell(OPENED, FUNDED, stopped("10:05"), beat("10:03"), beat("10:01"), LEASED, tick("13:00"))

    assert told.reasons() == []
    assert told.cost() == Decimal(30)


@pytest.mark.req("X-02")
def test_a_start_within_the_hour_is_in_time_for_what_waits() -> None:
    told = tell(OPENED, FUNDED, stopped("10:01"), tick("11:00:59.999"), LEASED)

    assert told.reasons() == []
    assert told.cost() == Decimal(6)


@pytest.mark.req("X-11")
def test_after_an_hour_of_the_accounts_clock_the_resource_is_unknown() -> None:
    told = tell(OPENED, FUNDED, beat("10:01"), tick("11:01"))

    (refusal,) = told.of("rejection")
    assert (refusal["reason"], refusal["time"]) == ("unknown_resource", instant("11:01"))


@pytest.mark.req("X-11")
def test_at_the_end_of_the_story_what_waits_is_unknown() -> None:
    told = tell(OPENED, FUNDED, beat("10:01"), released("10:02"), stopped("10:03"))

    assert told.reasons() == ["unknown_resource"] * 3
    assert {r["time"] for r in told.of("rejection")} == {instant("10:03")}


@pytest.mark.req("X-02")
def test_an_event_waits_only_for_its_own_resource() -> None:
    told = tell(OPENED, FUNDED, stopped("10:01", "other"), LEASED, stopped("10:02"), tick("13:00"))

    assert told.reasons() == ["unknown_resource"]
    assert told.cost() == Decimal(12)


def test_an_event_that_waits_for_an_earlier_start_waits_one_hour_in_all() -> None:
    told = tell(
        OPENED,
        FUNDED,
        stopped("10:05"),
        started("10:30", TEN_CENTS_A_SECOND),
        stopped("10:31"),
        tick("13:00"),
    )

    assert [(r["reason"], r["time"]) for r in told.of("rejection")] == [
        ("unknown_resource", instant("11:05"))
    ]


@pytest.mark.req("X-02")
def test_a_late_stop_from_before_the_start_that_is_known_waits_for_an_earlier_one() -> None:
    told = tell(
        OPENED,
        FUNDED,
        started("10:30", TEN_CENTS_A_SECOND),
        stopped("10:05"),
        LEASED,
        stopped("10:31"),
        tick("13:00"),
    )

    assert told.reasons() == []
    assert told.cost() == Decimal(6) * 6


@pytest.mark.req("X-11")
def test_a_request_needs_no_start_to_be_known() -> None:
    told = tell(opened("flexai"), served("01:00", resource="endpoint-1", input_tokens=1_000_000))

    assert told.reasons() == []
    assert told.cost("endpoint-1") == Decimal("0.20")


# --- early, ties, clocks ---------------------------------------------------------------------------------


def test_a_time_is_cut_to_milliseconds() -> None:
    told = tell(OPENED, FUNDED, started("10:00:00.0009999", TEN_CENTS_A_SECOND), stopped("10:00:01.0000001"))

    (charge,) = told.charges()
    assert (charge["start"], charge["end"]) == (instant("10:00:00.000"), instant("10:00:01.000"))


def test_any_offset_is_stored_as_utc() -> None:
    told = tell(
        OPENED,
        FUNDED,
        started("2026-11-01T18:00:00+08:00", TEN_CENTS_A_SECOND),
        stopped("2026-11-01T04:30:30-05:30"),
    )

    (charge,) = told.charges()
    assert (charge["start"], charge["end"]) == (instant("10:00"), instant("10:00:30"))


def test_at_one_instant_a_heartbeat_comes_before_the_timer_of_the_line() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), tick("10:01:30"))

    (charge,) = told.charges()
    assert charge["cause"] == {"source": "cloud", "id": "instance.heartbeat m-1 10:01"}


def test_at_one_instant_a_top_up_comes_before_the_stop_for_want_of_money() -> None:
    told = tell(OPENED, paid("00:00", "7"), LEASED, paid("10:01", "100"), tick("10:02"))

    assert told.commands() == []


def test_events_of_one_instant_are_taken_in_order_of_arrival() -> None:
    start_first = tell(OPENED, FUNDED, LEASED, stopped("10:00"), tick("10:05"))
    stop_first = tell(
        OPENED, FUNDED, LEASED, stopped("10:01"), started("10:01", PER_HOUR_0_36), tick("10:02")
    )

    assert start_first.cost() == 0
    assert stop_first.cost() == Decimal("6.006")


def test_a_tick_fires_what_is_due_at_it() -> None:
    told = tell(OPENED, FUNDED, LEASED, tick("10:01"), beat("10:01"))

    assert [c["cause"]["source"] for c in told.charges()] == ["timer"]


def test_timers_of_one_instant_are_tied_by_resource() -> None:
    told = tell(
        OPENED,
        FUNDED,
        started("10:00", PER_HOUR_0_36, "b"),
        started("10:00", PER_HOUR_0_36, "c"),
        started("10:00", PER_HOUR_0_36, "a"),
        tick("10:01"),
    )

    assert [c["resource"] for c in told.charges()] == ["a", "b", "c"]


def test_a_refused_event_moves_the_clock() -> None:
    told = tell(OPENED, FUNDED, LEASED, event("coupon.redeemed", "10:02", {"code": "X"}))

    assert told.cost() == Decimal(12)


def test_what_is_no_event_moves_no_clock() -> None:
    bad = event("instance.heartbeat", "12:00", {"resource": "m-1", "extra": 1})

    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), bad, b"no json", beat("10:01"))

    assert told.cost() == Decimal(6)


def test_a_conflict_moves_no_clock() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01", id="b"), beat("12:00", id="b"))

    assert told.reasons() == ["duplicate_conflict"]
    assert told.cost() == Decimal(6)


def test_each_account_has_its_own_clock_until_the_story_ends() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        opened("flexai", "15:00", account="other"),
        beat("10:01"),
        stopped("10:02"),
    )

    # The other account's 15:00 makes nothing late here.
    assert all("corrects" not in charge for charge in told.charges())
    assert told.cost() == Decimal(12)


def test_without_until_every_clock_runs_to_the_greatest_time_of_the_story() -> None:
    told = tell(OPENED, FUNDED, LEASED, opened("flexai", "10:05", account="other"))

    assert told.cost() == Decimal(30)


def test_until_is_inclusive_and_later_events_are_ignored() -> None:
    told = tell(OPENED, FUNDED, LEASED, stopped("10:02:00.001"), beat("10:02"), until="10:02")

    assert told.cost() == Decimal(12)
    assert told.reasons() == []


def test_until_fires_timers_that_are_due_at_it() -> None:
    before = tell(OPENED, FUNDED, LEASED, until="10:00:59.999")
    due = tell(OPENED, FUNDED, LEASED, until="10:01")

    assert (len(before.charges()), len(due.charges())) == (0, 1)


def test_an_event_after_until_leaves_no_trace_even_when_it_is_malformed() -> None:
    told = tell(
        OPENED, FUNDED, event("instance.heartbeat", "12:00", {"resource": "m-1", "extra": 1}), until="10:00"
    )

    assert told.reasons() == []


def test_a_malformed_event_at_until_is_refused() -> None:
    told = tell(
        OPENED, FUNDED, event("instance.heartbeat", "10:00", {"resource": "m-1", "extra": 1}), until="10:00"
    )

    assert told.reasons() == ["schema_invalid"]


def test_records_are_printed_in_order_of_time() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        opened("flexai", "09:00", account="b"),
        tick("10:05"),
        spent("09:30", "1"),
        stopped("10:03"),
    )

    times = [r["time"] for r in told.records if r["record"] != "balance"]
    assert times == sorted(times)
    assert [r["record"] for r in told.records[-2:]] == ["balance", "balance"]
