"""What the naive readings of flex.ai, Neolink and GPUGEEK share: one walk along a story, the wallet, what is refused, notices.

Written from the contract's sentences alone. A reading that meets an event on which the texts are silent raises `Silent`,
and a withdrawal, which is refused everywhere, takes the event's place. Times are milliseconds since the dawn of the stories.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from tests.properties.stories import DAWN

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
TOO_OLD = 35 * DAY
ZERO = Decimal(0)
BUCKETS = ("free", "trial", "bonus", "paid")
Event = tuple[int, str, dict[str, Any]]


class Silent(Exception):
    """The texts do not say what this event does here."""


def rounded(exact: Fraction, places: int) -> Decimal:
    """Half-up, away from zero."""
    scaled = exact * 10**places
    whole = (abs(scaled) + Fraction(1, 2)).__floor__()
    return Decimal(whole if scaled >= 0 else -whole).scaleb(-places)


def quantity(exact: Fraction) -> Decimal:
    """As a charge states it."""
    return (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal("1e-12"), ROUND_HALF_UP)


class Walk:
    """One account's story; what it says is in the five lists, in order."""

    methods: ClassVar[frozenset[str]] = frozenset()
    transfers: ClassVar[bool] = False
    takes_refunds: ClassVar[bool] = True
    minimum: ClassVar[Decimal] = ZERO
    places: ClassVar[int] = 2

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.now = 0
        self.buckets = dict.fromkeys(BUCKETS, ZERO)
        self.told: list[Event] = []
        self.payments: dict[str, tuple[str, Decimal]] = {}
        self.given_back: dict[str, Decimal] = {}
        self.disputed = False
        self.low = ZERO
        self.below = False
        self.digest = "off"
        self.spendings: list[tuple[int, Decimal]] = []
        self.limits: dict[str, Decimal] = {}
        self.spent: dict[tuple[str, tuple[int, int]], Decimal] = {}
        self.over: set[tuple[str, tuple[int, int]]] = set()
        self.charges: list[tuple[Any, ...]] = []
        self.entries: list[tuple[Any, ...]] = []
        self.notices: list[tuple[Any, ...]] = []
        self.commands: list[tuple[Any, ...]] = []
        self.refused: list[tuple[int, str]] = []

    def said(self, what: str) -> list[tuple[Any, ...]]:
        """One of the lists; one instant's notices and commands have no order."""
        found: list[tuple[Any, ...]] = getattr(self, what)
        if what in ("notices", "commands"):
            found = sorted(found, key=lambda said: (said[0], repr(said[1:])))
        return found

    # --- the walk

    def tell(self, events: list[Event], end: int) -> None:
        """Every event (`told` has the story as it was understood), every timer up to `end`."""
        waiting = list(events)
        while True:
            ahead = [self._falls_on(waiting[0])] if waiting else []
            at = min(ahead + [time for time in self.timers() if time > self.now], default=end + 1)
            if at > end:
                return
            self.now = at
            while waiting and self._falls_on(waiting[0]) == at:
                self._hear(waiting.pop(0))
            self.fire()

    def _falls_on(self, event: Event) -> int:
        time, kind, _ = event
        no_clock = kind in ("again", "conflict") or time < self.now - TOO_OLD
        return self.now if no_clock else max(time, self.now)

    def _hear(self, event: Event) -> None:
        self.time, kind, data = event
        if kind == "conflict":
            self.refused.append((self.now, "duplicate_conflict"))
        elif kind != "again" and self.time < self.now - TOO_OLD:
            self.refused.append((self.now, "too_old"))
        elif kind != "again":
            try:
                self.turn(lambda: getattr(self, kind)(**data))
            except Silent:
                event = (self.time, "withdraw", {})
                self.turn(self.withdraw)
        self.told.append(event)

    def timers(self) -> list[int]:
        """When something falls due by itself."""
        return [self.midnight_after(self.now)]

    def fire(self) -> None:
        """What falls due now."""
        if self.midnight_after(self.now - 1) == self.now:
            self.turn(self._midnight)

    def turn(self, what: Callable[[], str | None]) -> None:
        """One event or timer, and the thresholds after it."""
        before = self.balance
        refusal = what()
        if refusal is not None:
            self.refused.append((self.now, refusal))
        self.look(before)

    def look(self, before: Decimal) -> None:
        """The thresholds of section 8.7."""
        below = self.low > 0 and self.balance < self.low
        if below and not self.below:
            self.notice("low_balance")
        self.below = below
        if before > 0 >= self.balance:
            self.notice("balance_zero")
        for name in sorted(self.limits):
            key = (name, self.month())
            if self.spent.get(key, ZERO) >= self.limits[name]:
                if key not in self.over:
                    self.notice("spend_limit", name)
                self.over.add(key)
            else:
                self.over.discard(key)

    # --- the account's days

    def local(self, ms: int) -> datetime:
        return (DAWN + timedelta(milliseconds=ms)).astimezone(self.zone)

    def midnight_after(self, ms: int) -> int:
        return self._midnight_of(self.local(ms).date() + timedelta(days=1))

    def midnight_before(self, ms: int, days: int) -> int:
        """The beginning of the day so many days before that of `ms`."""
        return self._midnight_of(self.local(ms).date() - timedelta(days=days))

    def _midnight_of(self, day: date) -> int:
        return (datetime.combine(day, datetime.min.time(), self.zone) - DAWN) // timedelta(milliseconds=1)

    def month(self) -> tuple[int, int]:
        day = self.local(self.now)
        return (day.year, day.month)

    def _midnight(self) -> None:
        monday = self.local(self.now).weekday() == 0
        if self.digest == "daily" or (self.digest == "weekly" and monday):
            days = 1 if self.digest == "daily" else 7
            begin = self.midnight_before(self.now, days)
            if sum((amount for time, amount in self.spendings if begin <= time < self.now), ZERO) > 0:
                self.notice("spend_digest")

    # --- money

    @property
    def balance(self) -> Decimal:
        return sum(self.buckets.values(), ZERO)

    def post(self, kind: str, amount: Decimal, bucket: str) -> None:
        if amount:
            self.buckets[bucket] += amount
            self.entries.append((self.now, kind, amount, bucket, self.balance))

    def draw(self, amount: Decimal, kind: str = "charge") -> list[tuple[str, Decimal]]:
        """Pays `amount`; says which buckets paid it."""
        drawn = []
        for bucket in BUCKETS:
            part = amount if bucket == "paid" else min(amount, self.buckets[bucket])
            if part > 0:
                drawn.append((bucket, part))
                amount -= part
        for bucket, part in drawn:
            self.post(kind, -part, bucket)
        return drawn

    def count(self, name: str | None, amount: Decimal) -> None:
        """For digests and limits of spending."""
        self.spendings.append((self.now, amount))
        if name is not None:
            key = (name, self.month())
            self.spent[key] = self.spent.get(key, ZERO) + amount

    def notice(self, kind: str, resource: str | None = None) -> None:
        self.notices.append((self.now, kind, resource))

    def command(self, kind: str, resource: str | None, reason: str, **extra: Any) -> None:
        self.commands.append((self.now, kind, resource, reason, *extra.values()))

    # --- events of accounts and payments

    def pay(
        self, state: str, payment: str, amount: Decimal, method: str, fee: Decimal, bonus: Decimal
    ) -> str | None:
        credited = self.payments.get(payment, ("", ZERO))[0] == "succeeded"
        if state in ("created", "succeeded"):
            if method not in self.methods:
                return "method_not_accepted"
            if amount < self.minimum:
                return "below_minimum"
        if credited and state == "succeeded":
            return "payment_state"
        if credited:
            raise Silent
        if state == "succeeded":
            self.credit(payment, amount, fee, bonus)
        else:
            self.payments[payment] = (state, amount)
        return None

    def credit(self, payment: str, amount: Decimal, fee: Decimal, bonus: Decimal) -> None:
        self.payments[payment] = ("succeeded", amount)
        self.post("topup", amount - fee, "paid")
        self.post("grant", bonus, "bonus")
        self.notice("receipt")

    def transfer(self, state: str, payment: str, amount: Decimal) -> str | None:
        if not self.transfers:
            return "method_not_accepted"
        known, uploaded = self.payments.get(payment, ("", ZERO))
        if state == "approved":
            if known in ("", "rejected", "succeeded"):
                return "payment_state"
            if uploaded != amount:
                raise Silent
            self.credit(payment, amount, ZERO, ZERO)
        elif known != {"uploaded": "", "rejected": "uploaded"}[state]:
            raise Silent
        else:
            self.payments[payment] = (state, amount)
        return None

    def give_back(self, kind: str, payment: str, amount: Decimal) -> str | None:
        """`payment.refunded` and `payment.disputed`."""
        if kind == "refund" and not self.takes_refunds:
            return "refund_not_allowed"
        state, credited = self.payments.get(payment, ("", ZERO))
        returned = self.given_back.get(payment, ZERO) + amount
        if state != "succeeded" or returned > credited:
            return "payment_state"
        self.given_back[payment] = returned
        self.disputed = self.disputed or kind == "chargeback"
        self.post(kind, -amount, "paid")
        return None

    def grant(self, amount: Decimal, bucket: str) -> None:
        self.post("grant", amount, bucket)

    def coupon(self, **_: object) -> str:
        return "coupon_unknown"

    def refund(self) -> str:
        return "refund_not_allowed"

    def withdraw(self) -> str:
        return "withdrawal_not_allowed"

    def settings(self, **data: Any) -> str | None:
        if data.get("auto_refill"):
            return "capability_disabled"
        self.low = data.get("low_balance", self.low)
        self.digest = data.get("digest", self.digest)
        self.limits |= data.get("spend_limits", {})
        return None
