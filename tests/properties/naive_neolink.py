"""A second, naive reading of the contract for Neolink: hours on the clock, days at their peak, terms, fifteen days of grace.

As `naive_account.py`: from the contract's sentences alone, for what comes in time.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from tests.properties.naive_account import DAY, ZERO, Silent, quantity, rounded
from tests.properties.naive_rental import TERMS, Held, Rental, Resource, Session, Term

PAYG = Decimal("1.98")
PACKAGES = {"daily": Decimal(40), "weekly": Decimal(250), "monthly": Decimal(950)}
PER_GB_DAY = Decimal("0.01")
CENT = Decimal("0.01")
RETENTION = 15 * DAY
FREE_MODELS = ("Meta-Llama-3-8B", "BGE-M3")
COMING_MODELS = ("Meta-Llama-3-70B", "Qwen1.5-14B-Chat")
FREE_GB = 30
POOL = "image-store"


class Gauge(Held):
    """What is paid by the day, at its peak."""

    def peak(self, start: int, end: int) -> Decimal:
        """Of what was held for a while in [start, end)."""
        return max(self.at(ms) for ms in self.changes(start, end))


class Neolink(Rental):
    """One account's walk."""

    methods = frozenset({"alipay", "wechat"})
    transfers = True
    takes_refunds = False
    least = CENT

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self.gauges: dict[str, Gauge] = {}
        self.images: dict[str, Gauge] = {}
        self.pool = Gauge(POOL)

    # --- days

    def gauges_due(self) -> set[str]:
        if self.midnight_after(self.now - 1) != self.now:
            return set()
        return {*self.gauges, POOL}

    def settle_gauge(self, name: str) -> None:
        start, end = self.midnight_before(self.now, 1), self.now
        if name == POOL:
            peak = max(self._pooled(ms) for ms in self._changes(start, end)) - FREE_GB
            gauge = self.pool
        else:
            gauge = self.gauges[name]
            peak = self._uncovered_peak(name, start, end)
        if peak <= 0:
            return
        gauge.exact += Fraction(peak) * Fraction(PER_GB_DAY)
        amount = rounded(gauge.exact, 2) - gauge.charged
        # What the minimum adds is not taken off later days.
        gauge.charged += amount
        amount = max(amount, CENT)
        self.charge(name, (gauge.sku, "capacity"), (start, end), Fraction(peak), PER_GB_DAY, amount)

    def _changes(self, start: int, end: int) -> list[int]:
        return sorted(
            {start, *(t for image in self.images.values() for t, _ in image.sizes if start < t < end)}
        )

    def _pooled(self, ms: int) -> Decimal:
        return sum((image.at(ms) for image in self.images.values()), ZERO)

    def _uncovered_peak(self, name: str, start: int, end: int) -> Decimal:
        """The peak while no term pays for the disk."""
        covered = self.resources[name].terms if name in self.resources else []
        free_from, peak = start, ZERO
        for term in [*covered, None]:
            until = end if term is None else min(term.start, end)
            if free_from < until:
                peak = max(peak, self.gauges[name].peak(free_from, until))
            if term is not None:
                free_from = max(free_from, term.end)
        return peak

    # --- instances

    def request(self, name: str, mode: str, term: str | None, disk_gb: Decimal | None) -> str | None:
        if mode == "spot":
            return "capability_disabled"
        each = self.resources.get(name, Resource())
        if each.gone or each.running:
            return "resource_state"
        if each.paid_until is not None and each.paid_until >= self.now:
            raise Silent
        if self.same_again("instance.start", name, "admitted"):
            raise Silent
        if mode == "payg":
            if self.balance <= 0:
                return "insufficient_balance"
        else:
            assert term is not None
            if self.balance < self._price(term, disk_gb):
                return "insufficient_balance"
            self.resources[name] = each
            self._buy(name, term, self.now, disk_gb)
            each.delete_at = None
        self.command("instance.start", name, "admitted")
        return None

    def _price(self, term: str, disk_gb: Decimal | None) -> Decimal:
        return PACKAGES[term] + (disk_gb or ZERO) * (TERMS[term] // DAY) * PER_GB_DAY

    def _buy(self, name: str, term: str, start: int, disk_gb: Decimal | None) -> None:
        end = start + TERMS[term]
        price = PACKAGES[term]
        self.resources[name].terms.append(Term("rtx-4090", term, price, start, end))
        self.charge(name, ("rtx-4090", "term"), (start, end), Fraction(1), price, price)
        if disk_gb:
            gb_days = Fraction(disk_gb) * (TERMS[term] // DAY)
            amount = rounded(gb_days * Fraction(PER_GB_DAY), 2)
            self.charge(name, ("instance-disk", "capacity"), (start, end), gb_days, PER_GB_DAY, amount)
            self._disk(name, disk_gb)

    def _disk(self, name: str, disk_gb: Decimal) -> None:
        gauge = self.gauges.setdefault(name, Gauge("instance-disk"))
        if gauge.at(self.now) != disk_gb:
            gauge.sizes.append((self.now, disk_gb))

    def lost_disk(self, name: str) -> None:
        if name in self.gauges:
            self.gauges[name].sizes.append((self.now, None))

    def start(self, name: str, mode: str, disk_gb: Decimal | None) -> str | None:
        if mode == "spot":
            return "capability_disabled"
        each = self.resources.get(name, Resource())
        if each.gone or each.running:
            return "resource_state"
        paid = each.paid_until is not None and each.paid_until > self.now
        if each.paid_until == self.now:
            raise Silent
        if mode == "package" and not paid:
            return "resource_state"
        self.resources[name] = each
        each.running = Session("rtx-4090", mode, PAYG, self.now, free=paid, settled=self.now)
        each.delete_at, each.told_due, each.unconfirmed, each.lost = None, False, False, False
        if disk_gb:
            self._disk(name, disk_gb)
        return None

    def ended(self, name: str, session: Session, *, since: int) -> None:
        if not session.free:
            self._retain(name, since)

    def moved_end(self, name: str, session: Session) -> None:
        self.ended(name, session, since=self.now)

    def _retain(self, name: str, since: int) -> None:
        each = self.resources[name]
        each.delete_at, each.told_due = since + RETENTION, False

    def expire(self, name: str) -> None:
        each = self.resources[name]
        if each.running is not None:
            self.command("instance.stop", name, "expired")
            self.end(name, "expired", ours=True)
        self.notice("term_expired", name)
        self._retain(name, self.now)

    def renew(self, name: str, term: str | None) -> str | None:
        each = self.resources.get(name)
        if each is None:
            raise Silent
        if each.gone or each.paid_until is None:
            return "resource_state"
        term = term or each.terms[-1].term
        disk = self.gauges[name].at(self.now) if name in self.gauges else None
        expired = each.paid_until < self.now
        if expired and each.running:
            raise Silent
        if self.balance < self._price(term, disk):
            return "insufficient_balance"
        self._buy(name, term, self.now if expired else each.paid_until, disk)
        self.notice("term_renewed", name)
        if expired:
            self.command("instance.start", name, "resumed")
            each.delete_at = None
        return None

    def auto_renew(self, **_: object) -> str:
        return "capability_disabled"

    def change(self, **_: object) -> str:
        return "capability_disabled"

    # --- storage and models

    def sample(self, name: str, sku: str, gb: Decimal) -> None:
        gauges = self.images if sku == POOL else self.gauges
        gauge = gauges.setdefault(name, Gauge(sku))
        if gauge.sizes and gauge.sizes[-1][1] is None:
            raise Silent
        gauge.sizes.append((self.now, gb))

    def delete(self, name: str) -> None:
        gauge = self.images.get(name) or self.gauges.get(name)
        if gauge is None or gauge.sizes[-1][1] is None:
            raise Silent
        gauge.sizes.append((self.now, None))

    def serve(self, model: str, tokens: dict[str, int], resource: str | None) -> str | None:
        if model in COMING_MODELS:
            return "sku_not_launched"
        if model not in FREE_MODELS:
            return "unknown_sku"
        for meter in ("tokens_in", "tokens_out"):
            if count := tokens.get(meter, 0):
                exact = quantity(Fraction(count, 1_000_000))
                self.charges.append((self.now, resource, model, meter, None, None, exact, ZERO, ZERO))
        return None
