"""Pausing (PD-36): hours of the day, and weekends, in which a deployment was paid for and never asked. Pure.

Days are those on which it was paid for, in the zone of the account. A deployment that nobody asked at all is `unused`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Final

from schemas.values import money_text, plain
from sinks.clickhouse.suggest.facts import ESTIMATE, Deployment, Hour, Suggestion
from sinks.clickhouse.suggest.rules import Rules

HOURS: Final = 24
SATURDAY: Final = 6
DAYS_OF_WEEK: Final = 7
_HUNDREDTH: Final = Decimal("0.01")


def pauses(deployment: Deployment, rules: Rules) -> Iterator[Suggestion]:
    """What pausing it would have saved, a month."""
    if deployment.days_seen < rules.nights.days_min:
        return
    if not any(hour.requests for hour in deployment.hours):
        yield _unused(deployment, rules)
        return
    night = quiet_hours(deployment.hours)
    if len(night) >= rules.nights.hours_min:
        yield _nights(deployment, night, rules)
    else:
        night = ()
    weekends = _weekends(deployment, night, rules)
    if weekends is not None:
        yield weekends


def quiet_hours(hours: Sequence[Hour]) -> tuple[int, ...]:
    """The longest stretch of local hours of the day, over midnight too, that was paid for and never had a request."""
    asked: dict[int, int] = defaultdict(int)
    for hour in hours:
        asked[hour.hour] += hour.requests
    quiet = {hour for hour, requests in asked.items() if not requests}
    best: tuple[int, ...] = ()
    for first in range(HOURS):
        length = 0
        while length < HOURS and (first + length) % HOURS in quiet:
            length += 1
        if length > len(best):
            best = tuple((first + n) % HOURS for n in range(length))
    return best


def _unused(deployment: Deployment, rules: Rules) -> Suggestion:
    days = deployment.days_seen
    whole = ESTIMATE.multiply(_paid(deployment.hours) * rules.days_of_month, deployment.per_hour)
    return Suggestion(
        type="unused",
        text=f"{deployment.resource} had no request on any of {days} days; it costs {money_text(deployment.per_hour)} an hour",
        resource=deployment.resource,
        saving=ESTIMATE.divide(whole, Decimal(days)),
        figures={
            "days_seen": days,
            "paid_hours": _paid(deployment.hours),
            "requests": 0,
            "price_per_hour": deployment.per_hour,
        },
    )


def _nights(deployment: Deployment, night: tuple[int, ...], rules: Rules) -> Suggestion:
    days = deployment.days_seen
    idle = _paid(hour for hour in deployment.hours if hour.hour in night)
    # What was paid for in those hours, a day: already paused nights save nothing more.
    a_night = ESTIMATE.divide(idle, Decimal(days)).quantize(_HUNDREDTH, rounding=ROUND_DOWN, context=ESTIMATE)
    whole = ESTIMATE.multiply(idle * rules.days_of_month, deployment.per_hour)
    begin, end = night[0], (night[-1] + 1) % HOURS
    return Suggestion(
        type="pause_nights",
        text=(
            f"{deployment.resource} had no request between {begin:02d}:00 and {end:02d}:00 on any of {days} days: "
            f"pausing it then saves {plain(a_night)} hours a night at {money_text(deployment.per_hour)} an hour"
        ),
        resource=deployment.resource,
        saving=ESTIMATE.divide(whole, Decimal(days)),
        figures={
            "from_hour": begin,
            "to_hour": end,
            "days_seen": days,
            "idle_hours": idle,
            "idle_hours_per_night": a_night,
            "nights": rules.days_of_month,
            "price_per_hour": deployment.per_hour,
        },
    )


def _weekends(deployment: Deployment, night: tuple[int, ...], rules: Rules) -> Suggestion | None:
    """Saturdays and Sundays without a request, if there were enough; hours of the night are counted there."""
    there = [hour for hour in deployment.hours if hour.weekday >= SATURDAY]
    weekends = {hour.day.isocalendar()[:2] for hour in there}
    if len(weekends) < rules.weekends.weekends_min or any(hour.requests for hour in there):
        return None
    idle = _paid(hour for hour in there if hour.hour not in night)
    if not idle:
        return None
    whole = ESTIMATE.multiply(idle * rules.days_of_month, deployment.per_hour)
    return Suggestion(
        type="pause_weekends",
        text=f"{deployment.resource} had no request on any of {len(weekends)} weekends: pausing it then saves {plain(idle)} hours in them",
        resource=deployment.resource,
        saving=ESTIMATE.divide(whole, Decimal(len(weekends) * DAYS_OF_WEEK)),
        figures={
            "weekends_seen": len(weekends),
            "idle_hours": idle,
            "price_per_hour": deployment.per_hour,
            "days_per_month": rules.days_of_month,
        },
    )


def _paid(hours: Sequence[Hour] | Iterator[Hour]) -> Decimal:
    return sum((hour.paid_hours for hour in hours), Decimal(0))
