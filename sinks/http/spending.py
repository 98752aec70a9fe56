"""What the service asks about spending, beside `ports.Reports`; one object answers both."""

from __future__ import annotations

from typing import Protocol

from sinks.http.ports import Row


class Analysis(Protocol):
    """Questions about spending; `sinks.clickhouse.reports.Reports` says what each answers."""

    def overview(self, sort: str = "account", *, limit: int = 100, offset: int = 0) -> list[Row]:
        """Accounts with burn and runway."""

    def projection(self, account: str) -> Row | None:
        """The month so far, and what it will come to."""

    def costs_by_hour(self, account: str, hours: int) -> Row | None:
        """Costs of the last hours."""

    def top_requests(self, account: str, days: int = 30, limit: int = 10) -> Row | None:
        """The dearest requests."""

    def utilization(self, account: str, days: int = 30) -> Row | None:
        """Deployments with what was idle."""

    def suggestions(self, account: str, days: int = 30) -> Row | None:
        """What could be saved."""

    def operations(self) -> Row:
        """Freshness, refusals, arrears, dead letters."""

    def freshness(self, minutes: int = 15) -> Row:
        """How soon charges can be seen."""

    def clock(self) -> Row:
        """How far time is."""
