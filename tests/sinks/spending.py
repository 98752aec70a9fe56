"""A fake of the questions about spending; its answers have the form of the real ones (tests/integration hold those)."""

from __future__ import annotations

from typing import Any

NOW = "2026-11-11T00:00:00.000Z"
FIRST = "2026-10-12T00:00:00.001Z"
OVERVIEW = {
    "account": "a/1", "profile": "puredocs", "balance": "879.40", "currency": "USD", "month_to_date": "120.60",
    "burn_per_hour": "0.60", "runway_hours": "1465.6", "now": NOW,
}  # fmt: skip
RUNNING = {
    "profile": "puredocs", "resource": "d-1", "sku": "gpu-s", "mode": "payg", "model": "llama-3-8b", "since": "2026-11-02T16:00:00.000Z",
    "replicas": 1, "price": "0.60", "per_hour": "0.60", "charged_until": "2026-11-11T01:00:00.000Z", "period_s": 3600,
}  # fmt: skip
PROJECTION = {
    "currency": "USD", "as_of": NOW, "zone": "UTC", "month": "2026-11", "month_to_date": "120.60", "hours_remaining": "480.000000",
    "burn_per_hour": "0.60", "burn": {"running": "0.60", "stored": "0.00", "requests": "0.00"}, "projected": "408.00",
    "by_last_7_days": {"spent": "100.80", "hours": "168.000000", "per_hour": "0.60", "projected": "408.60"},
    "runway_hours": "1465.6", "running": [RUNNING],
}  # fmt: skip
REQUEST = {
    "source": "/gateway", "id": "ev-1", "time": "2026-11-02T16:10:00.000Z", "request": "r-1", "model": "llama-3-8b", "key": "",
    "resource": "d-1", "seconds": "900", "finish": "stop", "own": "0.00", "share": "0.15", "cost": "0.15", "input_tokens": 10,
}  # fmt: skip
USED = {"requests": 1, "cost": "0.60", "share": "0.15", "idle": "0.45"}
SUGGESTION = {
    "type": "pause_nights", "resource": "d-1",
    "text": "d-1 had no request between 20:00 and 08:00 on any of 14 days: pausing it then saves 12 hours a night at 0.60 an hour",
    "saving_per_month": "216.00", "currency": "USD",
    "figures": {
        "from_hour": 20, "to_hour": 8, "days_seen": 14, "idle_hours": "168", "idle_hours_per_night": "12", "nights": 30,
        "price_per_hour": "0.6",
    },
}  # fmt: skip
FRESHNESS = {
    "minutes": 15, "charges": 1200, "last": "2026-11-11T00:00:00.000Z", "age_max_s": "1.204", "age_mean_s": "0.61",
    "waited_max_s": "0.9",
}  # fmt: skip


class FakeAnalysis:
    """One account, `a/1`; what a question was asked with is in its answer."""

    def overview(self, sort: str = "account", *, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        del sort
        return [OVERVIEW][offset : offset + limit]

    def operations(self) -> dict[str, Any]:
        return {
            "clock": self.clock(),
            "freshness": FRESHNESS,
            "rejections": [],
            "arrears": [],
            "dead_letters": 0,
        }

    def clock(self) -> dict[str, Any]:
        return {"slowest": NOW, "fastest": NOW, "partitions": 4}

    def freshness(self, minutes: int = 15) -> dict[str, Any]:
        return FRESHNESS | {"minutes": minutes}

    def projection(self, account: str) -> dict[str, Any] | None:
        return self._of(account, PROJECTION)

    def costs_by_hour(self, account: str, hours: int) -> dict[str, Any] | None:
        hour = {"hour": NOW, "amount": "0.60", "charges": 1}
        return self._of(account, {"currency": "USD", "total": "0.60", "hours": [hour] * hours})

    def top_requests(self, account: str, days: int = 30, limit: int = 10) -> dict[str, Any] | None:
        del days
        deployments = {"stretches": 1, "hours": "1"} | USED
        return self._spanned(account, {"requests": [REQUEST] * limit, "deployments": deployments})

    def utilization(self, account: str, days: int = 30) -> dict[str, Any] | None:
        del days
        head = {"resource": "d-1", "sku": "gpu-s", "model": "llama-3-8b", "currency": "USD"}
        body = {"paid_hours": "1", "unused_hours": "0", "first": "2026-11-02T16:00:00.000Z", "last": NOW}
        return self._spanned(account, {"deployments": [head | USED | body]})

    def suggestions(self, account: str, days: int = 30) -> dict[str, Any] | None:
        del days
        return self._spanned(account, {"suggestions": [SUGGESTION]})

    def is_known(self, account: str) -> bool:
        return account == "a/1"

    def _spanned(self, account: str, answer: dict[str, Any]) -> dict[str, Any] | None:
        return self._of(account, {"currency": "USD", "from": FIRST, "to": NOW} | answer)

    def _of(self, account: str, answer: dict[str, Any]) -> dict[str, Any] | None:
        return {"account": account} | answer if self.is_known(account) else None
