"""What the naive readings of Neolink and GPUGEEK share: sessions in cents by the clock hour, terms, silence, arrears.

As `naive_account.py`: from the contract's sentences alone, for what comes in time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import ClassVar

from tests.properties.naive_account import DAY, HOUR, MINUTE, ZERO, Silent, Walk, quantity, rounded

SILENCE = 15 * MINUTE
TERMS = {"daily": 24 * HOUR, "weekly": 168 * HOUR, "monthly": 720 * HOUR}


@dataclass
class Line:
    """A settled line: its period, the exact quantity in hours, the money and the buckets that paid."""

    start: int
    end: int
    hours: Fraction
    amount: Decimal
    drawn: list[tuple[str, Decimal]]


@dataclass
class Session:
    """From a start to its end; `free` where a term pays. `replicas` is (since, how many)."""

    sku: str
    mode: str
    rate: Decimal
    start: int
    free: bool
    meter: str = "duration"
    replicas: list[tuple[int, int]] = field(default_factory=list)
    beat: int | None = None
    lines: list[Line] = field(default_factory=list)
    settled: int = 0

    def hours(self, end: int) -> Fraction:
        """Of whole seconds, times replicas."""
        changes = self.replicas or [(self.start, 1)]
        total = 0
        for index, (since, many) in enumerate(changes):
            until = changes[index + 1][0] if index + 1 < len(changes) else end
            total += max(0, min(until, end) - since) * many
        return Fraction(total // 1000, 3600)

    def owed(self, end: int) -> Fraction:
        return self.hours(end) * Fraction(self.rate)

    @property
    def charged(self) -> Decimal:
        return sum((line.amount for line in self.lines), ZERO)


@dataclass
class Term:
    """A paid period."""

    sku: str
    term: str
    price: Decimal
    start: int
    end: int


@dataclass
class Resource:
    """An instance or a model, from its first event on."""

    running: Session | None = None
    last: Session | None = None
    terms: list[Term] = field(default_factory=list)
    auto_renew: bool = False
    gone: bool = False
    unconfirmed: bool = False
    lost: bool = False
    delete_at: int | None = None
    told_due: bool = False
    # The term was left for another mode.
    over: bool = False

    @property
    def paid_until(self) -> int | None:
        return self.terms[-1].end if self.terms else None


@dataclass
class Held:
    """Gigabytes held from an instant on (None is the end), what they came to exactly and what was charged."""

    sku: str
    sizes: list[tuple[int, Decimal | None]] = field(default_factory=list)
    exact: Fraction = Fraction(0)
    charged: Decimal = ZERO

    def at(self, ms: int) -> Decimal:
        held = [size for since, size in self.sizes if since <= ms]
        return (held[-1] if held else None) or ZERO

    def changes(self, start: int, end: int) -> list[int]:
        """`start`, and each instant before `end` at which the size is another."""
        return sorted({start, *(since for since, _ in self.sizes if start < since < end)})


class Rental(Walk):
    """The walk of a provider that rents by the clock hour and by terms."""

    prices: ClassVar[dict[str, dict[str, Decimal]]] = {}
    least: ClassVar[Decimal] = ZERO

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self.resources: dict[str, Resource] = {}
        self.settlement = False
        self.overdue = False

    # --- the clock

    def timers(self) -> list[int]:
        times = super().timers()
        if any(self.billed(each) for each in self.resources.values()):
            times.append((self.now // HOUR + 1) * HOUR)
        for each in self.resources.values():
            if not each.gone and not each.over and each.paid_until is not None:
                times.append(each.paid_until)
            if each.running is not None and each.running.beat is not None:
                times.append(each.running.beat + SILENCE)
            if each.delete_at is not None:
                times += [each.delete_at - DAY, each.delete_at]
        return times

    def fire(self) -> None:
        for name in sorted({*self.resources, *self.gauges_due()}):
            self.turn(partial(self.settle, name))
        self.expiries()
        self.enforce()
        for name in sorted(self.resources):
            each = self.resources[name]
            if each.running and each.running.beat is not None and each.running.beat + SILENCE <= self.now:
                self.turn(partial(self.lose, name))
        self.enforce()
        self.after_enforcement()
        super().fire()
        for name in sorted(self.resources):
            self.deletion(name)

    def expiries(self) -> None:
        """Terms end, or are renewed."""
        for name in sorted(self.resources):
            each = self.resources[name]
            if each.paid_until == self.now and not each.gone and not each.over:
                self.turn(partial(self.expire, name))

    def settle(self, name: str) -> None:
        """What falls due of `name` at the end of an hour or of a day."""
        if name in self.gauges_due():
            self.settle_gauge(name)
        each = self.resources.get(name)
        if self.now % HOUR == 0 and each is not None and self.billed(each):
            assert each.running is not None
            self.line(name, each.running, self.now, last=False)

    def gauges_due(self) -> set[str]:
        raise NotImplementedError

    def settle_gauge(self, name: str) -> None:
        raise NotImplementedError

    @staticmethod
    def billed(each: Resource) -> bool:
        return each.running is not None and not each.running.free

    # --- lines

    def charge(self, name: str, what: tuple[str, str], period: tuple[int, int], hours: Fraction, price: Decimal, amount: Decimal) -> list[tuple[str, Decimal]]:  # fmt: skip
        """A charge and its entries; says which buckets paid."""
        self.charges.append((self.now, name, *what, *period, quantity(hours), price, amount))
        self.settlement = True
        self.count(name, amount)
        return self.draw(amount)

    def line(self, name: str, session: Session, end: int, *, last: bool) -> None:
        """The seconds up to `end`; the last line of a session brings it to the minimum."""
        start, session.settled = session.settled, end
        hours = session.hours(end) - session.hours(start)
        if not hours or session.free:
            return
        amount = rounded(session.owed(end), 2) - session.charged
        if last:
            amount = max(amount, self.least - session.charged)
        drawn = self.charge(name, (session.sku, session.meter), (start, end), hours, session.rate, amount)
        session.lines.append(Line(start, end, hours, amount, drawn))

    def shorten(self, name: str, session: Session, end: int) -> None:
        """The session ended earlier than its lines."""
        kept: list[Line] = []
        for line in session.lines:
            new_end = max(min(line.end, end), line.start)
            before = sum((each.amount for each in kept), ZERO)
            hours = session.hours(new_end) - session.hours(line.start)
            amount = rounded(session.owed(new_end), 2) - before if hours else ZERO
            if hours and new_end == end:
                amount = max(amount, self.least - before)
            if hours != line.hours:
                self._give_back(name, session, line, hours, amount)
            line.end, line.hours, line.amount = new_end, hours, amount
            if hours:
                kept.append(line)
        session.lines = kept
        session.settled = min(session.settled, end)

    def _give_back(self, name: str, session: Session, line: Line, hours: Fraction, amount: Decimal) -> None:
        back = line.amount - amount
        period = (line.start, line.end)
        self.charges.append((self.now, name, session.sku, session.meter, *period, quantity(hours - line.hours), session.rate, -back))  # fmt: skip # noqa: E501
        self.settlement = True
        self.count(name, -back)
        for index in range(len(line.drawn) - 1, -1, -1):
            bucket, part = line.drawn[index]
            taken = min(part, back)
            line.drawn[index] = (bucket, part - taken)
            back -= taken
            self.post("correction", taken, bucket)

    # --- ends

    def end(self, name: str, reason: str, *, ours: bool = False, at: int | None = None) -> None:
        """The session of `name` ends now, or ended at `at`."""
        each = self.resources[name]
        session = each.running
        assert session is not None
        if at is None:
            self.line(name, session, self.now, last=True)
        else:
            self.shorten(name, session, at)
            self.line(name, session, at, last=True)
        each.running, each.last, each.unconfirmed, each.lost = None, session, ours, reason == "heartbeat_lost"
        if reason != "user":
            self.notice("resource_stopped", name)
        self.ended(name, session, since=self.now if at is None else at)

    def ended(self, name: str, session: Session, *, since: int) -> None:
        """What follows an end."""
        raise NotImplementedError

    def lose(self, name: str) -> None:
        session = self.resources[name].running
        assert session is not None
        self.end(name, "heartbeat_lost", ours=True, at=session.beat)

    def enforce(self) -> None:
        """After all charges of an instant."""
        if self.balance >= 0:
            self.overdue = False
        if not self.settlement:
            return
        self.settlement = False
        if self.balance < 0:
            for name in sorted(self.resources):
                if self.billed(self.resources[name]):
                    self.command("instance.stop", name, "unpaid")
                    self.turn(partial(self.end, name, "unpaid", ours=True))
            if not self.overdue:
                self.notice("overdue")
            self.overdue = True
        self.settlement = False

    def expire(self, name: str) -> None:
        raise NotImplementedError

    def after_enforcement(self) -> None:
        """Reminders."""

    def deletion(self, name: str) -> None:
        """Data is deleted; a day before it is announced."""
        each = self.resources[name]
        if each.delete_at is None:
            return
        if each.delete_at - DAY == self.now and not each.told_due:
            self.notice("deletion_due", name)
            each.told_due = True
        if each.delete_at == self.now:
            self.command("data.delete", name, "retention")
            self.notice("data_deleted", name)
            each.delete_at, each.gone = None, True
            self.lost_disk(name)

    def lost_disk(self, name: str) -> None:
        """The disk of `name` is no more."""

    def same_again(self, kind: str, name: str, reason: str) -> bool:
        """Whether the instant has this command already: a second has the same id, and the texts know no second."""
        return (self.now, kind, name, reason) in self.commands

    # --- events

    def known(self, name: str) -> Resource:
        """What was started; the reading does not wait for a start."""
        each = self.resources.get(name)
        if each is None or (each.running is None and each.last is None):
            raise Silent
        return each

    def give_back(self, kind: str, payment: str, amount: Decimal) -> str | None:
        refusal = super().give_back(kind, payment, amount)
        self.owe()
        return refusal

    def owe(self) -> None:
        """Money went without a settlement: where nothing runs, what is owed is said at the end of the instant."""
        runs = any(self.billed(each) for each in self.resources.values())
        self.settlement = self.settlement or (self.balance < 0 and not self.overdue and not runs)

    def stop(self, name: str, reason: str) -> str | None:
        each = self.known(name)
        if each.gone:
            return "resource_state"
        if each.running is not None:
            self.end(name, reason)
            return None
        if not each.unconfirmed:
            return "resource_state"
        if each.lost:
            session = self._taken_back(name)
            self.line(name, session, self.now, last=True)
            each.running, each.last = None, session
            self.moved_end(name, session)
        each.unconfirmed = each.lost = False
        return None

    def _taken_back(self, name: str) -> Session:
        """The closing was none: the hours since then are due."""
        each = self.resources[name]
        session = each.last
        assert session is not None
        if any(session.settled <= term.end <= self.now for term in each.terms) and session.free:
            raise Silent
        if session.charged > rounded(session.owed(session.settled), 2):
            raise Silent
        # A closing less than a second into an hour has no line: that hour's begins with the hour.
        ends = [session.start, *(line.end for line in session.lines), session.settled // HOUR * HOUR]
        session.settled = max(end for end in ends if end <= session.settled)
        for hour in range((session.settled // HOUR + 1) * HOUR, self.now, HOUR):
            self.line(name, session, hour, last=False)
        return session

    def moved_end(self, name: str, session: Session) -> None:
        """The end of a session is another than was thought."""

    def beat(self, name: str) -> str | None:
        each = self.known(name)
        if each.gone:
            return "resource_state"
        if each.running is not None:
            each.running.beat = self.now
            return None
        if each.lost:
            each.running = self._taken_back(name)
            each.running.beat = self.now
            each.lost, each.unconfirmed, each.delete_at = False, False, None
            return None
        return None if each.unconfirmed else "resource_state"

    def release(self, name: str) -> str | None:
        each = self.known(name)
        if each.gone:
            return "resource_state"
        if each.running is not None:
            self.end(name, "user")
        each.gone, each.delete_at, each.unconfirmed = True, None, False
        self.lost_disk(name)
        return None
