"""What keeps an account's state small, and what that may cost: never a cent (docs/architecture.md, limits)."""

from datetime import timedelta
from decimal import Decimal

from streams.core import sessions, story
from streams.core.lines import SEGMENTS_MAX
from tests.properties.stories import DAWN, moment
from tests.scenarios.renting import start, stop, topup
from tests.scenarios.telling import (
    BOOK,
    TEN_CENTS_A_SECOND,
    beat,
    opened,
    paid,
    started,
    stopped,
    tell,
    tick,
)

DAY_MS = 86_400_000


def test_a_thousand_events_wait_for_a_start_and_more_are_refused_at_once() -> None:
    early = [beat("10:00", id=f"b{number}") for number in range(1_001)]

    told = tell(opened("fluxedge"), *early, started("09:59", TEN_CENTS_A_SECOND), stopped("10:01"))

    assert told.reasons() == ["unknown_resource"]
    assert told.of("rejection")[0]["cause"]["id"] == "b1000"


def _irregular_beats() -> list[bytes]:
    """Heartbeats of which no two follow each other after the same time, so that no two lines are alike."""
    lines, now = [], 0
    for number in range(SEGMENTS_MAX + 1):
        now += 10_000 + 1_000 * (number % 2)
        lines.append(beat(moment(now), id=f"b{number}"))
    return lines


def test_beyond_so_many_lines_the_oldest_are_corrected_together() -> None:
    lines = [
        opened("fluxedge", moment(0)),
        paid(moment(0), "10000"),
        started(moment(0), TEN_CENTS_A_SECOND),
        *_irregular_beats(),
    ]

    run = story.run(lines, BOOK).accounts["acme"].resources["m-1"].runs[0]
    told = tell(*lines, stopped(moment(15_000), id="late"))

    assert len(run.segments) == SEGMENTS_MAX + 1 - 499
    assert told.cost() == Decimal("1.50")
    corrections = [charge for charge in told.charges() if "corrects" in charge]
    assert len(corrections) == SEGMENTS_MAX + 1 - 499
    # The first 500 lines, 5,250 s, are one correction.
    assert corrections[0]["amount"] == "-523.50"


def test_sessions_that_nothing_can_correct_any_more_are_forgotten() -> None:
    daily = [
        line
        for day in range(60)
        for line in (
            start(moment(day * DAY_MS), "rtx-4090", id=f"start {day}"),
            stop(moment(day * DAY_MS + 3_600_000), id=f"stop {day}"),
        )
    ]
    lines = [opened("gpugeek", moment(0)), topup(moment(0), "10000"), *daily]

    resource = story.run(lines, BOOK).accounts["acme"].resources["i-1"]
    told = tell(*lines, tick((DAWN + timedelta(days=61)).isoformat()))

    assert len(resource.runs) == 36
    assert len(resource.facts) == 72
    assert told.cost("i-1") == 60 * Decimal("3.20")


def test_an_account_knows_what_runs_without_looking_at_all_that_it_ever_rented() -> None:
    resting = [
        line for n in range(50) for line in (start("10:00", "rtx-4090", f"i-{n}"), stop("10:01", f"i-{n}"))
    ]
    lines = [
        opened("gpugeek"),
        topup("00:00", "10000"),
        *resting,
        start("10:02", "rtx-4090", "b"),
        start("10:02", "a100", "a"),
    ]

    account = story.run(lines, BOOK).accounts["acme"]

    assert account.running == ["a", "b"]
    assert sessions.present_rate(account) == Decimal("12.20")
