"""What the service is handed: answers ready for JSON, from wherever they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from email.message import EmailMessage
from typing import Any, Protocol

Row = dict[str, Any]


class Unavailable(Exception):
    """The store of reports does not answer; the same question may be answered later."""


class Reports(Protocol):
    """Questions about accounts; `sinks.clickhouse.queries.Reports` says what each answers."""

    def accounts(self, limit: int = 100, offset: int = 0) -> list[Row]:
        """Accounts with balances."""

    def balance(self, account: str) -> Row | None:
        """One balance."""

    def is_known(self, account: str) -> bool:
        """Whether there is such an account."""

    def costs(
        self, account: str, days: int, *, by: str | None = None, as_of: date | None = None
    ) -> Row | None:
        """Costs by day."""

    def ledger(self, account: str, *, limit: int = 100, before: int | None = None) -> list[Row]:
        """Postings, the newest first."""

    def charges(
        self, account: str, *, limit: int = 100, before: str | None = None, before_id: str = ""
    ) -> list[Row]:
        """Charges, the newest first."""

    def stored_rows(self) -> dict[str, int]:
        """Rows that each table holds."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the service gets things. `reports` is called for each request, raises `Unavailable`; `mails` gives the
    newest mails that were caught on this machine, or None where none are caught. `hosts`: the names by which the
    service may be called; empty for any.
    """

    reports: Callable[[], Reports]
    mails: Callable[[int], Sequence[EmailMessage]] | None = None
    hosts: frozenset[str] = frozenset()
