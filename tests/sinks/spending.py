"""A fake of the questions about spending."""

from __future__ import annotations

from typing import Any


class FakeAnalysis:
    """One account, `a/1`; each answer says how it was asked for."""

    def overview(self, sort: str = "account", *, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        return [{"account": "a/1", "sort": sort, "burn_per_hour": "0.60"}][offset : offset + limit]

    def operations(self) -> dict[str, Any]:
        return {"dead_letters": 0}

    def projection(self, account: str) -> dict[str, Any] | None:
        return self._of(account, projected="408.00")

    def costs_by_hour(self, account: str, hours: int) -> dict[str, Any] | None:
        return self._of(account, hours=hours)

    def top_requests(self, account: str, days: int = 30, limit: int = 10) -> dict[str, Any] | None:
        return self._of(account, days=days, limit=limit)

    def utilization(self, account: str, days: int = 30) -> dict[str, Any] | None:
        return self._of(account, days=days)

    def suggestions(self, account: str, days: int = 30) -> dict[str, Any] | None:
        return self._of(account, days=days)

    def is_known(self, account: str) -> bool:
        return account == "a/1"

    def _of(self, account: str, **answer: Any) -> dict[str, Any] | None:
        return {"account": account} | answer if self.is_known(account) else None
