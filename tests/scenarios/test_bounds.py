"""What keeps an account's state small, and what that may cost: never a cent (docs/architecture.md, limits)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from streams.core import sessions, story
from streams.core.lines import SEGMENTS_MAX
from streams.core.state import Account
from tests.properties.stories import DAWN, moment
from tests.scenarios.renting import (
    alive,
    deletion,
    limits,
    release,
    renew,
    replicas,
    request,
    sample,
    start,
    state,
    stop,
    topup,
)
from tests.scenarios.telling import (
    BOOK,
    TEN_CENTS_A_SECOND,
    beat,
    granted,
    opened,
    paid,
    started,
    stopped,
    tell,
    tick,
)

DAY_MS = 86_400_000


def _account(*lines: bytes) -> Account:
    """The account when the story has ended."""
    return story.run(lines, BOOK).accounts["acme"]


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

    run = _account(*lines).resources["m-1"].runs[0]
    told = tell(*lines, stopped(moment(15_000), id="late"))

    assert len(run.segments) == SEGMENTS_MAX + 1 - 499
    assert told.cost() == Decimal("1.50")
    corrections = [charge for charge in told.charges() if "corrects" in charge]
    assert len(corrections) == SEGMENTS_MAX + 1 - 499
    # The first 500 lines, 5,250 s, are one correction.
    assert corrections[0]["amount"] == "-523.50"


def test_a_day_of_lines_paid_by_one_bucket_is_one_segment_and_one_draw() -> None:
    gift = granted(moment(0), "10000")
    account = _account(
        opened("fluxedge", moment(0)), gift, started(moment(0), TEN_CENTS_A_SECOND), tick(moment(DAY_MS))
    )

    (run,) = account.resources["m-1"].runs
    assert [segment.count for segment in run.segments] == [24 * 60]
    assert len(run.draws) == 1


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

    resource = _account(*lines).resources["i-1"]
    told = tell(*lines, tick((DAWN + timedelta(days=61)).isoformat()))

    assert len(resource.runs) == 36
    assert len(resource.facts) == 72
    assert told.cost("i-1") == 60 * Decimal("3.20")


def test_the_last_session_is_remembered_however_long_ago_it_was() -> None:
    ended = (opened("gpugeek"), topup("00:00", "100"), start("10:00", "rtx-4090"), stop("11:00"))
    again = [stop(f"2027-01-01T0{hour}:00:00Z", id=f"again {hour}") for hour in range(3)]

    assert tell(*ended, *again).reasons() == ["resource_state"] * 3


@pytest.mark.parametrize(
    "lines",
    [
        (
            opened("neolink"),
            sample("01:00", "50", "image", "image-store"),
            sample("01:00", "50", "files", "shared-fs"),
            request("01:00", "rtx-4090", mode="package", term="daily", disk_gb="10"),
            renew("02:00"),
            start("02:00", "rtx-4090", "by use"),
            alive("02:05", "by use"),
            deletion("03:00", "image"),
            deletion("03:00", "files"),
            release("03:00"),
            release("03:00", "by use"),
        ),
        (
            opened("gpugeek"),
            sample("01:00", "50"),
            start("01:00", "rtx-4090", disk_gb="10"),
            start("01:00", "my-private", "model", model="m"),
            start("01:00", "my-deployment", "replicas", replicas=1),
            state("02:00", "idle", "model"),
            limits("02:00", 1, 2, 10, "replicas"),
            replicas("02:30", 2, "replicas"),
            deletion("03:00"),
            release("03:00"),
            release("03:00", "model"),
            release("03:00", "replicas"),
        ),
    ],
    ids=["neolink", "gpugeek"],
)  # fmt: skip
def test_what_is_over_leaves_no_timer(lines: tuple[bytes, ...]) -> None:
    account = _account(*lines, topup("04:00", "1000"), tick("2027-01-01T00:00:00Z"))

    assert account.timers == []


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

    account = _account(*lines)

    assert account.running == ["a", "b"]
    assert sessions.present_rate(account) == Decimal("12.20")
