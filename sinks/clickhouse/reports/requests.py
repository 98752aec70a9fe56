"""What requests cost (PD-24, R-PD5): their own charges and their share of the hours of the deployment that served them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sinks.clickhouse.asking import EXACT, Row, as_parameter, bounded, moment, shown, time_text
from sinks.clickhouse.reports.costs import DAYS_MAX, Costs

# What is told late is charged later than it happened, by this at most.
TOLD_LATE_MAX: Final = timedelta(days=36)
_NOTHING_SHARED: Final[Row] = {"requests": 0, "share": Decimal(0)}
# A charge without its event in the store (yet).
_NOT_TOLD: Final = {"request": "", "model": "", "key": "", "seconds": None, "finish": ""}
_COUNTS: Final = ("input_tokens", "output_tokens", "images", "videos", "characters")
_MILLISECOND: Final = timedelta(milliseconds=1)


class Requests(Costs):
    """Requests and the use of deployments."""

    def top_requests(self, account: str, days: int = 30, limit: int = 10) -> Row | None:
        """The dearest requests of the last `days` × 24 hours, and how deployments' hours were shared; None if unknown.

        `own` are charges of the request itself, `share` is its part of what its deployment cost, `cost` both. Of
        `deployments`, `share` + `idle` = `cost`. Raises ValueError for `days` outside 1..366.
        """
        span = self._span(account, days)
        if span is None:
            return None
        clock, since, until = span
        between = {"account": account, "since": as_parameter(since), "until": as_parameter(until)}
        dearest = self._ask.rows("top_requests", limit=bounded(limit), **between)
        return {
            "account": account,
            "currency": clock["currency"],
            "from": time_text(since),
            "to": time_text(until),
            "requests": self._told(account, dearest),
            "deployments": self._deployments_of(between),
        }

    def _told(self, account: str, dearest: Sequence[Row]) -> list[Row]:
        """What each request cost, with what its event told of it."""
        if not dearest:
            return []
        times = [moment(row["time"]) for row in dearest]
        told = self._ask.rows(
            "request_facts",
            account=account,
            ids=[(row["source"], row["id"]) for row in dearest],
            since=as_parameter(min(times) - TOLD_LATE_MAX),
            until=as_parameter(max(times) + _MILLISECOND),
        )
        facts = {(row["source"], row["id"]): row for row in told}
        return [_request(_NOT_TOLD | facts.get((row["source"], row["id"]), {}) | row) for row in dearest]

    def _deployments_of(self, between: Mapping[str, str]) -> Row:
        """What deployments cost, how much of it went to how many requests, and what was idle."""
        paid = self._ask.rows("paid_stretches", **between)[0]
        shared = self._ask.rows("shared_stretches", **between)[0] if paid["stretches"] else _NOTHING_SHARED
        return shown(paid | shared | {"idle": EXACT.subtract(paid["cost"], shared["share"])})

    def utilization(self, account: str, days: int = 30) -> Row | None:
        """Each deployment's paid hours, those without a request, and what was idle, the most idle money first."""
        span = self._span(account, days)
        if span is None:
            return None
        clock, since, until = span
        rows = self._ask.rows(
            "utilization", account=account, since=as_parameter(since), until=as_parameter(until)
        )
        return {
            "account": account,
            "currency": clock["currency"],
            "from": time_text(since),
            "to": time_text(until),
            "deployments": [shown(row) for row in rows],
        }

    def _span(self, account: str, days: int) -> tuple[Row, datetime, datetime] | None:
        """The account's clock and the last `days` days up to and with its present; None if unknown."""
        if not 1 <= days <= DAYS_MAX:
            raise ValueError(f"days must be 1 to {DAYS_MAX}")
        clock = self._clock(account)
        if clock is None:
            return None
        until = moment(clock["now"]) + _MILLISECOND
        return clock, until - timedelta(days=days), until


def _request(row: Row) -> Row:
    """Counts as numbers where they fit into JSON's, as the events have them; what a request did not use is left out."""
    used = {name: row[name] for name in _COUNTS if row.get(name)}
    rest = {name: value for name, value in row.items() if name not in _COUNTS}
    return shown(rest) | used
