"""Stage 5 of 6, windows: what an account cost in the open hour (UTC) and the open local day. Pure.

Windows are half open and belong to the time at which a charge falls due, so a closed one never changes again:
a correction is a cost of the hour in which it is made. Values are absolute, so writing one twice is harmless.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.records import CostLine as CostLineRecord
from schemas.records import WindowCosts as WindowCostsRecord
from schemas.values import instant_text, money_text, plain
from schemas.wire import Cause, CostLine, WindowCosts
from streams.core.amounts import EXACT, ZERO
from streams.core.state import HOUR_MS, Account, Cost, Spent
from streams.core.turn import Turn

_SEPARATOR = "\x1f"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_add = EXACT.add


@lru_cache(maxsize=65536)
def _day_of_hour(zone: str, quarter: int) -> tuple[int, int]:
    # Every offset that IANA still knows is a multiple of a quarter of an hour, so a quarter lies in one day.
    local = (_EPOCH + timedelta(minutes=15 * quarter)).astimezone(ZoneInfo(zone))
    start = datetime(local.year, local.month, local.day, tzinfo=local.tzinfo)
    following = datetime(local.year, local.month, local.day) + timedelta(days=1)  # noqa: DTZ001  # wall time
    return _ms(start), _ms(following.replace(tzinfo=local.tzinfo))


def _ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def local_day(zone: str, time_ms: int) -> tuple[int, int]:
    """[start, end) in UTC milliseconds of the local day that `time_ms` lies in: 23, 24 or 25 hours long (X-08)."""
    return _day_of_hour(zone, time_ms // 900_000)


def line_of(resource: str | None, sku: str, model: str | None, key: str | None) -> str:
    """What a window's lines are named by, but for the meter."""
    return f"{resource or ''}{_SEPARATOR}{sku}{_SEPARATOR}{model or ''}{_SEPARATOR}{key or ''}{_SEPARATOR}"


def count(turn: Turn, line: str, meter: str, unit: str, quantity: Decimal, amount: Decimal) -> None:
    """Add one charge to the open hour and day; windows that the turn's time has passed are closed first.

    `line` is `line_of` the charge.
    """
    account = turn.account
    if turn.time_ms >= account.border_ms:
        _cross_border(turn)
    name = line + meter
    cost = account.costs.get(name)
    if cost is None:
        cost = account.costs[name] = Cost(unit)
    cost.open_quantity = _add(cost.open_quantity, quantity)
    cost.open_amount = _add(cost.open_amount, amount)
    cost.open_charges += 1
    account.charges += 1
    account.charged_ms = turn.time_ms


def day_total(account: Account, day_ms: int) -> Decimal:
    """What was charged in the local day that begins at `day_ms`: the open one or one of the last eight."""
    if account.day_ms == day_ms:
        total = ZERO
        for cost in account.costs.values():
            if (spent := _with_open(cost.day, cost)) is not None:
                total = _add(total, spent[1])
        return total
    return next((amount for day, amount in account.spent_days if day == day_ms), ZERO)


def month_total(account: Account, resource: str) -> Decimal:
    """What `resource` was charged in the month of the account's last charge."""
    total = account.month_spent.get(resource, ZERO)
    for name, cost in account.costs.items():
        if _resource_of(name) == resource:
            total = _add(total, cost.open_amount)
    return total


def _resource_of(name: str) -> str:
    return name.partition(_SEPARATOR)[0]


def _cross_border(turn: Turn) -> None:
    """Close the hour, the day or both; what closes is written with its final values."""
    account = turn.account
    hour_over = turn.time_ms >= account.hour_ms + HOUR_MS
    day_over = turn.time_ms >= account.day_end_ms
    hours, days = open_windows(account, turn.offer.currency)
    spent = account.month_spent
    for name, cost in account.costs.items():
        if resource := _resource_of(name):
            spent[resource] = _add(spent.get(resource, ZERO), cost.open_amount)
    if day_over:
        _close_day(account, turn.time_ms)
    kept = {}
    for name, cost in account.costs.items():
        hour = None if hour_over else _with_open(cost.hour, cost)
        day = None if day_over else _with_open(cost.day, cost)
        if hour is not None or day is not None:
            kept[name] = Cost(cost.unit, hour=hour, day=day)
    account.costs = kept
    if hour_over:
        turn.out.hourly.extend(hours)
        account.hour_ms = turn.time_ms // HOUR_MS * HOUR_MS
    if day_over:
        turn.out.daily.extend(days)
        account.day_ms, account.day_end_ms = local_day(account.zone, turn.time_ms)
    account.border_ms = min(account.hour_ms + HOUR_MS, account.day_end_ms)


def _close_day(account: Account, time_ms: int) -> None:
    """Keep the day's total for summaries, and begin a new month's spending where one begins."""
    total = day_total(account, account.day_ms)
    if total:
        account.spent_days = [*account.spent_days[-7:], (account.day_ms, total)]
    month = month_of(account, time_ms)
    if account.month != month:
        account.month, account.month_spent, account.over_limit = month, {}, []


def month_of(account: Account, time_ms: int) -> str:
    """The calendar month of an instant in the account's zone: ``2026-11``."""
    return (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(ZoneInfo(account.zone)).strftime("%Y-%m")


def _with_open(before: Spent | None, cost: Cost) -> Spent | None:
    """`before` and what was charged since the last border; None where nothing was."""
    if before is None:
        return (cost.open_quantity, cost.open_amount, cost.open_charges) if cost.open_charges else None
    quantity, amount, charges = before
    return (
        _add(quantity, cost.open_quantity),
        _add(amount, cost.open_amount),
        charges + cost.open_charges,
    )


def open_windows(account: Account, currency: str) -> tuple[list[WindowCostsRecord], list[WindowCostsRecord]]:
    """The open hour's and the open day's costs as records; none where nothing was charged in them."""
    hour_lines: list[CostLineRecord] = []
    day_lines: list[CostLineRecord] = []
    hour_amount = day_amount = ZERO
    for name, cost in account.costs.items():
        hour, day = _with_open(cost.hour, cost), _with_open(cost.day, cost)
        line = None
        if hour is not None:
            line = _line(name, cost.unit, *hour)
            hour_lines.append(line)
            hour_amount = _add(hour_amount, hour[1])
        if day is not None:
            # One that is new today says the same of the hour and of the day, and is made once.
            if line is None or day != hour:
                line = _line(name, cost.unit, *day)
            day_lines.append(line)
            day_amount = _add(day_amount, day[1])
    hour_end_ms = account.hour_ms + HOUR_MS
    return (
        _record(account, currency, "hour", account.hour_ms, hour_end_ms, hour_amount, hour_lines),
        _record(account, currency, "day", account.day_ms, account.day_end_ms, day_amount, day_lines),
    )


def _record(
    account: Account,
    currency: str,
    window: str,
    start_ms: int,
    end_ms: int,
    total: Decimal,
    lines: list[CostLineRecord],
) -> list[WindowCostsRecord]:
    if not lines:
        return []
    start = instant_text(start_ms)
    return [
        WindowCosts(
            id=f"{window}_{account.id}_{start}",
            account=account.id,
            time=instant_text(account.charged_ms),
            cause=Cause(source="timer", id=window),
            profile=account.profile,
            currency=currency,
            start=start,
            end=instant_text(end_ms),
            amount=money_text(total),
            version=account.charges,
            lines=lines,
            zone=account.zone,
        )
    ]


def _line(name: str, unit: str, quantity: Decimal, amount: Decimal, charges: int) -> CostLineRecord:
    resource, sku, model, key, meter = name.split(_SEPARATOR)
    return CostLine(
        sku=sku,
        meter=meter,
        unit=unit,
        quantity=plain(quantity),
        amount=money_text(amount),
        charges=charges,
        resource=resource or None,
        model=model or None,
        key=key or None,
    )
