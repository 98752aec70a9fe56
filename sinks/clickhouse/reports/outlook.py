"""Where it leads: present burn, runway, and what the calendar month will come to (PD-19, PD-20, R-PD6).

A projection is an estimate and says so by its decimals: six. What is paid in advance is not counted twice: an hour that
is paid up to 11:17 begins to cost again at 11:17, and then a whole hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.values import money_text
from sinks.clickhouse.asking import Row, as_parameter, moment, shown, time_text
from sinks.clickhouse.reports.accounts import Accounts

TRAILING_HOURS: Final = 168
_SIX: Final = Decimal("0.000001")
# Estimates are divided; nothing here is posted.
_ESTIMATE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


class Month(NamedTuple):
    """A calendar month of an account: its first and last day, and its end as an instant (not included)."""

    first: date
    last: date
    end: datetime


class Outlook(Accounts):
    """Burn and projection."""

    def running(self, account: str) -> list[Row]:
        """What runs now, the dearest first, with what it costs an hour."""
        return [shown(row) for row in self._ask.rows("running", account=account)]

    def projection(self, account: str) -> Row | None:
        """The month so far, and what it will come to by the present burn and by the last seven days; None if unknown."""
        clock = self._clock(account)
        if clock is None:
            return None
        now = moment(clock["now"])
        month = month_of(clock["today"], str(clock["zone"]))
        spent = self._ask.value("spend", account=account, first=month.first, last=month.last) or Decimal(0)
        burn = (self._ask.rows("burn", account=account) or [_NO_BURN])[0]
        running = self._ask.rows("running", account=account)
        more = _running_until(running, now, month.end) + _cost(
            burn["stored"] + burn["requests"], hours(now, month.end)
        )
        return {
            "account": account,
            "currency": clock["currency"],
            "as_of": time_text(now),
            "zone": clock["zone"],
            "month": f"{month.first:%Y-%m}",
            "month_to_date": money_text(spent),
            "hours_remaining": str(_rounded(hours(now, month.end))),
            "burn_per_hour": money_text(burn["per_hour"]),
            "burn": {name: money_text(burn[name]) for name in ("running", "stored", "requests")},
            "projected": money_text(_rounded(spent + more)),
            "by_last_7_days": self._trailing(account, now, month.end, spent),
            "runway_hours": runway(clock["balance"], burn["per_hour"]),
            "running": [shown(row) for row in running],
        }

    def _trailing(self, account: str, now: datetime, end: datetime, spent: Decimal) -> Row:
        """As the 168 full hours before the present one went, so the rest of the month; an account younger than that, as
        its own hours went.
        """
        last = now.replace(minute=0, second=0, microsecond=0)
        first = last - timedelta(hours=TRAILING_HOURS)
        span = {"first": as_parameter(first), "last": as_parameter(last)}
        found = self._ask.rows("trailing_spend", account=account, **span)[0]
        length = hours(max(moment(found["begun"] or now), first), last) or Decimal(1)
        amount = Decimal(found["spent"])
        per_hour = _ESTIMATE.divide(amount, length)
        return {
            "spent": money_text(amount),
            "hours": str(_rounded(length)),
            "per_hour": money_text(_rounded(per_hour)),
            "projected": money_text(_rounded(spent + _cost(per_hour, hours(now, end)))),
        }


_NO_BURN: Final = dict.fromkeys(("running", "stored", "requests", "per_hour"), Decimal(0))


def month_of(today: date, zone: str) -> Month:
    """The calendar month of `today`; it ends at midnight in `zone`."""
    first = today.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    end = datetime(following.year, following.month, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return Month(first, following - timedelta(days=1), end)


def hours(start: datetime, end: datetime) -> Decimal:
    """Hours from `start` to `end`, to the millisecond; 0 where there are none."""
    return _ESTIMATE.divide(Decimal(max((end - start) // timedelta(milliseconds=1), 0)), Decimal(3_600_000))


def runway(balance: Decimal, per_hour: Decimal) -> str | None:
    """For how many hours `balance` lasts, to a tenth, never more than it does; None while nothing is spent."""
    if per_hour <= 0:
        return None
    tenths = int(_ESTIMATE.divide(max(balance, Decimal(0)), per_hour) * 10)
    return f"{tenths // 10}.{tenths % 10}"


def _running_until(running: Sequence[Row], now: datetime, end: datetime) -> Decimal:
    """What the running resources will be charged for from where they were charged to, until `end`."""
    more = Decimal(0)
    for row in running:
        since = moment(row["charged_until"] or row["since"])
        left = hours(since if row["period_s"] else min(since, now), end)
        if row["period_s"]:
            # A period that is begun is paid.
            period = _ESTIMATE.divide(Decimal(row["period_s"]), Decimal(3600))
            left = _ESTIMATE.divide(left, period).to_integral_value(ROUND_CEILING) * period
        more += _cost(row["per_hour"], left)
    return more


def _cost(per_hour: Decimal, length: Decimal) -> Decimal:
    return _ESTIMATE.multiply(per_hour, length)


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(_SIX, context=_ESTIMATE)
