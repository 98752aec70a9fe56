"""Windows: local days by IANA zone, hours in UTC, half open (X-08)."""

from datetime import UTC, datetime

import pytest

from schemas.values import instant_of
from streams.core.windows import local_day
from tests.scenarios.telling import BOOK, opened, served, spent, tell

HOUR_MS = 3_600_000


def _day(zone: str, time: str) -> tuple[str, str, int]:
    start, end = local_day(zone, instant_of(time))
    begin, close = (
        datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="minutes") for ms in (start, end)
    )
    return begin[:16], close[:16], (end - start) // HOUR_MS


@pytest.mark.req("X-08")
@pytest.mark.parametrize(
    ("zone", "time", "start", "end", "hours"),
    [
        ("UTC", "2026-11-01T00:00:00Z", "2026-11-01T00:00", "2026-11-02T00:00", 24),
        ("UTC", "2026-11-01T23:59:59.999Z", "2026-11-01T00:00", "2026-11-02T00:00", 24),
        ("Asia/Shanghai", "2026-11-05T15:59:59.999Z", "2026-11-04T16:00", "2026-11-05T16:00", 24),
        ("Asia/Shanghai", "2026-11-05T16:00:00Z", "2026-11-05T16:00", "2026-11-06T16:00", 24),
        ("Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00", "2026-03-29T22:00", 23),
        ("Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00", "2026-10-25T23:00", 25),
        ("America/New_York", "2026-11-01T12:00:00Z", "2026-11-01T04:00", "2026-11-02T05:00", 25),
        ("Asia/Kathmandu", "2026-11-01T18:14:59.999Z", "2026-10-31T18:15", "2026-11-01T18:15", 24),
        # Midnight does not exist on the day on which Chile's summer time begins.
        ("America/Santiago", "2026-09-06T12:00:00Z", "2026-09-06T04:00", "2026-09-07T03:00", 23),
        # Midnight comes twice on the day on which Cuba's summer time ends; the first one counts.
        ("America/Havana", "2026-11-01T12:00:00Z", "2026-11-01T04:00", "2026-11-02T05:00", 25),
        ("Australia/Lord_Howe", "2026-04-05T03:00:00Z", "2026-04-04T13:00", "2026-04-05T13:30", 24),
    ],
)  # fmt: skip
def test_a_local_day_is_23_24_or_25_hours(zone: str, time: str, start: str, end: str, hours: int) -> None:
    assert _day(zone, time) == (start, end, hours)


@pytest.mark.req("X-08")
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Asia/Shanghai", "America/Havana"])
def test_days_of_a_year_follow_each_other_without_gap_or_overlap(zone: str) -> None:
    start, end = local_day(zone, instant_of("2026-01-01T12:00:00Z"))

    for _ in range(366):
        following = local_day(zone, end)
        assert following[0] == end
        assert local_day(zone, end - 1) == (start, end)
        start, end = following


@pytest.mark.req("X-08")
def test_the_accounts_zone_replaces_the_profiles_for_days() -> None:
    from streams.core import story

    told = story.run(
        [opened("flexai", zone="Asia/Shanghai"), spent("15:59:59.999", "1"), spent("16:00", "2")], BOOK
    )

    (closed,) = told.out.daily
    assert (closed.start, closed.end, closed.amount) == (
        "2026-10-31T16:00:00.000Z",
        "2026-11-01T16:00:00.000Z",
        "1.00",
    )
    assert [hour.amount for hour in told.out.hourly] == ["1.00"]


def test_an_unknown_zone_is_no_event() -> None:
    assert tell(opened("flexai", zone="Mars/Olympus")).reasons() == ["schema_invalid"]


@pytest.mark.req("X-08")
def test_a_local_midnight_within_an_hour_closes_the_day_and_leaves_the_hour_open() -> None:
    from streams.core import story

    # In Kolkata a day ends at 18:30 UTC.
    told = story.run(
        [
            opened("flexai", zone="Asia/Kolkata"),
            spent("18:10", "1"),
            spent("18:40", "2"),
            spent("19:00", "4"),
        ],
        BOOK,
    )

    assert [(day.end, day.amount) for day in told.out.daily] == [("2026-11-01T18:30:00.000Z", "1.00")]
    assert [(hour.start, hour.amount) for hour in told.out.hourly] == [("2026-11-01T18:00:00.000Z", "3.00")]


@pytest.mark.req("X-08")
def test_what_was_charged_before_a_local_midnight_is_of_the_hour_and_no_longer_of_the_day() -> None:
    from streams.core import fold, story

    # Before Kolkata's midnight (18:30 UTC) one model, after it another; then nothing until the day after next.
    before, after = (
        served("18:10", "bge-m3", input_tokens=50_000_000),
        served("18:40", "llama-3.3-70b", input_tokens=10_000_000),
    )
    told = story.run([opened("flexai", zone="Asia/Kolkata"), before, after], BOOK)
    hours, days = fold.open_windows(told.accounts["acme"], BOOK)
    later = story.run([opened("flexai", zone="Asia/Kolkata"), before, after, spent("3 12:00", "4")], BOOK)

    assert [[(line.model, line.amount) for line in window.lines] for window in (*hours, *days)] == [
        [("bge-m3", "1.00"), ("llama-3.3-70b", "2.00")],
        [("llama-3.3-70b", "2.00")],
    ]
    assert [window.amount for window in (*hours, *days)] == ["3.00", "2.00"]
    assert [day.amount for day in later.out.daily] == ["1.00", "2.00"]
    assert [amount for _, amount in later.accounts["acme"].spent_days] == [1, 2]


@pytest.mark.req("X-08")
def test_a_line_of_the_day_holds_the_hours_before() -> None:
    from streams.core import fold, story

    told = story.run([opened("flexai"), spent("10:10", "1"), spent("11:10", "2"), spent("11:20", "4")], BOOK)

    (hour,), (day,) = fold.open_windows(told.accounts["acme"], BOOK)

    assert [(line.quantity, line.amount, line.charges) for line in hour.lines] == [("300", "6.00", 2)]
    assert [(line.quantity, line.amount, line.charges) for line in day.lines] == [("350", "7.00", 3)]
