"""A gate for tests: balance records as the worker writes them, a clock that is moved by hand, a feed of any age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from sinks.http.gate.gate import Gate, Limits
from sinks.http.gate.policy import Policy
from sinks.http.gate.view import BalanceView
from sinks.http.gate.windows import MemoryWindows
from sinks.http.ports import Ports
from sinks.http.strangers import Strangers
from tests.sinks.calling import Caller
from tests.sinks.fakes import Clock

BILLING = "https://tokens.flex.ai/dashboard/billing"
FLEXAI = Policy("flexai", {"free": 10, "elevated": 60, "paid": 100}, BILLING)
OPEN = Policy("open", {"free": 10}, fails_open=True)
BARE = Policy("bare")
# 26.4 s past a full minute.
RESET_S = 1_795_600_080
NOW_MS = (RESET_S - 60) * 1000 + 26_400
RESET_MS = RESET_S * 1000


class Feed:
    """A fake of what reads the balances."""

    def __init__(self, age_s: float = 0.5) -> None:
        self.age = age_s

    def age_s(self) -> float:
        return self.age


def balance(
    account: str,
    amount: str,
    keys: Mapping[str, str],
    *,
    profile: str = "flexai",
    seq: int = 1,
    edition: int = 1,
) -> tuple[bytes, bytes]:
    """Key and value of a record of `balances`."""
    record: dict[str, Any] = {
        "id": f"bal_{account}_{seq}_{edition}", "account": account, "time": "2026-11-01T00:00:00.000Z",
        "cause": {"source": "s", "id": "1"}, "profile": profile, "balance": amount, "currency": "USD",
        "buckets": {"paid": amount}, "flags": [], "keys": dict(keys), "seq": seq,
    }  # fmt: skip
    return account.encode(), msgspec.json.encode(record)


class Gated:
    """A service with a gate, called over HTTP; everything around it can be moved."""

    def __init__(
        self,
        *records: tuple[bytes, bytes],
        limits: Limits | None = None,
        strangers: Strangers | None = None,
    ) -> None:
        self.view = BalanceView({each.profile: each for each in (FLEXAI, OPEN, BARE)})
        self.feed, self.clock = Feed(), Clock(NOW_MS)
        self.gate = Gate(self.view, MemoryWindows(), self.feed, limits or Limits(), now_ms=self.clock.now_ms)
        strangers = strangers or Strangers(0, self.clock.now_ms)
        ports = Ports(_no_reports, hosts=frozenset({"testserver"}), gate=self.gate, strangers=strangers)
        self.caller = Caller(ports)
        for record in records:
            self.view.take(*record)

    def ask(self, key: str, path: str = "/v1/authorize") -> httpx.Response:
        """GET with the key as bearer."""
        return self.caller.get(path, Authorization=f"Bearer {key}")

    def statuses(self, key: str, times: int) -> list[int]:
        """The statuses of that many requests."""
        return [self.ask(key).status_code for _ in range(times)]


def limits_of(answer: httpx.Response) -> tuple[int, int, int]:
    """Limit, remaining and reset, as the headers say."""
    limit, remaining, reset = (
        int(answer.headers[f"x-ratelimit-{name}-requests"]) for name in ("limit", "remaining", "reset")
    )
    return limit, remaining, reset


def _no_reports() -> Any:
    raise AssertionError("the gate asks no store")
