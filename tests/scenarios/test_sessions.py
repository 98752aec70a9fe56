"""Sessions and silence (contract 8.6, X-12): a missing stop does not bill for ever."""

from decimal import Decimal

import pytest

from tests.scenarios.renting import alive, start, stop, topup
from tests.scenarios.telling import (
    PER_HOUR_0_36,
    TEN_CENTS_A_SECOND,
    asked,
    beat,
    instant,
    opened,
    paid,
    released,
    settings,
    started,
    stopped,
    tell,
    tick,
)

OPENED = opened("fluxedge")
FUNDED = paid("00:00", "100000")
LEASED = started("10:00", TEN_CENTS_A_SECOND)


@pytest.mark.req("X-12")
def test_after_15_minutes_of_silence_the_session_ends_at_its_last_heartbeat() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), tick("10:15:59.999"), tick("10:16"), tick("20:00"))

    assert told.cost() == Decimal(6)
    (notice,) = told.of("notice", type="resource_stopped")
    assert (notice["time"], notice["resource"], notice["values"]) == (
        instant("10:16"),
        "m-1",
        {"reason": "heartbeat_lost"},
    )


@pytest.mark.req("X-12", "X-03")
def test_what_was_billed_in_the_silence_is_reversed_line_by_line() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), tick("10:16"))

    lines = [c for c in told.charges() if "corrects" not in c]
    corrections = [c for c in told.charges() if "corrects" in c]
    assert len(lines) == 16
    assert [c["corrects"] for c in corrections] == [c["id"] for c in lines[1:]]
    assert {c["time"] for c in corrections} == {instant("10:16")}
    assert told.balance() == "99994.00"


@pytest.mark.req("X-12")
def test_a_heartbeat_within_15_minutes_keeps_the_session() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), beat("10:16"), beat("10:30"), stopped("10:40"))

    assert told.cost() == Decimal(240)
    assert told.notices("resource_stopped") == []


@pytest.mark.req("X-12")
def test_a_session_without_heartbeats_is_not_timed_out() -> None:
    told = tell(OPENED, FUNDED, LEASED, tick("12:00"))

    assert told.cost() == Decimal(720)
    assert told.notices("resource_stopped") == []


@pytest.mark.req("X-12")
def test_a_later_heartbeat_takes_the_closing_back() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), beat("10:30"), stopped("10:31"))

    assert told.cost() == Decimal(186)
    assert told.reasons() == []


@pytest.mark.req("X-12", "X-09")
def test_a_session_taken_back_may_fall_silent_again() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), beat("10:30"), tick("12:00"))

    assert told.cost() == Decimal(180)
    assert told.notices("resource_stopped") == [instant("10:16"), instant("10:45")]


@pytest.mark.req("X-12")
def test_a_later_stop_corrects_the_closing() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), tick("10:20"), stopped("10:21"))

    assert told.cost() == Decimal(126)
    assert told.reasons() == []


@pytest.mark.req("X-12")
def test_a_late_heartbeat_moves_the_closing() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), tick("10:20"), beat("10:10"), tick("12:00"))

    assert told.cost() == Decimal(60)


@pytest.mark.req("X-12")
def test_a_closed_lease_may_start_again() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        beat("10:01"),
        tick("10:20"),
        asked("10:21", PER_HOUR_0_36),
        started("10:22", PER_HOUR_0_36),
        stopped("11:22"),
    )

    assert told.cost() == Decimal("6.36")
    assert told.reasons() == []
    assert [c[1] for c in told.commands()] == ["instance.start"]


@pytest.mark.req("X-12")
def test_a_heartbeat_after_a_restart_belongs_to_the_restart() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        beat("10:01"),
        started("10:30", TEN_CENTS_A_SECOND),
        beat("10:31"),
        stopped("10:32"),
    )

    assert told.cost() == Decimal(18)


@pytest.mark.req("X-12")
def test_a_second_start_of_a_silent_lease_is_refused_until_it_is_closed() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), started("10:15", TEN_CENTS_A_SECOND), tick("12:00"))

    assert told.reasons() == ["resource_state"]


@pytest.mark.req("X-12", "X-02")
def test_a_session_that_begins_earlier_than_told_keeps_its_heartbeats() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:02"), started("09:55", TEN_CENTS_A_SECOND), tick("12:00"))

    assert told.cost() == Decimal(42)


@pytest.mark.req("X-12", "X-02")
def test_a_session_that_was_cut_in_two_keeps_its_heartbeats() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        beat("10:20"),
        stopped("10:05"),
        started("10:08", TEN_CENTS_A_SECOND),
        tick("12:00"),
    )

    assert told.cost() == Decimal(30 + 72)


@pytest.mark.req("X-12", "X-02")
def test_a_late_restart_finds_the_session_that_silence_had_closed() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        beat("10:00:10"),
        stopped("10:40"),
        started("10:30", TEN_CENTS_A_SECOND),
        tick("12:00"),
    )

    assert told.cost() == Decimal(1 + 60)


@pytest.mark.req("X-12", "X-02")
def test_a_late_heartbeat_shows_the_silence_of_a_session_that_has_ended() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        started("10:30", TEN_CENTS_A_SECOND),
        stopped("10:40"),
        beat("10:00:10"),
        tick("12:00"),
    )

    assert told.cost() == Decimal(1 + 60)


@pytest.mark.req("X-12", "X-02")
def test_of_two_late_heartbeats_the_later_is_where_a_silence_began() -> None:
    told = tell(
        OPENED,
        FUNDED,
        started("10:30", TEN_CENTS_A_SECOND),
        stopped("10:40"),
        LEASED,
        beat("10:00:10"),
        beat("10:00:20"),
        tick("12:00"),
    )

    assert told.reasons() == []
    assert told.cost() == Decimal(2 + 60)


@pytest.mark.req("X-12")
def test_a_second_heartbeat_of_the_closings_instant_is_accepted_and_changes_nothing() -> None:
    told = tell(
        OPENED, FUNDED, LEASED, beat("10:01"), tick("10:20"), beat("10:01", id="again"), tick("12:00")
    )

    assert told.reasons() == []
    assert told.cost() == Decimal(6)


@pytest.mark.req("X-02", "R-FX2")
def test_a_heartbeat_of_when_it_was_stopped_is_refused_also_when_told_after_our_own_stop() -> None:
    told = tell(
        OPENED,
        paid("00:00", "13"),
        LEASED,
        stopped("10:01"),
        started("11:00", TEN_CENTS_A_SECOND),
        tick("11:05"),
        beat("10:30"),
    )

    assert told.commands() == [(instant("11:01"), "instance.stop", "m-1", "unpaid")]
    assert told.reasons() == ["resource_state"]


@pytest.mark.parametrize(("when", "minutes"), [("10:20", 1), ("11:02", 62)])
@pytest.mark.req("X-12", "X-02")
def test_a_release_told_late_ends_the_session_then_or_where_the_silence_of_that_time_began(
    when: str, minutes: int
) -> None:
    beats = [beat(time) for time in ("10:01", "11:00", "11:05", "11:10", "10:30")]

    told = tell(OPENED, FUNDED, LEASED, *beats, released(when), tick("12:00"))

    assert told.cost() == Decimal(6) * minutes


@pytest.mark.req("X-12", "R-FX2")
def test_silence_after_our_own_stop_says_nothing() -> None:
    told = tell(OPENED, paid("00:00", "7"), LEASED, beat("10:00:50"), tick("12:00"))

    assert [n["values"]["reason"] for n in told.of("notice", type="resource_stopped")] == ["unpaid"]


@pytest.mark.req("X-12")
def test_after_release_silence_says_nothing() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), released("10:02"), tick("12:00"))

    assert told.notices("resource_stopped") == []
    assert told.cost() == Decimal(12)


@pytest.mark.req("X-12")
def test_a_restart_and_its_first_heartbeat_of_one_instant_leave_the_closed_session_closed() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        beat("10:01"),
        started("10:30", TEN_CENTS_A_SECOND),
        beat("10:30"),
        beat("10:31"),
        stopped("10:32"),
    )

    assert told.reasons() == []
    assert told.cost() == Decimal(6 + 12)


@pytest.mark.req("X-12")
def test_a_heartbeat_before_the_restart_of_one_instant_is_not_the_restarts() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        beat("10:01"),
        stopped("10:01"),
        started("10:01", TEN_CENTS_A_SECOND),
        stopped("10:31"),
    )

    # The second session never sent one, so nothing is silent.
    assert told.notices("resource_stopped") == []
    assert told.cost() == Decimal(31 * 6)


@pytest.mark.req("X-12")
def test_two_leases_fall_silent_each_by_itself() -> None:
    told = tell(
        OPENED,
        FUNDED,
        started("10:00", TEN_CENTS_A_SECOND, "a"),
        started("10:00", TEN_CENTS_A_SECOND, "b"),
        beat("10:01", "a"),
        beat("10:05", "b"),
        stopped("10:19", "b"),
        tick("12:00"),
    )

    assert (told.cost("a"), told.cost("b")) == (Decimal(6), Decimal(114))


@pytest.mark.parametrize(
    ("reason", "told_to_owner"), [("user", 0), ("preempted", 1), ("expired", 1), ("unpaid", 1), ("failed", 1)]
)
def test_the_owner_is_told_of_a_stop_that_was_not_theirs(reason: str, told_to_owner: int) -> None:
    told = tell(OPENED, FUNDED, LEASED, stopped("10:01", reason=reason))

    notices = told.of("notice", type="resource_stopped")
    assert [(n["resource"], n["values"]["reason"]) for n in notices] == [("m-1", reason)] * told_to_owner


def test_a_quota_counts_what_runs() -> None:
    told = tell(
        OPENED,
        FUNDED,
        settings("00:00", instance_quota=2),
        started("10:00", PER_HOUR_0_36, "a"),
        started("10:00", PER_HOUR_0_36, "b"),
        asked("10:01", PER_HOUR_0_36, "c"),
        stopped("10:02", "a"),
        asked("10:03", PER_HOUR_0_36, "c"),
    )

    assert told.reasons() == ["instance_quota"]
    assert [c[2] for c in told.commands()] == ["c"]


def test_without_a_setting_there_is_no_quota() -> None:
    leases = [started("10:00", PER_HOUR_0_36, f"m-{n}") for n in range(20)]

    assert tell(OPENED, FUNDED, *leases, asked("10:01", PER_HOUR_0_36, "one more")).reasons() == []


@pytest.mark.req("X-10")
def test_a_command_has_the_same_id_in_every_replay_and_another_at_another_instant() -> None:
    story = (
        OPENED,
        paid("00:00", "7"),
        LEASED,
        tick("11:00"),
        paid("12:00", "7"),
        started("13:00", TEN_CENTS_A_SECOND),
        tick("14:00"),
    )

    first, second = tell(*story), tell(*story)

    ids = [record["id"] for record in first.of("command")]
    assert ids == [record["id"] for record in second.of("command")]
    assert len(set(ids)) == len(ids) == 2


@pytest.mark.req("X-10")
def test_a_stop_is_commanded_once() -> None:
    told = tell(
        OPENED,
        paid("00:00", "7"),
        LEASED,
        tick("10:01"),
        tick("10:02"),
        beat("10:03"),
        beat("10:04"),
        tick("12:00"),
    )

    assert len(told.commands()) == 1


def test_stop_and_start_in_one_millisecond_lose_nothing() -> None:
    told = tell(
        OPENED,
        FUNDED,
        LEASED,
        stopped("10:00", id="1"),
        started("10:00", TEN_CENTS_A_SECOND, id="2"),
        beat("10:10"),
        stopped("10:20"),
    )

    assert told.cost() == Decimal(120)
    assert [c for c in told.charges() if "corrects" in c] == []


@pytest.mark.req("X-12")
def test_a_release_after_the_closing_bills_nothing_more() -> None:
    told = tell(OPENED, FUNDED, LEASED, beat("10:01"), tick("10:20"), released("15:00"))

    assert told.cost() == Decimal(6)
    assert told.reasons() == []


@pytest.mark.req("X-12", "X-02")
def test_a_late_stop_of_a_closed_session_is_accepted_after_a_restart() -> None:
    restart = started("11:00", TEN_CENTS_A_SECOND)

    told = tell(
        OPENED, FUNDED, LEASED, beat("10:01"), tick("10:20"), restart, stopped("11:01"), stopped("10:50")
    )

    assert told.cost() == Decimal(300 + 6)
    assert told.reasons() == []


@pytest.mark.req("R-FX2", "X-02")
def test_a_late_confirmation_of_our_stop_is_accepted_after_a_restart() -> None:
    restart = started("10:07", TEN_CENTS_A_SECOND)

    told = tell(
        OPENED,
        paid("00:00", "7"),
        LEASED,
        tick("10:05"),
        paid("10:06", "1000"),
        restart,
        stopped("10:06:30"),
        stopped("10:08"),
    )

    assert told.cost() == Decimal(12)
    assert told.reasons() == []


@pytest.mark.req("X-12")
def test_a_start_that_is_refused_for_want_of_a_term_does_not_keep_a_heartbeat_from_taking_the_closing_back() -> (
    None
):
    told = tell(
        opened("neolink"),
        topup("00:00", "100"),
        start("10:00", "rtx-4090"),
        alive("10:10"),
        start("10:30", "rtx-4090", mode="package"),
        alive("10:40"),
        stop("10:50"),
    )

    assert told.reasons() == ["resource_state"]
    # Fifty minutes, not the ten until the closing.
    assert told.cost("i-1") == Decimal("1.65")


@pytest.mark.req("X-12")
def test_a_session_that_begins_as_one_ends_and_beats_once_is_corrected_by_its_stop() -> None:
    told = tell(
        opened("neolink"),
        topup("00:00", "100"),
        start("09:00", "rtx-4090"),
        stop("10:00"),
        start("10:00", "rtx-4090"),
        alive("10:00"),
        stop("10:40"),
    )

    assert told.reasons() == []
    assert told.notices("resource_stopped") == [instant("10:15")]
    assert told.cost("i-1") == Decimal("3.30")
