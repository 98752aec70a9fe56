"""Accounts: who there is, what each has, and how it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.profile import Profile
from sinks.clickhouse.asking import Asker, Row, bounded, shown

SORTS: Final = ("account", "burn", "risk")
_END_OF_TIME: Final = "2299-12-31 00:00:00.000"


class Accounts:
    """Balances, ledger and charges."""

    def __init__(self, ask: Asker, profiles: Mapping[str, Profile]) -> None:
        self._ask = ask
        self._profiles = profiles

    def accounts(self, limit: int = 100, offset: int = 0) -> list[Row]:
        """Accounts with their balances, in order of their ids."""
        return [shown(row) for row in self._ask.rows("accounts", limit=bounded(limit), offset=offset)]

    def overview(self, sort: str = "account", *, limit: int = 100, offset: int = 0) -> list[Row]:
        """Accounts with balance, spend of the month, burn and runway, by one of `SORTS`; raises ValueError for others."""
        if sort not in SORTS:
            raise ValueError(f"sort must be one of {', '.join(SORTS)}")
        rows = self._ask.rows("overview", sort=sort, limit=bounded(limit), offset=offset)
        return [
            shown(row) | {"runway_hours": None if row["runway_hours"] is None else str(row["runway_hours"])}
            for row in rows
        ]

    def balance(self, account: str) -> Row | None:
        """Balance, buckets, flags and keys; None for an account without a balance."""
        rows = self._ask.rows("balance", account=account)
        return shown(rows[0]) if rows else None

    def is_known(self, account: str) -> bool:
        """True for an account that has a balance, a charge or an entry."""
        return self.balance(account) is not None or bool(self._ask.value("is_known", account=account))

    def credited_account(self, payment: str, account: str | None = None) -> str | None:
        """The account to which `payment` was credited, None for nobody; quicker where `account` is the right one."""
        found = self._ask.value("credited", payment=payment, account=account) if account else None
        found = found or self._ask.value("credited", payment=payment, account="")
        return str(found) if found else None

    def ledger(self, account: str, *, limit: int = 100, before: int | None = None) -> list[Row]:
        """The latest `limit` postings with a `seq` below `before`, the newest first."""
        below = 2**63 if before is None else before
        rows = self._ask.rows("ledger", account=account, limit=bounded(limit), before=below)
        return [shown(row) for row in rows]

    def transactions(self, account: str, *, limit: int = 100) -> list[Row]:
        """The latest `limit` postings that are no usage: payments, grants, coupons, refunds, chargebacks."""
        return [shown(row) for row in self._ask.rows("transactions", account=account, limit=bounded(limit))]

    def charges(
        self, account: str, *, limit: int = 100, before: str | None = None, before_id: str = ""
    ) -> list[Row]:
        """The latest `limit` charges before the time `before` (and, at that time, below `before_id`), newest first."""
        moment = _END_OF_TIME if before is None else before.replace("T", " ").rstrip("Z")
        rows = self._ask.rows(
            "charges", account=account, limit=bounded(limit), before=moment, before_id=before_id
        )
        return [shown(row) for row in rows]

    def _clock(self, account: str) -> Row | None:
        """The account's present: `now`, `today`, `zone`, with balance and currency; None without a balance."""
        rows = self._ask.rows("clock", account=account)
        return rows[0] if rows else None
