"""Stage 4 of 6, capacity lines: the charges of gauges, and their corrections. Pure.

A line a window; what is below the smallest step is carried on by the gauge, the minimum comes on top (NL-16). A sample
that comes late corrects the windows it changes: days as they would have been, hours by the difference.
"""

from __future__ import annotations

from decimal import Decimal

from schemas.profile import Aggregate, Price, Sku, Window
from schemas.profile import Gauge as GaugeShape
from schemas.records import Meter
from streams.core import charges, ledger, lines
from streams.core.amounts import EXACT, QUANTITY_SCALE, ZERO, ratio, ratio_up
from streams.core.capacity import shape_of, sold_at, window_at, window_of
from streams.core.state import HOUR_MS, Gauge
from streams.core.timers import ENFORCE, Rank, arm
from streams.core.turn import Turn, record_id

_KEPT_MS = 36 * 86_400_000


def _per_window(shape: GaugeShape) -> int:
    """How much basis is one unit: an average counts milliseconds."""
    if shape.aggregate is not Aggregate.AVERAGE:
        return 1
    return HOUR_MS if shape.window is Window.HOUR else 24 * HOUR_MS


def _worth(turn: Turn, gauge: Gauge, start_ms: int, basis: Decimal) -> tuple[Decimal, Decimal]:
    """(amount, carry after): the carried remainder and the window's price, half-up; the minimum on top (NL-16)."""
    sku, price = sold_at(turn, gauge.sku, start_ms)
    per_unit = _per_window(shape_of(sku))
    total = EXACT.add(gauge.carry, EXACT.multiply(basis, price.payg or ZERO))
    amount = ratio_up(total, per_unit, turn.offer.scale)
    carry = EXACT.subtract(total, EXACT.multiply(amount, Decimal(per_unit)))
    if sku.minimum is not None and basis > ZERO:
        amount = max(amount, sku.minimum)
    return amount, carry


def bill(turn: Turn, name: str, gauge: Gauge, start_ms: int, end_ms: int, basis: Decimal) -> None:
    """Settle a window: its line, if anything was stored in it."""
    carry_before = gauge.carry
    amount, gauge.carry = _worth(turn, gauge, start_ms, basis)
    if window_of(turn, gauge.sku) is Window.DAY:
        gauge.days = [day for day in gauge.days if day[0] >= start_ms - _KEPT_MS]
        gauge.days.append((start_ms, basis, carry_before, amount))
    if not basis:
        return
    charge = _charge_id(turn, name, gauge, start_ms)
    _write(turn, name, gauge, charge, start_ms, end_ms, basis, amount, None)
    if amount:
        lines.note_draw(gauge, start_ms, end_ms, ledger.spend(turn, amount, charge))
    arm(turn.account, turn.account.clock_ms, Rank.STOP, "", ENFORCE)


def correct(turn: Turn, name: str, gauge: Gauge, changes: list[tuple[int, int, Decimal, Decimal]]) -> None:
    """Bring settled windows in step with what is now known of them."""
    changed = [change for change in changes if change[2] != change[3]]
    if not changed:
        return
    if window_of(turn, gauge.sku) is Window.DAY:
        _correct_days(turn, name, gauge, {start: basis for start, _, _, basis in changed})
        return
    for start, end, old, new in changed:
        sku, price = sold_at(turn, gauge.sku, start)
        per_unit = _per_window(shape_of(sku))
        difference = EXACT.subtract(new, old)
        total = EXACT.add(gauge.carry, EXACT.multiply(difference, price.payg or ZERO))
        amount = ratio_up(total, per_unit, turn.offer.scale)
        gauge.carry = EXACT.subtract(total, EXACT.multiply(amount, Decimal(per_unit)))
        _amend(turn, name, gauge, start, end, old, difference, amount)


def _correct_days(turn: Turn, name: str, gauge: Gauge, changed: dict[int, Decimal]) -> None:
    """Work the days through again from the first that changed: each line as it would have been."""
    known = {day[0] for day in gauge.days}
    # Days before the first that was ever looked at: nothing was stored then as far as was known.
    unknown = [(start, ZERO, ZERO, ZERO) for start in changed if start not in known]
    days, gauge.days = sorted([*gauge.days, *unknown]), []
    carry_now = gauge.carry
    first = min(changed)
    for start, basis, carry_before, amount in days:
        if start < first:
            gauge.days.append((start, basis, carry_before, amount))
            continue
        if start == first:
            carry_now = carry_before
        gauge.carry = carry_now
        new_basis = changed.get(start, basis)
        new_amount, carry_after = _worth(turn, gauge, start, new_basis)
        gauge.days.append((start, new_basis, carry_now, new_amount))
        carry_now = carry_after
        difference = EXACT.subtract(new_amount, amount)
        if new_basis != basis or difference:
            end = window_at(turn, Window.DAY, start)[1]
            _amend(turn, name, gauge, start, end, basis, EXACT.subtract(new_basis, basis), difference)
    gauge.carry = carry_now


def _amend(
    turn: Turn,
    name: str,
    gauge: Gauge,
    start: int,
    end: int,
    old: Decimal,
    difference: Decimal,
    amount: Decimal,
) -> None:
    first = _charge_id(turn, name, gauge, start)
    again = record_id("chg", first, turn.cause.source, turn.cause.id)
    fresh = not old and start not in gauge.voided
    charge = first if fresh else again
    _write(turn, name, gauge, charge, start, end, difference, amount, None if fresh else first)
    if EXACT.add(old, difference) == ZERO:
        gauge.voided = [*gauge.voided, start]
    if amount < ZERO:
        ledger.give_back(turn, lines.drawn(gauge, start, amount.copy_negate()), charge)
    elif amount:
        kind = ledger.CHARGE if fresh else ledger.CORRECTION
        lines.note_draw(gauge, start, end, ledger.spend(turn, amount, charge, kind=kind))


def _charge_id(turn: Turn, name: str, gauge: Gauge, start_ms: int) -> str:
    return record_id("chg", turn.account.id, name, gauge.sku, Meter.CAPACITY.value, start_ms)


def _write(
    turn: Turn,
    name: str,
    gauge: Gauge,
    charge: str,
    start_ms: int,
    end_ms: int,
    basis: Decimal,
    amount: Decimal,
    corrects: str | None,
) -> None:
    sold = sold_at(turn, gauge.sku, start_ms)
    quantity = ratio(basis, _per_window(shape_of(sold[0])), QUANTITY_SCALE)
    write(turn, name, gauge.sku, sold, charge, (start_ms, end_ms), quantity, amount, corrects)


def write(
    turn: Turn,
    name: str,
    sku_name: str,
    sold: tuple[Sku, Price],
    charge: str,
    span: tuple[int, int],
    quantity: Decimal,
    amount: Decimal,
    corrects: str | None = None,
    *,
    rule: str | None = None,
) -> None:
    """The charge of a gauge's window, or of a disk that a package pays in advance (by a `rule` of its own)."""
    sku, price = sold
    charges.write(
        turn,
        charges.RatedLine(
            id=charge,
            resource=name,
            sku=sku_name,
            meter=Meter.CAPACITY.value,
            start_ms=span[0],
            end_ms=span[1],
            quantity=quantity,
            unit="GB-hour" if window_of(turn, sku_name) is Window.HOUR else "GB-day",
            unit_price=price.payg or ZERO,
            amount=amount,
            rule=rule or sku.rule,
            price_version=price.version,
            corrects=corrects,
        ),
    )
