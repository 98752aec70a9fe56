"""What requests cost (PD-24, R-PD5): their own charges and their share of the hours of the deployment that served them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sinks.clickhouse.asking import EXACT, Row, as_parameter, bounded, moment, shown, time_text
from sinks.clickhouse.reports.costs import DAYS_MAX, Costs

# Of all requests, told with each.
_TOTALS: Final = ("all_shares", "all_shared")
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
        between = {"since": as_parameter(since), "until": as_parameter(until)}
        rows = self._ask.rows("top_requests", account=account, limit=bounded(limit), **between)
        paid = self._ask.rows("paid_stretches", account=account, **between)[0]
        share, shared = (rows[0]["all_shares"], rows[0]["all_shared"]) if rows else (Decimal(0), 0)
        used = {"requests": shared, "share": share, "idle": EXACT.subtract(paid["cost"], share)}
        return {
            "account": account,
            "currency": clock["currency"],
            "from": time_text(since),
            "to": time_text(until),
            "requests": [_request(row) for row in rows],
            "deployments": shown(paid | used),
        }

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
    used = {name: row[name] for name in _COUNTS if row[name]}
    rest = {name: value for name, value in row.items() if name not in (*_COUNTS, *_TOTALS)}
    return shown(rest) | used
