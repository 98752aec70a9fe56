"""Costs by day of the account's calendar and by hour, nothing left out: what cost nothing is there with 0."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from schemas.values import money_text
from sinks.clickhouse.asking import Row, as_parameter, moment, shown, total
from sinks.clickhouse.reports.accounts import Accounts

DAYS_MAX: Final = 366
HOURS_MAX: Final = 24 * 92
# The column of costs_by_day for each dimension.
_COLUMNS: Final = {
    "resource": "ResourceId",
    "model": "x_Model",
    "sku": "SkuId",
    "key": "x_ApiKey",
    "meter": "SkuMeter",
}
DIMENSIONS: Final = tuple(_COLUMNS)


class Costs(Accounts):
    """Costs of windows that closed and of the open ones."""

    def last_day(self, account: str) -> date | None:
        """The latest day, on the account's calendar, in which a charge fell due."""
        found = self._ask.value("last_day", account=account)
        return found if isinstance(found, date) else None

    def costs(
        self, account: str, days: int, *, by: str | None = None, as_of: date | None = None
    ) -> Row | None:
        """Costs of the `days` days up to and with `as_of`; None for an account that nothing is known of.

        `as_of` is by default the latest day with a charge, without any that of the balance. Days are those of
        the account's calendar; one without a charge is there with 0. With `by` (one of `DIMENSIONS`) each day has
        its `lines` and `groups` has the totals by name. Raises ValueError for other dimensions and for `days`
        outside 1..366.
        """
        if not 1 <= days <= DAYS_MAX:
            raise ValueError(f"days must be 1 to {DAYS_MAX}")
        if by is not None and by not in _COLUMNS:
            raise ValueError(f"by must be one of {', '.join(DIMENSIONS)}")
        balance = self.balance(account)
        last = as_of or self._default_day(account, balance)
        if last is None or not (balance or self.is_known(account)):
            return None
        span = {"account": account, "first": last - timedelta(days=days - 1), "last": last}
        rows = (
            self._ask.rows("costs_split", column=_COLUMNS[by], **span)
            if by
            else self._ask.rows("costs", **span)
        )
        currency = balance["currency"] if balance else str(self._ask.value("currency", account=account) or "")
        return _report(account, currency, last, days, by, rows)

    def costs_by_hour(self, account: str, hours: int) -> Row | None:
        """Costs of the last `hours` hours (UTC), the present one included; None for an unknown account.

        Raises ValueError for `hours` outside 1..2208.
        """
        if not 1 <= hours <= HOURS_MAX:
            raise ValueError(f"hours must be 1 to {HOURS_MAX}")
        clock = self._clock(account)
        if clock is None:
            return None
        last = moment(clock["now"]).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        first = last - timedelta(hours=hours)
        rows = self._ask.rows(
            "costs_by_hour", account=account, first=as_parameter(first), last=as_parameter(last)
        )
        return {
            "account": account,
            "currency": clock["currency"],
            "total": money_text(total(rows)),
            "hours": [shown(row) for row in rows],
        }

    def _default_day(self, account: str, balance: Row | None) -> date | None:
        # No wall clock: history that is played has a time of its own.
        return self.last_day(account) or (date.fromisoformat(balance["time"][:10]) if balance else None)


def _report(account: str, currency: str, last: date, count: int, by: str | None, rows: Sequence[Row]) -> Row:
    first = last - timedelta(days=count - 1)
    days: dict[date, list[Row]] = {first + timedelta(days=n): [] for n in range(count)}
    for row in rows:
        days[row["day"]].append(row)
    report: Row = {
        "account": account,
        "currency": currency,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "by": by,
        "total": money_text(total(rows)),
        "charges": sum(row["charges"] for row in rows),
        "days": [_day(day, lines, by) for day, lines in days.items()],
    }
    if by:
        names: dict[str, list[Row]] = {}
        for row in rows:
            names.setdefault(row["name"], []).append(row)
        report["groups"] = [
            {
                "name": name,
                "amount": money_text(total(names[name])),
                "charges": sum(line["charges"] for line in names[name]),
            }
            for name in sorted(names)
        ]
    return report


def _day(day: date, lines: Sequence[Row], by: str | None) -> Row:
    found: Row = {
        "day": day.isoformat(),
        "amount": money_text(total(lines)),
        "charges": sum(line["charges"] for line in lines),
    }
    if by:
        found["lines"] = [
            {"name": line["name"], "amount": money_text(line["amount"]), "charges": line["charges"]}
            for line in lines
        ]
    return found
