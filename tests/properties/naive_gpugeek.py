"""A second, naive reading of the contract for GPUGEEK: seconds settled on the hour, GB-hours, packages, arrears of seven days.

As `naive_account.py`: from the contract's sentences alone, for what comes in time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from tests.properties.naive_account import DAY, HOUR, MINUTE, ZERO, Silent, quantity, rounded
from tests.properties.naive_rental import TERMS, Held, Rental, Resource, Session, Term

PRICES = {
    "rtx-4090": {"payg": Decimal("3.20"), "spot": Decimal("1.60"), "daily": Decimal(60), "weekly": Decimal(380), "monthly": Decimal(1500)},
    "a100": {"payg": Decimal(9), "spot": Decimal("4.50"), "daily": Decimal(170), "weekly": Decimal(1100), "monthly": Decimal(4300)},
}  # fmt: skip
PER_GB_HOUR = Decimal("0.0005")
REQUESTS = {
    "chat-base": {"tokens_in": Decimal(2), "tokens_out": Decimal(8)},
    "image-gen": {"images": Decimal("0.20")},
    "video-gen": {"videos": Decimal("1.50")},
    "my-public": {"runtime": Decimal(6)},
}
UNITS = {"tokens_in": 1_000_000, "tokens_out": 1_000_000, "images": 1, "videos": 1, "runtime": 3600}
COUNTS = {"runtime": "seconds"}
QUOTA = 3
HOLD = 10 * MINUTE
ARREARS = 7 * DAY


@dataclass
class Store(Held):
    """What is paid by the GB-hour, and until when it is settled."""

    settled: int = 0

    def gb_hours(self, start: int, end: int) -> Fraction:
        total = Fraction(0)
        changes = self.changes(start, end)
        for since, until in zip(changes, [*changes[1:], end], strict=True):
            total += Fraction(self.at(since)) * (until - since)
        return total / HOUR


class Gpugeek(Rental):
    """One account's walk."""

    methods = frozenset({"qr", "alipay", "wechat"})
    transfers = True

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self.stores: dict[str, Store] = {}
        self.approved: dict[str, tuple[int, Decimal]] = {}
        self.served: dict[tuple[str, str], tuple[Fraction, Decimal]] = {}
        self.tight = False
        self.arrears: int | None = None
        self.reminders: list[tuple[int, str, int]] = []
        self.deleted: set[str] = set()
        self.warned: set[str] = set()

    # --- the clock

    def timers(self) -> list[int]:
        times = super().timers() + [at for at, _, _ in self.reminders]
        if self.stores:
            times.append((self.now // HOUR + 1) * HOUR)
        if self.arrears is not None:
            times += [self.arrears + ARREARS - DAY, self.arrears + ARREARS]
        return times

    def gauges_due(self) -> set[str]:
        return set(self.stores) if self.now % HOUR == 0 else set()

    def settle_gauge(self, name: str) -> None:
        store = self.stores[name]
        hours = self._unpaid_gb_hours(name, self.now - HOUR, self.now)
        if hours:
            store.exact += hours * Fraction(PER_GB_HOUR)
            amount = rounded(store.exact, 2) - store.charged
            store.charged += amount
            self.charge(
                name, (store.sku, "capacity"), (self.now - HOUR, self.now), hours, PER_GB_HOUR, amount
            )
        store.settled = self.now

    def _unpaid_gb_hours(self, name: str, start: int, end: int) -> Fraction:
        """Without what a term covers."""
        store = self.stores[name]
        hours = store.gb_hours(start, end)
        for term in self.covers(name):
            since, until = max(start, term.start), min(end, term.end)
            if since < until:
                hours -= store.gb_hours(since, until)
        return hours

    def covers(self, name: str) -> list[Term]:
        return self.resources[name].terms if name in self.resources else []

    def turn(self, what: Callable[[], str | None]) -> None:
        super().turn(what)
        self.tight = self.tight and self.balance <= self.next_hour()
        if self.balance < 0:
            self.arrears = self.now if self.arrears is None else self.arrears
        else:
            self.arrears = None
            self.warned = set()

    def enforce(self) -> None:
        settled = self.settlement
        if settled:
            fees = self.next_hour()
            low = fees > 0 and self.balance <= fees
            if low and not self.tight:
                self.notice("low_balance")
            self.tight = self.tight or low
        super().enforce()

    def next_hour(self) -> Decimal:
        fees = ZERO
        for each in self.resources.values():
            if each.running is not None and not each.running.free:
                many = each.running.replicas[-1][1] if each.running.replicas else 1
                fees += each.running.rate * many
        for name, store in self.stores.items():
            if not any(term.start <= self.now < term.end for term in self.covers(name)):
                fees += store.at(self.now) * PER_GB_HOUR
        return fees

    def after_enforcement(self) -> None:
        for at, name, end in [each for each in self.reminders if each[0] == self.now]:
            self.reminders.remove((at, name, end))
            each = self.resources[name]
            if not each.gone and each.paid_until == end:
                self.notice("term_expiring", name)

    def deletion(self, name: str) -> None:
        """Arrears are looked at for all at once."""

    def fire(self) -> None:
        super().fire()
        self._delete_for_arrears()

    def _delete_for_arrears(self) -> None:
        if self.arrears is None:
            return
        for name in sorted({*self.resources, *self.stores}):
            each = self.resources.get(name)
            if name in self.deleted or (each is not None and each.gone) or not self.has_data(name):
                continue
            at = max(self.arrears + ARREARS, (each.paid_until or 0) if each is not None else 0)
            if at - DAY == self.now and name not in self.warned:
                self.notice("deletion_due", name)
                self.warned.add(name)
            if at == self.now:
                self._delete(name, each)

    def has_data(self, name: str) -> bool:
        each = self.resources.get(name)
        if each is not None:
            return each.running is not None or each.last is not None or bool(each.terms)
        return self.stores[name].sizes[-1][1] is not None

    def _delete(self, name: str, each: Resource | None) -> None:
        self.command("data.delete", name, "retention")
        self.notice("data_deleted", name)
        self.deleted.add(name)
        if each is not None:
            if each.running is not None:
                self.command("instance.stop", name, "unpaid")
                self.end(name, "unpaid", ours=True)
            each.gone = True
        self.lost_disk(name)

    # --- money to come

    def accrued(self) -> Fraction:
        total = Fraction(0)
        for each in self.resources.values():
            if each.running is not None and not each.running.free:
                total += each.running.owed(self.now) - Fraction(each.running.charged)
        for name, store in self.stores.items():
            unpaid = self._unpaid_gb_hours(name, store.settled or self.now // HOUR * HOUR, self.now)
            total += store.exact + unpaid * Fraction(PER_GB_HOUR) - Fraction(store.charged)
        return total

    def holds(self) -> dict[str, Decimal]:
        return {name: price for name, (at, price) in self.approved.items() if self.now < at + HOLD}

    # --- instances

    def request(self, name: str, sku: str, mode: str, term: str | None, auto_renew: bool) -> str | None:
        if sku not in PRICES:
            return "unknown_sku"
        each = self.resources.get(name, Resource())
        if each.gone or each.running:
            return "resource_state"
        if self.same_again("instance.start", name, "admitted"):
            raise Silent
        if name in self.holds() or (
            each.paid_until is not None and not each.over and each.paid_until >= self.now
        ):
            raise Silent
        running = {other for other in self.resources if self.is_instance(other)}
        if len({*running, *self.holds()}) >= QUOTA:
            return "instance_quota"
        available = Fraction(self.balance) - self.accrued() - sum(map(Fraction, self.holds().values()))
        if mode == "package":
            assert term is not None
            if available < PRICES[sku][term]:
                return "insufficient_balance"
            self.resources[name] = each
            self.buy(name, sku, term, self.now)
            each.auto_renew = auto_renew
            self.approved[name] = (self.now, ZERO)
        else:
            if available <= PRICES[sku][mode]:
                return "insufficient_balance"
            self.approved[name] = (self.now, PRICES[sku][mode])
        self.command("instance.start", name, "admitted")
        return None

    def is_instance(self, name: str) -> bool:
        session = self.resources[name].running
        return session is not None and session.sku in PRICES

    def buy(self, name: str, sku: str, term: str, start: int) -> None:
        end = start + TERMS[term]
        price = PRICES[sku][term]
        self.resources[name].terms.append(Term(sku, term, price, start, end))
        self.resources[name].over = False
        self.charge(name, (sku, "term"), (start, end), Fraction(1), price, price)
        self.reminders.append((max(start, end - 7 * DAY), name, end))

    def start(self, name: str, sku: str, mode: str, disk_gb: Decimal | None) -> str | None:
        if sku not in PRICES:
            return "unknown_sku"
        each = self.resources.get(name, Resource())
        if each.gone or each.running:
            return "resource_state"
        if each.paid_until == self.now or self.same_again("gpu.release", name, "stopped"):
            raise Silent
        paid = (
            not each.over
            and each.paid_until is not None
            and each.paid_until > self.now
            and each.terms[-1].sku == sku
        )
        if mode == "package" and not paid:
            return "resource_state"
        self.resources[name] = each
        rate = PRICES[sku]["payg" if mode == "package" else mode]
        each.running = Session(sku, mode, rate, self.now, free=paid, settled=self.now)
        each.unconfirmed, each.lost = False, False
        self.approved.pop(name, None)
        if disk_gb:
            store = self.stores.setdefault(name, Store("instance-disk"))
            if store.at(self.now) != disk_gb:
                store.sizes.append((self.now, disk_gb))
        return None

    def ended(self, name: str, session: Session, **_: object) -> None:
        if not session.free and session.sku in PRICES:
            self.command("gpu.release", name, "stopped")

    def lost_disk(self, name: str) -> None:
        if name in self.stores:
            self.stores[name].sizes.append((self.now, None))

    # --- terms

    def expire(self, name: str) -> None:
        each = self.resources[name]
        last = each.terms[-1]
        if each.auto_renew:
            if Fraction(self.balance) - self.accrued() >= last.price:
                self.buy(name, last.sku, last.term, self.now)
                self.notice("term_renewed", name)
                return
            self.notice("renewal_failed", name)
        if each.running is not None and each.running.free:
            self.command("instance.stop", name, "expired")
            self.end(name, "expired", ours=True)
        self.command("gpu.release", name, "expired")
        self.notice("term_expired", name)

    def renew(self, name: str, term: str | None) -> str | None:
        each = self.resources.get(name)
        if each is None:
            raise Silent
        if each.gone or each.paid_until is None or each.over or each.paid_until < self.now:
            return "resource_state"
        last = each.terms[-1]
        if Fraction(self.balance) - self.accrued() < PRICES[last.sku][term or last.term]:
            return "insufficient_balance"
        self.buy(name, last.sku, term or last.term, last.end)
        self.notice("term_renewed", name)
        return None

    def auto_renew(self, name: str, enabled: bool) -> None:  # noqa: FBT001
        each = self.resources.get(name)
        if each is None or each.gone or each.paid_until is None or each.over or each.paid_until < self.now:
            raise Silent
        each.auto_renew = enabled

    def change(self, name: str, mode: str, term: str | None) -> str | None:
        each = self.known(name)
        if each.gone:
            return "resource_state"
        session = each.running
        if each.paid_until is not None and each.paid_until == self.now:
            raise Silent
        in_term = not each.over and each.paid_until is not None and each.paid_until > self.now
        if in_term and mode != "package":
            self._leave_term(name, each, mode)
            return None
        if session is None or session.free or session.mode == mode:
            raise Silent
        if mode == "package":
            assert term is not None
            if Fraction(self.balance) - self.accrued() < PRICES[session.sku][term]:
                return "insufficient_balance"
            self.buy(name, session.sku, term, self.now)
            self._switch(name, each, mode, free=True)
        else:
            self._switch(name, each, mode, free=False)
        return None

    def _leave_term(self, name: str, each: Resource, mode: str) -> None:
        unexpired = [term for term in each.terms if term.end > self.now]
        paid = sum((term.price for term in unexpired), ZERO)
        seconds = (self.now - unexpired[0].start) // 1000
        used = rounded(Fraction(PRICES[unexpired[0].sku]["payg"]) * seconds / 3600, 2)
        self.post("refund", max(ZERO, paid - used), "paid")
        for term in unexpired:
            term.end = min(term.end, self.now)
            term.start = min(term.start, self.now)
        each.terms = [term for term in each.terms if term.start < term.end]
        each.over = True
        if each.running is not None and each.running.free:
            self._switch(name, each, mode, free=False)

    def _switch(self, name: str, each: Resource, mode: str, *, free: bool) -> None:
        session = each.running
        assert session is not None
        self.line(name, session, self.now, last=True)
        rate = PRICES[session.sku]["payg" if mode == "package" else mode]
        each.running = Session(session.sku, mode, rate, self.now, free=free, settled=self.now)

    # --- storage and models

    def sample(self, name: str, sku: str, gb: Decimal) -> None:
        store = self.stores.setdefault(name, Store(sku))
        if name in self.deleted or (store.sizes and store.sizes[-1][1] is None):
            raise Silent
        store.sizes.append((self.now, gb))

    def delete(self, name: str) -> None:
        store = self.stores.get(name)
        if store is None or store.sizes[-1][1] is None:
            raise Silent
        store.sizes.append((self.now, None))

    def serve(self, model: str, tokens: dict[str, int], resource: str | None) -> str | None:
        if model not in REQUESTS:
            return "unknown_sku"
        for meter, price in REQUESTS[model].items():
            count = tokens.get(COUNTS.get(meter, meter), 0)
            if not count:
                continue
            exact, charged = self.served.get((model, meter), (Fraction(0), ZERO))
            hours = Fraction(count, UNITS[meter])
            exact += hours * Fraction(price)
            amount = rounded(exact, 2) - charged
            self.served[model, meter] = (exact, charged + amount)
            self.charges.append(
                (self.now, resource, model, meter, None, None, quantity(hours), price, amount)
            )
            self.draw(amount)
            self.count(resource, amount)
        self.owe()
        return None
