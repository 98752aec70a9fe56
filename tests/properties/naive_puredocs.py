"""A second, naive reading of the contract for PureDocs: no state machine, no corrections by difference, one long walk.

Written from the contract's sentences alone, to be compared with the engine (test_naive_puredocs.py). It knows what
comes in time: late events have laws of their own. Times are milliseconds, money Decimals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

HOUR = 3_600_000
DAY = 24 * HOUR
SILENCE = 900_000
PRICE = {"gpu-s": Decimal("0.60"), "gpu-m": Decimal("1.80"), "gpu-l": Decimal("3.50")}
COUPONS = {"WELCOME250": Decimal("2.50"), "LAUNCH1000": Decimal("10.00")}
ZERO = Decimal(0)


@dataclass
class Hour:
    """A paid hour, and the buckets that paid it."""

    start: int
    drawn: list[tuple[str, Decimal]]


@dataclass
class Deployment:
    """What the walk knows of a deployment."""

    sku: str = ""
    start: int = 0
    running: bool = False
    released: bool = False
    # Ended by us, and the producer has not confirmed it.
    unconfirmed: bool = False
    lost: bool = False
    beat: int | None = None
    hours: list[Hour] = field(default_factory=list)
    paused: bool = False
    told: bool = False

    @property
    def paid_until(self) -> int:
        return self.hours[-1].start + HOUR if self.hours else self.start


@dataclass
class Refill:
    """Auto-refill as set, and the one that is open: (when, amount)."""

    enabled: bool = False
    threshold: Decimal = ZERO
    amount: Decimal = ZERO
    cap: Decimal | None = None
    armed: bool = True
    open: tuple[int, Decimal] | None = None
    commanded: dict[int, Decimal] = field(default_factory=dict)


class PureDocs:
    """One account's walk; what it says is in the four lists, in order."""

    def __init__(self) -> None:
        self.now = 0
        self.buckets = {"trial": ZERO, "bonus": ZERO, "paid": ZERO}
        self.deployments: dict[str, Deployment] = {}
        self.credited: dict[str, Decimal] = {}
        self.coupons: set[str] = set()
        self.refill = Refill()
        self.low: Decimal | None = None
        self.below = False
        self.limits: dict[str, Decimal] = {}
        self.spent: dict[str, Decimal] = {}
        self.over: set[str] = set()
        self.daily = False
        self.day_spent = ZERO
        self.moved = False
        self.unpaid: set[str] = set()
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
            at = min([t for t, _, _ in waiting[:1]] + [self._next_timer()])
            if at > end:
                return
            self.now = at
            while waiting and waiting[0][0] == at:
                _, kind, data = waiting.pop(0)
                self._turn(partial(getattr(self, kind), **data))
            self._timers()

    def _next_timer(self) -> int:
        times = [(self.now // DAY + 1) * DAY]
        for each in self.deployments.values():
            if each.running:
                times.append(each.paid_until)
                if each.beat is not None:
                    times.append(each.beat + SILENCE)
        if self.refill.open is not None:
            times.append(self.refill.open[0] + DAY)
        return min(t for t in times if t > self.now)

    def _timers(self) -> None:
        for name in sorted(self.deployments):
            each = self.deployments[name]
            if each.running and each.paid_until == self.now and name not in self.unpaid:
                self._turn(partial(self._hour, name))
        if self.moved:
            self.moved = False
            self._turn(self._refill_due)
        for name in sorted(self.unpaid):
            if self.deployments[name].running:
                self._turn(partial(self._pause, name))
        self.unpaid.clear()
        for name in sorted(self.deployments):
            each = self.deployments[name]
            if each.running and each.beat is not None and each.beat + SILENCE <= self.now:
                self._turn(partial(self._lost, name))
        if self.moved:
            # A closing gave money back: the refill is looked at again at this instant.
            self.moved = False
            self._turn(self._refill_due)
        if self.refill.open is not None and self.refill.open[0] + DAY == self.now:
            self._turn(self._refill_failed)
        if self.now % DAY == 0:
            self._turn(self._midnight)

    def _turn(self, what: Any) -> None:
        """One event or timer, and the thresholds after it."""
        before = self.balance
        refusal = what()
        if refusal is not None:
            self.refused.append((self.now, refusal))
        low = self.low is not None and self.low > 0 and self.balance < self.low
        if low and not self.below:
            self._notice("low_balance")
        self.below = low
        if before > 0 >= self.balance:
            self._notice("balance_zero")
        if self.balance > before:
            for name in sorted(self.deployments):
                each = self.deployments[name]
                if each.paused and not each.told and self.balance >= PRICE[each.sku]:
                    each.told = True
                    self._notice("resource_resumable", name)
        if self.balance != before:
            self._look_at_refill()
        for name in sorted(self.limits):
            if self.spent.get(name, ZERO) >= self.limits[name]:
                if name not in self.over:
                    self._notice("spend_limit", name)
                self.over.add(name)
            else:
                self.over.discard(name)

    # --- money

    @property
    def balance(self) -> Decimal:
        return sum(self.buckets.values(), ZERO)

    def _post(self, kind: str, amount: Decimal, bucket: str) -> None:
        self.buckets[bucket] += amount
        self.entries.append((self.now, kind, amount, bucket, self.balance))

    def _notice(self, kind: str, resource: str | None = None) -> None:
        self.notices.append((self.now, kind, resource))

    def _command(self, kind: str, resource: str | None = None, amount: Decimal | None = None) -> None:
        self.commands.append((self.now, kind, resource, amount))

    def _charge(self, name: str) -> bool:
        each = self.deployments[name]
        price, start = PRICE[each.sku], each.paid_until
        if self.balance < price:
            return False
        drawn, rest = [], price
        for bucket in ("trial", "bonus", "paid"):
            part = rest if bucket == "paid" else min(rest, self.buckets[bucket])
            if part:
                drawn.append((bucket, part))
                rest -= part
        self.charges.append((self.now, name, start, start + HOUR, price))
        for bucket, part in drawn:
            self._post("charge", -part, bucket)
        each.hours.append(Hour(start, drawn))
        self._count(name, price)
        return True

    def _count(self, name: str, amount: Decimal) -> None:
        self.spent[name] = self.spent.get(name, ZERO) + amount
        self.day_spent += amount

    # --- timers

    def _hour(self, name: str) -> None:
        if not self._charge(name):
            self.unpaid.add(name)

    def _pause(self, name: str) -> None:
        each = self.deployments[name]
        while self._charge(name):
            if each.paid_until > self.now:
                return
        self._command("deployment.pause", name)
        self._notice("resource_paused", name)
        each.running, each.unconfirmed, each.paused, each.told, each.lost = False, True, True, False, False

    def _lost(self, name: str) -> None:
        each = self.deployments[name]
        each.running, each.unconfirmed, each.lost = False, True, True
        self._take_back(name, each.beat or 0)
        self._notice("resource_stopped", name)

    def _take_back(self, name: str, end: int) -> None:
        """Hours that begin at or after `end` were none."""
        each = self.deployments[name]
        for hour in [hour for hour in each.hours if hour.start >= end]:
            each.hours.remove(hour)
            self.charges.append((self.now, name, hour.start, hour.start + HOUR, -PRICE[each.sku]))
            for bucket, part in reversed(hour.drawn):
                self._post("correction", part, bucket)
            self._count(name, -PRICE[each.sku])

    def _midnight(self) -> None:
        if self.daily and self.day_spent > 0:
            self._notice("spend_digest")
        self.day_spent = ZERO

    def _look_at_refill(self) -> None:
        if self.refill.enabled:
            if self.balance >= self.refill.threshold:
                self.refill.armed = True
            elif self.refill.armed:
                self.moved = True

    def _refill_due(self) -> None:
        it = self.refill
        if not (it.enabled and it.armed and it.open is None and self.balance < it.threshold):
            return
        month = self.now // (30 * DAY)
        total = it.commanded.get(month, ZERO) + it.amount
        if it.cap is not None and total > it.cap:
            return
        it.commanded[month] = total
        it.armed, it.open = False, (self.now, it.amount)
        self._command("payment.refill", None, it.amount)
        self._notice("refill_requested")

    def _refill_failed(self) -> None:
        assert self.refill.open is not None
        since, amount = self.refill.open
        self.refill.commanded[since // (30 * DAY)] -= amount
        self.refill.open = None
        self._notice("refill_failed")

    # --- events

    def pay(self, state: str, payment: str, amount: Decimal) -> str | None:
        if state in ("created", "succeeded") and amount < 1:
            return "below_minimum"
        if payment in self.credited and state != "created":
            return "payment_state"
        if state == "succeeded":
            self.credited[payment] = amount
            self._post("topup", amount, "paid")
            self._notice("receipt")
        if state != "created" and self.refill.open is not None and self.refill.open[1] == amount:
            if state == "succeeded":
                self.refill.open = None
                self._look_at_refill()
            else:
                self._refill_failed()
        return None

    def grant(self, amount: Decimal, bucket: str) -> None:
        self._post("grant", amount, bucket)

    def coupon(self, code: str) -> str | None:
        if code not in COUPONS:
            return "coupon_unknown"
        if code in self.coupons:
            return "coupon_used"
        self.coupons.add(code)
        self._post("coupon", COUPONS[code], "bonus")
        return None

    def refund(self, amount: Decimal | None) -> str | None:
        wanted = self.buckets["paid"] if amount is None else amount
        if wanted <= 0 or wanted > self.buckets["paid"]:
            return "refund_not_allowed"
        self._post("refund", -wanted, "paid")
        return None

    def settings(self, **data: Any) -> str | None:
        if (refill := data.get("auto_refill")) is not None and refill["enabled"] and refill["amount"] < 100:
            return "below_minimum"
        if "low_balance" in data:
            self.low = data["low_balance"] / 100
        if "daily" in data:
            self.daily = data["daily"]
        for name, limit in data.get("spend_limits", {}).items():
            self.limits[name] = limit / 100
        if refill is not None:
            self.refill.enabled = refill["enabled"]
            if refill["enabled"]:
                self.refill.threshold, self.refill.amount = refill["threshold"] / 100, refill["amount"] / 100
                cap = refill.get("monthly_cap")
                self.refill.cap = None if cap is None else cap / 100
                self.refill.armed = True
            self._look_at_refill()
        return None

    def request(self, name: str, sku: str) -> str | None:
        each = self.deployments.get(name)
        if each is not None and (each.running or each.released):
            return "resource_state"
        if self.balance < PRICE[sku]:
            return "insufficient_balance"
        self._command("instance.start", name)
        return None

    def start(self, name: str, sku: str) -> str | None:
        each = self.deployments.get(name)
        if each is not None and (each.running or each.released):
            return "resource_state"
        self.deployments[name] = Deployment(sku, self.now, running=True)
        if not self._charge(name):
            self.unpaid.add(name)
        return None

    def stop(self, name: str, reason: str) -> str | None:
        each = self.deployments[name]
        if each.released:
            return "resource_state"
        if not each.running:
            if not each.unconfirmed:
                return "resource_state"
            each.unconfirmed = False
            if each.lost:
                self._goes_on(name)
                each.lost = False
            return None
        each.running, each.lost = False, False
        self.unpaid.discard(name)
        if self.now == each.start:
            self._take_back(name, each.start)
        if reason != "user":
            self._notice("resource_stopped", name)
        return None

    def release(self, name: str) -> str | None:
        each = self.deployments[name]
        if each.released:
            return "resource_state"
        if each.running and self.now == each.start:
            self._take_back(name, each.start)
        each.running, each.released, each.paused = False, True, False
        self.unpaid.discard(name)
        return None

    def beat(self, name: str) -> str | None:
        each = self.deployments[name]
        if each.released:
            return "resource_state"
        if each.running:
            each.beat = self.now
            return None
        if not each.unconfirmed:
            return "resource_state"
        if each.lost:
            each.beat, each.lost, each.unconfirmed, each.running = self.now, False, False, True
            self._goes_on(name)
        return None

    def _goes_on(self, name: str) -> None:
        """The session did run on: its hours up to now are due at once."""
        each = self.deployments[name]
        while each.paid_until < self.now:
            if not self._charge(name):
                self.unpaid.add(name)
                return
