"""Stage 3 of 6, terms: packages bought, renewed, changed and expired. Pure.

GG-15: daily is 24 h, weekly 168 h, monthly 720 h, never calendar months. A term runs from the accepted request and
is paid in full; a term and its auto-renewals keep the price at purchase. GG-16: a change of mode bills the used time
at pay-as-you-go and gives the rest back.
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import AutoRenewSet, InstanceRequested, Term, TermRenewed
from schemas.profile import HOURS_OF_TERM, Price, Use
from schemas.records import CommandType, Meter, NoticeType, Reason
from schemas.values import instant_text, money_text
from streams.core import capacity_lines, charges, funds, gauges, hosted, instances, ledger, sessions
from streams.core.amounts import EXACT, ZERO, ratio
from streams.core.capacity import sold_at
from streams.core.commands import command
from streams.core.notices import notify, notify_stopped
from streams.core.state import DAY_MS, HOUR_MS, NEVER, Gauge, Package, Period, Resource
from streams.core.timers import DISK, EXPIRY, REMINDER, Rank, arm
from streams.core.turn import Refusal, Turn, record_id

# --- asking --------------------------------------------------------------------------------------------


def active(resource: Resource, time_ms: int) -> Package | None:
    """The package whose paid time `time_ms` lies in."""
    package = resource.package
    if package is None or not package.periods or not package.periods[0].start_ms <= time_ms < package.end_ms:
        return None
    return package


def term_offered(turn: Turn, sku: str, term: str) -> Refusal | None:
    """Whether the sku has the term at any price."""
    known = turn.offer.profile.skus.get(sku)
    if known is not None and known.modes and not any(Term(term) in price.terms for price in known.prices):
        return Refusal(Reason.CAPABILITY_DISABLED, f"{sku} is not sold {term}")
    return None


def _price(turn: Turn, sku: str, term: str, time_ms: int) -> tuple[Price, Decimal] | Refusal:
    sold = turn.offer.instance(sku, time_ms)
    if sold is None:
        return Refusal(Reason.UNKNOWN_SKU, f"sku {sku!r} does not run at {turn.offer.name}")
    price = sold[1].terms.get(Term(term))
    if price is None:
        return Refusal(Reason.CAPABILITY_DISABLED, f"{sku} is not sold {term}")
    return sold[1], price


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
    disk_gb = data.disk_gb or (
        resource.disk.samples[-1][1] if resource.disk and resource.disk.samples else ZERO
    )
    return purchase(
        turn, name, resource, data.sku, data.term or "", disk_gb, time_ms, auto_renew=bool(data.auto_renew)
    )


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
    found = _price(turn, sku, term, time_ms)
    if isinstance(found, Refusal):
        return found
    version, price = found
    if (refusal := _unaffordable(turn, name, term, price, disk_gb, time_ms)) is not None:
        return refusal
    rule = turn.offer.profile.skus[sku].rule_of(Use.PACKAGE)
    resource.package = Package(sku, term, price, version.version, rule, auto_renew, disk_gb, [])
    _add_period(turn, name, resource, resource.package, time_ms)
    return None


def _unaffordable(
    turn: Turn, name: str, term: str, price: Decimal, disk_gb: Decimal, time_ms: int
) -> Refusal | None:
    needed = EXACT.add(price, _disk_price(turn, term, disk_gb, time_ms)[1])
    left = funds.available(turn, name)
    if left >= needed:
        return None
    return Refusal(
        Reason.INSUFFICIENT_BALANCE, f"{money_text(left)} available; the term costs {money_text(needed)}"
    )


def _add_period(turn: Turn, name: str, resource: Resource, package: Package, start_ms: int) -> None:
    """Charge one more period from `start_ms`, with the disk it pays, and set its timers."""
    end_ms = start_ms + _length_ms(package.term)
    package.periods = [*package.periods, Period(start_ms, end_ms, package.price)]
    package.expired_ms = NEVER
    resource.retained_ms = NEVER
    _write(turn, name, package, start_ms, end_ms)
    _cover_disk(turn, name, resource, package, start_ms, end_ms)
    arm(turn.account, end_ms, Rank.EXPIRY, name, EXPIRY)
    days = turn.offer.profile.terms.reminder_days
    if days is not None:
        due_ms = max(start_ms, end_ms - days * DAY_MS, turn.account.clock_ms)
        arm(turn.account, due_ms, Rank.REMINDER, name, REMINDER)


def _write(turn: Turn, name: str, package: Package, start_ms: int, end_ms: int) -> None:
    charge = record_id(
        "chg", turn.account.id, name, Meter.TERM.value, start_ms, turn.cause.source, turn.cause.id
    )
    charges.write(
        turn,
        charges.RatedLine(
            id=charge,
            resource=name,
            sku=package.sku,
            meter=Meter.TERM.value,
            start_ms=start_ms,
            end_ms=end_ms,
            quantity=Decimal(1),
            unit="term",
            unit_price=package.price,
            amount=package.price,
            rule=package.rule,
            price_version=package.price_version,
        ),
    )
    ledger.spend(turn, package.price, charge)


def _cover_disk(
    turn: Turn, name: str, resource: Resource, package: Package, start_ms: int, end_ms: int
) -> None:
    profile = turn.offer.profile
    sku = profile.sessions.disk_sku
    # Where a package includes its disk, the one that comes with the start is covered too (GG-25).
    if sku is None or (profile.terms.disk == "prepaid" and not (package.disk_gb or resource.disk)):
        return
    gb_days, amount = _disk_price(turn, package.term, package.disk_gb, start_ms)
    if gb_days:
        sold = sold_at(turn, sku, start_ms)
        charge = record_id("chg", turn.account.id, name, sku, "prepaid", start_ms, turn.cause.id)
        rule = sold[0].rule_of(Use.PREPAID)
        capacity_lines.write(turn, name, sku, sold, charge, (start_ms, end_ms), gb_days, amount, rule=rule)
        ledger.spend(turn, amount, charge)
    disk = resource.disk = resource.disk or Gauge(sku)
    paid_gb = package.disk_gb if profile.terms.disk == "prepaid" else None

    def cover() -> None:
        disk.covered = [*disk.covered, (start_ms, end_ms, paid_gb)]
        if not disk.samples and package.disk_gb:
            gauges.add_sample(disk, start_ms, package.disk_gb)

    gauges.change_gauge(turn, name, disk, start_ms, cover, DISK)


# --- renewing ----------------------------------------------------------------------------------------------


def renewed(turn: Turn, data: TermRenewed, time_ms: int) -> Refusal | None:
    """One more period: from the old end before expiry, from now after it where the profile allows that (NL-11)."""
    resource = turn.account.resources[data.resource]
    package = resource.package
    if package is not None and data.term is not None:
        refusal = term_offered(turn, package.sku, data.term)
        if refusal is not None:
            return refusal
    if package is None or resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} has no term")
    expired = time_ms >= package.end_ms
    if expired and not turn.offer.profile.terms.renew_after_expiry:
        return Refusal(Reason.RESOURCE_STATE, f"the term of {data.resource} has expired")
    return _renew(turn, data.resource, resource, package, data.term or package.term, time_ms, expired=expired)


def _renew(
    turn: Turn, name: str, resource: Resource, package: Package, term: str, time_ms: int, *, expired: bool
) -> Refusal | None:
    found = _price(turn, package.sku, term, time_ms)
    if isinstance(found, Refusal):
        return found
    version, price = found
    if (refusal := _unaffordable(turn, name, term, price, package.disk_gb, time_ms)) is not None:
        return refusal
    package.term, package.price, package.price_version = term, price, version.version
    _add_period(turn, name, resource, package, time_ms if expired else package.end_ms)
    notify(
        turn,
        NoticeType.TERM_RENEWED,
        {"until": instant_text(package.end_ms), "price": money_text(price)},
        name,
    )
    if expired:
        command(turn, CommandType.INSTANCE_START, "resumed", name)
    return None


def auto_renew_set(turn: Turn, data: AutoRenewSet, time_ms: int) -> Refusal | None:
    """Auto-renewal of a running term is switched (GG-14)."""
    resource = turn.account.resources[data.resource]
    package = active(resource, time_ms)
    if package is None or resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} has no paid term")
    package.auto_renew = data.enabled
    return None


# --- expiry ------------------------------------------------------------------------------------------------


def reminder_due(turn: Turn, name: str, due_ms: int) -> None:
    """The reminder, once a period, also where auto-renewal is on (R-GG3)."""
    resource = turn.account.resources[name]
    package = resource.package
    days = turn.offer.profile.terms.reminder_days
    if package is None or days is None or resource.released_ms <= due_ms or package.expired_ms != NEVER:
        return
    ends = [
        p.end_ms for p in package.periods if max(p.start_ms, p.end_ms - days * DAY_MS) <= due_ms < p.end_ms
    ]
    if ends:
        values = {"expires": instant_text(ends[-1]), "auto_renew": "true" if package.auto_renew else "false"}
        notify(turn, NoticeType.TERM_EXPIRING, values, name)


def expiry_due(turn: Turn, name: str, due_ms: int) -> None:
    """A paid period ends: the next one, already paid or renewed now, or the instance is shut down (GG-13)."""
    resource = turn.account.resources[name]
    package = resource.package
    if (
        package is None
        or package.end_ms != due_ms
        or resource.released_ms <= due_ms
        or package.expired_ms != NEVER
    ):
        return
    if package.auto_renew:
        if _unaffordable(turn, name, package.term, package.price, package.disk_gb, due_ms) is None:
            _add_period(turn, name, resource, package, due_ms)
            values = {"until": instant_text(package.end_ms), "price": money_text(package.price)}
            notify(turn, NoticeType.TERM_RENEWED, values, name)
            return
        values = {"price": money_text(package.price), "balance": money_text(turn.account.balance)}
        notify(turn, NoticeType.RENEWAL_FAILED, values, name)
    _expire(turn, name, resource, package, due_ms)


def _expire(turn: Turn, name: str, resource: Resource, package: Package, due_ms: int) -> None:
    package.expired_ms = due_ms
    run = sessions.open_run(turn.account, name)
    if run is not None:
        command(turn, CommandType.INSTANCE_STOP, "expired", name)
        instances.end_by_us(turn, name, run, "expired")
        notify_stopped(turn, name, "expired")
    if turn.offer.profile.sessions.release_gpu:
        command(turn, CommandType.GPU_RELEASE, "expired", name)
    notify(turn, NoticeType.TERM_EXPIRED, {"expired": instant_text(due_ms)}, name)
    hosted.retain(turn, name, resource, due_ms)
