"""A second, naive reading of the contract for FluxEdge: leases by the second, a line at most a minute long.

As `naive_puredocs.py`: from the contract's sentences alone, for what comes in time. Times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

MINUTE = 60_000
SILENCE = 15 * MINUTE
ZERO = Decimal(0)
STEP = Decimal("0.000000000001")


@dataclass
class Line:
    """A settled line [start, end) and the buckets that paid it."""

    start: int
    end: int
    amount: Decimal
    drawn: list[tuple[str, Decimal]]


@dataclass
class Lease:
    """What the walk knows of a lease."""

    rate: Decimal
    start: int
    settled: int
    running: bool = True
    released: bool = False
    unconfirmed: bool = False
    lost: bool = False
    beat: int | None = None
    lines: list[Line] = field(default_factory=list)

    def cost(self, at: int) -> Decimal:
        """Of the whole seconds since the start, rounded once."""
        seconds = (at - self.start) // 1000
        return (self.rate * seconds / 3600).quantize(STEP, ROUND_HALF_UP)


class FluxEdge:
    """One account's walk; what it says is in the lists, in order."""

    def __init__(self) -> None:
        self.now = 0
        self.buckets = {"bonus": ZERO, "paid": ZERO}
        self.leases: dict[str, Lease] = {}
        self.runway = False
        self.below_runway = False
        self.low = ZERO
        self.below = False
        self.enforce = False
        self.charges: list[tuple[Any, ...]] = []
        self.entries: list[tuple[Any, ...]] = []
        self.notices: list[tuple[Any, ...]] = []
        self.commands: list[tuple[Any, ...]] = []
        self.refused: list[tuple[int, str]] = []

    # --- the walk

    def tell(self, events: list[tuple[int, str, dict[str, Any]]], end: int) -> None:
        """Every event, every timer up to `end`."""
        waiting = list(events)
        while True:
            at = min([t for t, _, _ in waiting[:1]] + self._timers_ahead(), default=end + 1)
            if at > end:
                return
            self.now = at
            while waiting and waiting[0][0] == at:
                _, kind, data = waiting.pop(0)
                self._turn(partial(getattr(self, kind), **data))
            self._timers()

    def _running(self) -> list[str]:
        return [name for name in sorted(self.leases) if self.leases[name].running]

    def _timers_ahead(self) -> list[int]:
        times = []
        for name in self._running():
            lease = self.leases[name]
            times.append(lease.settled + MINUTE)
            times += [] if lease.beat is None else [lease.beat + SILENCE]
        return [time for time in times if time > self.now]

    def _timers(self) -> None:
        for name in self._running():
            if self.leases[name].settled + MINUTE <= self.now:
                self._turn(partial(self._line, name, self.now))
        if self.enforce:
            self.enforce = False
            self._turn(self._stop_all)
        for name in self._running():
            lease = self.leases[name]
            if lease.beat is not None and lease.beat + SILENCE <= self.now:
                self._turn(partial(self._lost, name))
        self.enforce = False

    def _turn(self, what: Callable[[], str | None]) -> None:
        before = self.balance
        refusal = what()
        if refusal is not None:
            self.refused.append((self.now, refusal))
        below = self.low > 0 and self.balance < self.low
        if below and not self.below:
            self._notice("low_balance")
        self.below = below
        below = self.runway and self.balance < 24 * self._burn()
        if below and not self.below_runway:
            self._notice("low_balance")
        self.below_runway = below
        if before > 0 >= self.balance:
            self._notice("balance_zero")

    # --- money

    @property
    def balance(self) -> Decimal:
        return sum(self.buckets.values(), ZERO)

    def _burn(self) -> Decimal:
        return sum((self.leases[name].rate for name in self._running()), ZERO)

    def _post(self, kind: str, amount: Decimal, bucket: str) -> None:
        self.buckets[bucket] += amount
        self.entries.append((self.now, kind, amount, bucket, self.balance))

    def _notice(self, kind: str, resource: str | None = None) -> None:
        self.notices.append((self.now, kind, resource))

    def _command(self, kind: str, resource: str) -> None:
        self.commands.append((self.now, kind, resource, None))

    def _line(self, name: str, end: int) -> None:
        lease = self.leases[name]
        if (end - lease.start) // 1000 == (lease.settled - lease.start) // 1000:
            return
        amount = lease.cost(end) - lease.cost(lease.settled)
        drawn, rest = [], amount
        for bucket in ("bonus", "paid"):
            part = rest if bucket == "paid" else min(rest, self.buckets[bucket])
            if part:
                drawn.append((bucket, part))
                rest -= part
        self.charges.append((self.now, name, lease.settled, end, amount))
        for bucket, part in drawn:
            self._post("charge", -part, bucket)
        lease.lines.append(Line(lease.settled, end, amount, drawn))
        lease.settled = end
        self.enforce = True

    def _take_back(self, name: str, end: int) -> None:
        """Each line that reaches beyond `end` was shorter, or none."""
        lease = self.leases[name]
        kept = []
        for line in lease.lines:
            if line.end <= end:
                kept.append(line)
                continue
            amount = lease.cost(max(line.start, end)) - lease.cost(line.start)
            back = line.amount - amount
            if back:
                self.charges.append((self.now, name, line.start, line.end, -back))
            for index in range(len(line.drawn) - 1, -1, -1):
                bucket, part = line.drawn[index]
                taken = min(part, back)
                line.drawn[index] = (bucket, part - taken)
                back -= taken
                if taken:
                    self._post("correction", taken, bucket)
            if line.start < end:
                kept.append(Line(line.start, end, amount, line.drawn))
        lease.lines = kept
        lease.settled = kept[-1].end if kept else lease.start

    # --- timers

    def _stop_all(self) -> None:
        if not self._running() or self.balance * 3600 >= self._burn() * 60:
            return
        for name in self._running():
            lease = self.leases[name]
            self._command("instance.stop", name)
            self._line(name, self.now)
            lease.running, lease.unconfirmed, lease.lost = False, True, False
            self._notice("resource_stopped", name)

    def _lost(self, name: str) -> None:
        lease = self.leases[name]
        lease.running, lease.unconfirmed, lease.lost = False, True, True
        self._take_back(name, lease.beat or 0)
        self._notice("resource_stopped", name)

    # --- events

    def pay(self, amount: Decimal) -> None:
        self._post("topup", amount, "paid")
        self._notice("receipt")

    def grant(self, amount: Decimal) -> None:
        self._post("grant", amount, "bonus")

    def settings(self, **data: Any) -> None:
        self.runway = data.get("runway", self.runway)
        self.low = data.get("low_balance", self.low)

    def request(self, name: str, rate: Decimal) -> str | None:
        lease = self.leases.get(name)
        if lease is not None and (lease.running or lease.released):
            return "resource_state"
        if self.balance * 3600 < (self._burn() + rate) * 60:
            return "insufficient_balance"
        self._command("instance.start", name)
        return None

    def start(self, name: str, rate: Decimal) -> str | None:
        lease = self.leases.get(name)
        if lease is not None and (lease.running or lease.released):
            return "resource_state"
        self.leases[name] = Lease(rate, self.now, self.now)
        return None

    def stop(self, name: str, reason: str) -> str | None:
        lease = self.leases[name]
        if lease.released or not (lease.running or lease.unconfirmed):
            return "resource_state"
        if lease.running or lease.lost:
            self._line(name, self.now)
        if lease.running and reason != "user":
            self._notice("resource_stopped", name)
        lease.running, lease.unconfirmed, lease.lost = False, False, False
        return None

    def release(self, name: str) -> str | None:
        lease = self.leases[name]
        if lease.released:
            return "resource_state"
        if lease.running:
            self._line(name, self.now)
        lease.running, lease.released = False, True
        return None

    def beat(self, name: str) -> str | None:
        lease = self.leases[name]
        if lease.released or not (lease.running or lease.unconfirmed):
            return "resource_state"
        if not lease.running and not lease.lost:
            return None
        lease.beat, lease.running, lease.unconfirmed, lease.lost = self.now, True, False, False
        self._line(name, self.now)
        return None
