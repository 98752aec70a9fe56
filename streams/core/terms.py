"""Stage 3 of 6, terms: packages bought, and what a paid period is. Pure.

GG-15: daily is 24 h, weekly 168 h, monthly 720 h, never calendar months. A term runs from the accepted request and
is paid in full (GG-10, NL-08), with its disk where the profile says so (NL-17); a term and its auto-renewals keep the
price at purchase.
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import InstanceRequested, Term
from schemas.profile import HOURS_OF_TERM, Price, Use
from schemas.records import Meter, Reason
from schemas.values import money_text
from streams.core import capacity_lines, charges, disks, endings, funds, gauges, ledger, plans, sessions
from streams.core.amounts import EXACT, ZERO, ratio
from streams.core.capacity import sold_at
from streams.core.errors import given
from streams.core.state import DAY_MS, HOUR_MS, NEVER, Package, PaidLine, Period, Resource
from streams.core.timers import DISK, EXPIRY, REMINDER, Rank, arm
from streams.core.turn import Refusal, Turn, record_id

# --- asking --------------------------------------------------------------------------------------------


def active(resource: Resource, time_ms: int) -> Package | None:
    """The package whose paid time `time_ms` lies in; at the instant of its end too, where events come before expiry."""
    package = resource.package
    if package is None or not package.periods or not package.periods[0].start_ms <= time_ms <= package.end_ms:
        return None
    return package


def paid_already(name: str, resource: Resource, time_ms: int) -> Refusal | None:
    """Why no term can be bought at `time_ms`: one is paid then, or later (which a late event may find)."""
    if resource.package is not None and resource.package.end_ms > time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{name} has a paid term")
    return None


def term_offered(turn: Turn, sku: str, term: str) -> Refusal | None:
    """Whether the sku has the term at any price."""
    known = turn.offer.profile.skus.get(sku)
    if known is not None and known.modes and not any(Term(term) in price.terms for price in known.prices):
        return Refusal(Reason.CAPABILITY_DISABLED, f"{sku} is not sold {term}")
    return None


def price_of(turn: Turn, sku: str, term: str, time_ms: int) -> tuple[Price, Decimal] | Refusal:
    """(price version, price) of a term bought at `time_ms`."""
    sold = turn.offer.instance(sku, time_ms)
    if sold is None:
        return Refusal(Reason.UNKNOWN_SKU, f"sku {sku!r} does not run at {turn.offer.name}")
    price = sold[1].terms.get(Term(term))
    if price is None:
        return Refusal(Reason.CAPABILITY_DISABLED, f"{sku} is not sold {term}")
    return sold[1], price


def unaffordable(
    turn: Turn, name: str, term: str, price: Decimal, disk_gb: Decimal, time_ms: int
) -> Refusal | None:
    """Why the term and the disk that it pays cannot be paid in full."""
    needed = EXACT.add(price, _disk_price(turn, term, disk_gb, time_ms)[1])
    left = funds.available(turn, name)
    if left >= needed:
        return None
    return Refusal(
        Reason.INSUFFICIENT_BALANCE, f"{money_text(left)} available; the term costs {money_text(needed)}"
    )


def _length_ms(term: str) -> int:
    return HOURS_OF_TERM[Term(term)] * HOUR_MS


def _disk_price(turn: Turn, term: str, disk_gb: Decimal, time_ms: int) -> tuple[Decimal, Decimal]:
    """(GB-days, amount) of the disk that a package pays in advance (NL-17)."""
    sku = turn.offer.profile.sessions.disk_sku
    if sku is None or turn.offer.profile.terms.disk != "prepaid" or not disk_gb:
        return ZERO, ZERO
    storage, price = sold_at(turn, sku, time_ms)
    gb_days = EXACT.multiply(disk_gb, Decimal(_length_ms(term) // DAY_MS))
    amount = ratio(EXACT.multiply(gb_days, price.payg or ZERO), 1, turn.offer.scale)
    return gb_days, max(amount, storage.minimum or ZERO)


# --- buying ----------------------------------------------------------------------------------------------


def buy(turn: Turn, name: str, resource: Resource, data: InstanceRequested, time_ms: int) -> Refusal | None:
    """A package at the request: charged in full or refused."""
    disk_gb = data.disk_gb or ZERO
    auto_renew = bool(data.auto_renew)
    return purchase(turn, name, resource, data.sku, data.term or "", disk_gb, time_ms, auto_renew=auto_renew)


def quoted(
    turn: Turn, name: str, resource: Resource, sku: str, term: str, disk_gb: Decimal, time_ms: int
) -> tuple[Price, Decimal] | Refusal:
    """(price version, price) of a term that may be bought at `time_ms`, or why it may not."""
    found = price_of(turn, sku, term, time_ms)
    if isinstance(found, Refusal):
        return found
    if (refusal := paid_already(name, resource, time_ms)) is not None:
        return refusal
    return unaffordable(turn, name, term, found[1], disk_gb, time_ms) or found


def purchase(
    turn: Turn,
    name: str,
    resource: Resource,
    sku: str,
    term: str,
    disk_gb: Decimal,
    time_ms: int,
    *,
    auto_renew: bool,
) -> Refusal | None:
    """Charge a term from `time_ms` in full, or say why not."""
    found = quoted(turn, name, resource, sku, term, disk_gb, time_ms)
    if isinstance(found, Refusal):
        return found
    version, price = found
    rule = turn.offer.profile.skus[sku].rule_of(Use.PACKAGE)
    resource.package = Package(sku, term, price, version.version, rule, auto_renew, disk_gb, [])
    add_period(turn, name, resource, resource.package, time_ms)
    if disk_gb:
        disks.set_size(turn, name, resource, disk_gb, time_ms)
    return None


def add_period(
    turn: Turn, name: str, resource: Resource, package: Package, start_ms: int, *, by_itself: bool = False
) -> None:
    """Charge one more period from `start_ms`, with the disk it pays, and set its timers."""
    end_ms = start_ms + _length_ms(package.term)
    lines = [
        _pay(turn, name, package, start_ms, end_ms),
        *_pay_disk(turn, name, package, start_ms, end_ms),
    ]
    package.periods = [*package.periods, Period(start_ms, end_ms, package.price, by_itself, lines)]
    _forget(turn, resource, package)
    package.expired_ms = NEVER
    resource.retained_ms = NEVER
    resource.paid_spans = [*resource.paid_spans, (start_ms, end_ms, package.sku)]
    _cover_disk(turn, name, resource, package, start_ms, end_ms)
    arm(turn.account, end_ms, Rank.EXPIRY, name, EXPIRY)
    days = turn.offer.profile.terms.reminder_days
    if days is not None:
        due_ms = max(start_ms, end_ms - days * DAY_MS, turn.account.clock_ms)
        arm(turn.account, due_ms, Rank.REMINDER, name, REMINDER)
    _plan_anew(turn, name, resource, start_ms)


def _forget(turn: Turn, resource: Resource, package: Package) -> None:
    """What ended before anything could still correct it."""
    before_ms = turn.account.clock_ms - sessions.CORRECTABLE_MS
    package.periods = [period for period in package.periods if period.end_ms >= before_ms]
    resource.paid_spans = [span for span in resource.paid_spans if span[1] >= before_ms]


def _plan_anew(turn: Turn, name: str, resource: Resource, from_ms: int) -> None:
    """Told late, what is paid from `from_ms` on changes the sessions that have started since."""
    if from_ms < turn.account.clock_ms:
        before = endings.outline(resource)
        plans.plan_anew(turn, name, resource, from_ms)
        endings.follow(turn, name, resource, before)


def _pay(turn: Turn, name: str, package: Package, start_ms: int, end_ms: int) -> PaidLine:
    charge = record_id(
        "chg", turn.account.id, name, Meter.TERM.value, start_ms, turn.cause.source, turn.cause.id
    )
    write_term(turn, name, package, charge, (start_ms, end_ms), package.price)
    return PaidLine(charge, package.price, ledger.spend(turn, package.price, charge))


def write_term(
    turn: Turn,
    name: str,
    package: Package,
    charge: str,
    span: tuple[int, int],
    amount: Decimal,
    corrects: str | None = None,
) -> None:
    """The charge of one term, or of the one that is taken back."""
    charges.write(
        turn,
        charges.RatedLine(
            id=charge,
            resource=name,
            sku=package.sku,
            meter=Meter.TERM.value,
            start_ms=span[0],
            end_ms=span[1],
            quantity=Decimal(-1 if corrects else 1),
            unit="term",
            unit_price=amount.copy_abs(),
            amount=amount,
            rule=package.rule,
            price_version=package.price_version,
            corrects=corrects,
        ),
    )


def _pay_disk(turn: Turn, name: str, package: Package, start_ms: int, end_ms: int) -> list[PaidLine]:
    gb_days, amount = _disk_price(turn, package.term, package.disk_gb, start_ms)
    if not gb_days:
        return []
    sku = turn.offer.profile.sessions.disk_sku
    charge = record_id("chg", turn.account.id, name, sku, "prepaid", start_ms, turn.cause.id)
    write_disk(turn, name, charge, (start_ms, end_ms), gb_days, amount)
    return [PaidLine(charge, amount, ledger.spend(turn, amount, charge))]


def write_disk(
    turn: Turn,
    name: str,
    charge: str,
    span: tuple[int, int],
    gb_days: Decimal,
    amount: Decimal,
    corrects: str | None = None,
) -> None:
    """The charge of the disk that a package pays, or of the one that is taken back."""
    sku = given(turn.offer.profile.sessions.disk_sku, "sku of disks")
    sold = sold_at(turn, sku, span[0])
    rule = sold[0].rule_of(Use.PREPAID)
    capacity_lines.write(turn, name, sku, sold, charge, span, gb_days, amount, corrects, rule=rule)


def take_back(turn: Turn, name: str, package: Package, period: Period) -> None:
    """Reverse what a period was charged; the money goes back to the buckets that it came from."""
    span = (period.start_ms, period.end_ms)
    for line in period.lines:
        charge = record_id("chg", line.charge, turn.cause.source, turn.cause.id)
        amount = line.amount.copy_negate()
        if line is period.lines[0]:
            write_term(turn, name, package, charge, span, amount, line.charge)
        else:
            gb_days, _ = _disk_price(turn, package.term, package.disk_gb, period.start_ms)
            write_disk(turn, name, charge, span, gb_days.copy_negate(), amount, line.charge)
        ledger.give_back(turn, line.parts, charge)


# --- the disk that a package covers ------------------------------------------------------------------------


def _cover_disk(
    turn: Turn, name: str, resource: Resource, package: Package, start_ms: int, end_ms: int
) -> None:
    profile = turn.offer.profile
    sku = profile.sessions.disk_sku
    # Where a package includes its disk, the one that comes with the start is covered too (GG-25).
    if sku is None or (profile.terms.disk == "prepaid" and not (package.disk_gb or resource.disk)):
        return
    disk = disks.of(resource, sku)
    paid_gb = package.disk_gb if profile.terms.disk == "prepaid" else None

    def cover() -> None:
        disk.covered = [*disk.covered, (start_ms, end_ms, paid_gb)]

    gauges.change_gauge(turn, name, disk, start_ms, cover, DISK)


def end_cover(turn: Turn, name: str, resource: Resource, time_ms: int) -> None:
    """From `time_ms` on nothing is paid by a term any more: neither starts nor the disk."""
    resource.paid_spans = [
        (start, min(end, time_ms), sku) for start, end, sku in resource.paid_spans if start < time_ms
    ]
    disk = resource.disk
    if disk is not None:

        def uncover() -> None:
            disk.covered = [
                (start, min(end, time_ms), gb) for start, end, gb in disk.covered if start < time_ms
            ]

        gauges.change_gauge(turn, name, disk, time_ms, uncover, DISK)
    _plan_anew(turn, name, resource, time_ms)
