"""Stage 3 of 6, gauges: stored gigabytes, settled by the clock hour or the local day. Pure.

A sample holds until the next. Hourly: the average by existence and use (GG-22, GG-28, R-GG6, R-GG8). Daily: the
highest capacity of the local day, at midnight of the following one (NL-13, NL-18), pooled over an account with an
allowance where the profile says so (NL-20, NL-21). What a package has paid is left out (GG-25, R-NL4).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from decimal import Decimal

from schemas.events import CapacityDeleted, CapacitySampled
from schemas.profile import Aggregate, Price, Sku, Window
from schemas.profile import Gauge as GaugeShape
from schemas.records import Meter, Reason
from schemas.values import instant_text, money_text, plain
from schemas.wire import Charge
from streams.core import ledger, lines, windows
from streams.core.amounts import EXACT, QUANTITY_SCALE, ZERO, ratio, ratio_up
from streams.core.state import NEVER, Account, Gauge
from streams.core.timers import ENFORCE, GAUGE, POOL, Rank, arm
from streams.core.turn import Refusal, Turn, record_id

HOUR_MS = 3_600_000
_Change = Callable[[], None]
_KEPT_MS = 36 * 86_400_000


# --- what events say -----------------------------------------------------------------------------------


def sampled(turn: Turn, data: CapacitySampled, time_ms: int) -> Refusal | None:
    """A capacity that holds until the next sample."""
    sold = turn.offer.storage(data.sku, time_ms)
    if sold is None or data.sku == turn.offer.profile.sessions.disk_sku:
        return Refusal(Reason.UNKNOWN_SKU, f"sku {data.sku!r} is no storage sold by {turn.offer.name}")
    account = turn.account
    gauge = account.gauges.get(data.resource)
    if data.resource in account.resources or (gauge is not None and gauge.sku != data.sku):
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is something else already")
    if gauge is not None and gauge.deleted_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is deleted")
    if gauge is None:
        gauge = account.gauges[data.resource] = Gauge(data.sku)
    _change(turn, data.resource, gauge, time_ms, lambda: add_sample(gauge, time_ms, data.gb))
    return None


def deleted(turn: Turn, data: CapacityDeleted, time_ms: int) -> Refusal | None:
    """A stored thing is gone; its last window is settled at its regular end."""
    gauge = turn.account.gauges.get(data.resource)
    if gauge is None:
        return Refusal(Reason.UNKNOWN_RESOURCE, f"{data.resource} is no stored thing")
    if gauge.deleted_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is deleted")
    delete(turn, data.resource, time_ms)
    return None


def delete(turn: Turn, name: str, time_ms: int) -> None:
    """End a gauge: by its user, or because we delete its data."""
    gauge = turn.account.gauges[name]

    def mark() -> None:
        gauge.deleted_ms = time_ms

    _change(turn, name, gauge, time_ms, mark)


def known_at(account: Account, name: str, time_ms: int) -> bool:
    """Whether the gauge had been sampled by `time_ms`."""
    gauge = account.gauges.get(name)
    return gauge is not None and bool(gauge.samples) and gauge.samples[0][0] <= time_ms


def add_sample(gauge: Gauge, time_ms: int, gb: Decimal) -> None:
    """Insert a sample; of two at one instant the later arrival stands."""
    gauge.samples = [sample for sample in gauge.samples if sample[0] != time_ms]
    insort(gauge.samples, (time_ms, gb))


def _change(turn: Turn, name: str, gauge: Gauge, time_ms: int, change: _Change) -> None:
    sku, _ = _sold(turn, gauge.sku, time_ms)
    if _shape(sku).pooled:
        pool = turn.account.pools.setdefault(gauge.sku, Gauge(gauge.sku))
        change_pool(turn, gauge.sku, pool, time_ms, change)
    else:
        change_gauge(turn, name, gauge, time_ms, change, GAUGE)


# --- a gauge of its own ----------------------------------------------------------------------------------


def change_gauge(turn: Turn, name: str, gauge: Gauge, time_ms: int, change: _Change, kind: str) -> None:
    """Apply `change` (a sample, a deletion, a paid span) from `time_ms` on; correct what is settled after it."""
    window = _window_of(turn, gauge.sku)
    if gauge.settled_ms == -NEVER:
        gauge.settled_ms = window_at(turn, window, time_ms)[0]
    starts = _settled_windows(turn, window, time_ms, gauge.settled_ms)
    before = {start: _basis(turn, gauge, start) for start, _ in starts}
    change()
    _correct(turn, name, gauge, [(s, e, before[s], _basis(turn, gauge, s)) for s, e in starts])
    settle(turn, name, gauge, turn.account.clock_ms - 1)
    _arm(turn, name, gauge, kind)


def due(turn: Turn, name: str, gauge: Gauge, due_ms: int, kind: str) -> None:
    """A window may have ended: settle what has, and set the timer of the next."""
    settle(turn, name, gauge, due_ms)
    _arm(turn, name, gauge, kind)


def settle(turn: Turn, name: str, gauge: Gauge, until_ms: int) -> None:
    """Bill every window that has ended by `until_ms`."""
    window = _window_of(turn, gauge.sku)
    while True:
        start, end = window_at(turn, window, gauge.settled_ms)
        if end > until_ms or start >= gauge.deleted_ms:
            return
        gauge.settled_ms = end
        _bill(turn, name, gauge, start, end, _basis(turn, gauge, start))


def _arm(turn: Turn, name: str, gauge: Gauge, kind: str) -> None:
    start, end = window_at(turn, _window_of(turn, gauge.sku), gauge.settled_ms)
    last_gb = gauge.samples[-1][1] if gauge.samples else ZERO
    if start < gauge.deleted_ms and (last_gb or (gauge.samples and gauge.samples[-1][0] >= start)):
        arm(turn.account, end, Rank.SETTLEMENT, name, kind)


def accrued(turn: Turn, gauge: Gauge) -> Decimal:
    """What an hourly gauge has come to since its last settlement, half-up to 12 decimals."""
    sku, price = _sold(turn, gauge.sku, gauge.settled_ms)
    if _shape(sku).window is not Window.HOUR:
        return ZERO
    gb_ms = _gb_ms(gauge, gauge.settled_ms, min(turn.account.clock_ms, gauge.settled_ms + HOUR_MS))
    return ratio(EXACT.multiply(gb_ms, price.payg or ZERO), HOUR_MS, QUANTITY_SCALE)


def next_hour_cost(turn: Turn, gauge: Gauge) -> Decimal:
    """What the gauge will cost in the next hour if nothing changes; 0 for what is not settled by the hour."""
    now = turn.account.clock_ms
    sku, price = _sold(turn, gauge.sku, now)
    if _shape(sku).window is not Window.HOUR or gauge.deleted_ms <= now or not gauge.samples:
        return ZERO
    if any(start <= now and now + HOUR_MS <= end for start, end in gauge.covered):
        return ZERO
    return EXACT.multiply(gauge.samples[-1][1], price.payg or ZERO)


# --- pooled gauges -----------------------------------------------------------------------------------------


def change_pool(turn: Turn, sku: str, pool: Gauge, time_ms: int, change: _Change) -> None:
    """As `change_gauge`, for the sum of all gauges of `sku`."""
    window = _window_of(turn, sku)
    if pool.settled_ms == -NEVER:
        pool.settled_ms = window_at(turn, window, time_ms)[0]
    starts = _settled_windows(turn, window, time_ms, pool.settled_ms)
    before = {start: _pool_basis(turn, sku, start) for start, _ in starts}
    change()
    _correct(turn, sku, pool, [(s, e, before[s], _pool_basis(turn, sku, s)) for s, e in starts])
    pool_due(turn, sku, pool, turn.account.clock_ms - 1)


def pool_due(turn: Turn, sku: str, pool: Gauge, due_ms: int) -> None:
    """Settle every local day that has ended, one line an account and day."""
    window = _window_of(turn, sku)
    while (ends := window_at(turn, window, pool.settled_ms))[1] <= due_ms:
        pool.settled_ms = ends[1]
        _bill(turn, sku, pool, *ends, _pool_basis(turn, sku, ends[0]))
    stored = [
        g
        for g in turn.account.gauges.values()
        if g.sku == sku and g.deleted_ms > pool.settled_ms and g.samples
    ]
    if stored:
        arm(turn.account, ends[1], Rank.SETTLEMENT, sku, POOL)


def _pool_basis(turn: Turn, sku: str, start_ms: int) -> Decimal:
    """The peak of the summed sizes in the day, above the allowance."""
    start_ms, end_ms = window_at(turn, _window_of(turn, sku), start_ms)
    gauges = [gauge for gauge in turn.account.gauges.values() if gauge.sku == sku]
    steps = {start_ms, *(at for g in gauges for at, _ in g.samples), *(g.deleted_ms for g in gauges)}
    peak = ZERO
    for at in steps:
        if start_ms <= at < end_ms:
            total = ZERO
            for gauge in gauges:
                total = EXACT.add(total, _level(gauge, at))
            peak = max(peak, total)
    allowance = _shape(_sold(turn, sku, start_ms)[0]).allowance_gb
    return max(ZERO, EXACT.subtract(peak, allowance))


def _level(gauge: Gauge, at_ms: int) -> Decimal:
    if at_ms >= gauge.deleted_ms:
        return ZERO
    return next((gb for since, gb in reversed(gauge.samples) if since <= at_ms), ZERO)


# --- what a window comes to ----------------------------------------------------------------------------------


def window_at(turn: Turn, window: Window, time_ms: int) -> tuple[int, int]:
    """[start, end) of the window that `time_ms` lies in."""
    if window is Window.HOUR:
        start_ms = time_ms // HOUR_MS * HOUR_MS
        return start_ms, start_ms + HOUR_MS
    return windows.local_day(turn.account.zone, time_ms)


def _window_of(turn: Turn, sku: str) -> Window:
    return _shape(turn.offer.profile.skus[sku]).window


def _shape(sku: Sku) -> GaugeShape:
    if sku.gauge is None:
        raise ValueError("not a storage sku")
    return sku.gauge


def _sold(turn: Turn, sku: str, time_ms: int) -> tuple[Sku, Price]:
    """The sku and its price; where none is in force then, the nearest: what is stored is never free by accident."""
    found = turn.offer.storage(sku, time_ms)
    if found is not None:
        return found
    known = turn.offer.profile.skus[sku]
    return known, known.prices[-1] if time_ms >= known.prices[-1].start_ms else known.prices[0]


def _settled_windows(turn: Turn, window: Window, from_ms: int, until_ms: int) -> list[tuple[int, int]]:
    found = []
    at = from_ms
    while at < until_ms:
        start, end = window_at(turn, window, at)
        found.append((start, end))
        at = end
    return found


def _basis(turn: Turn, gauge: Gauge, start_ms: int) -> Decimal:
    """What is multiplied with the price: GB-milliseconds for an average, gigabytes otherwise."""
    shape = _shape(turn.offer.profile.skus[gauge.sku])
    start_ms, end_ms = window_at(turn, shape.window, start_ms)
    if shape.aggregate is Aggregate.AVERAGE:
        return _gb_ms(gauge, start_ms, end_ms)
    levels = [gb for since, until, gb in _levels(gauge, start_ms, end_ms) if until > since]
    if not levels:
        return ZERO
    peak = max(levels) if shape.aggregate is Aggregate.MAXIMUM else levels[-1]
    return max(ZERO, EXACT.subtract(peak, shape.allowance_gb))


def _gb_ms(gauge: Gauge, start_ms: int, end_ms: int) -> Decimal:
    total = ZERO
    for since, until, gb in _levels(gauge, start_ms, end_ms):
        total = EXACT.add(total, EXACT.multiply(gb, Decimal(until - since)))
    return total


def _levels(gauge: Gauge, start_ms: int, end_ms: int) -> list[tuple[int, int, Decimal]]:
    """(since, until, GB) of every stretch in the window that is stored and not paid by a package."""
    end_ms = min(end_ms, gauge.deleted_ms)
    found = []
    for index, (since, gb) in enumerate(gauge.samples):
        until = gauge.samples[index + 1][0] if index + 1 < len(gauge.samples) else NEVER
        pieces = [(max(since, start_ms), min(until, end_ms))]
        for paid_from, paid_to in gauge.covered:
            pieces = [
                piece
                for begin, finish in pieces
                for piece in ((begin, min(finish, paid_from)), (max(begin, paid_to), finish))
                if piece[0] < piece[1]
            ]
        found += [(begin, finish, gb) for begin, finish in pieces if begin < finish]
    return found


# --- lines ---------------------------------------------------------------------------------------------------


def _per_window(shape: GaugeShape) -> int:
    """How much basis is one unit: an average counts milliseconds."""
    if shape.aggregate is not Aggregate.AVERAGE:
        return 1
    return HOUR_MS if shape.window is Window.HOUR else 24 * HOUR_MS


def _worth(turn: Turn, gauge: Gauge, start_ms: int, basis: Decimal) -> tuple[Decimal, Decimal]:
    """(amount, carry after): the carried remainder and the window's price, half-up; the minimum on top (NL-16)."""
    sku, price = _sold(turn, gauge.sku, start_ms)
    per_unit = _per_window(_shape(sku))
    total = EXACT.add(gauge.carry, EXACT.multiply(basis, price.payg or ZERO))
    amount = ratio_up(total, per_unit, turn.offer.scale)
    carry = EXACT.subtract(total, EXACT.multiply(amount, Decimal(per_unit)))
    if sku.minimum is not None and basis > ZERO:
        amount = max(amount, sku.minimum)
    return amount, carry


def _bill(turn: Turn, name: str, gauge: Gauge, start_ms: int, end_ms: int, basis: Decimal) -> None:
    carry_before = gauge.carry
    amount, gauge.carry = _worth(turn, gauge, start_ms, basis)
    if _window_of(turn, gauge.sku) is Window.DAY:
        gauge.days = [day for day in gauge.days if day[0] >= start_ms - _KEPT_MS]
        gauge.days.append((start_ms, basis, carry_before, amount))
    if not basis:
        return
    charge = _charge_id(turn, name, gauge, start_ms)
    _write(turn, name, gauge, charge, start_ms, end_ms, basis, amount, None)
    if amount:
        lines.note_draw(gauge, start_ms, end_ms, ledger.spend(turn, amount, charge))
    arm(turn.account, turn.account.clock_ms, Rank.STOP, "", ENFORCE)


def _correct(turn: Turn, name: str, gauge: Gauge, changes: list[tuple[int, int, Decimal, Decimal]]) -> None:
    """Bring settled windows in step with what is now known of them."""
    changed = [change for change in changes if change[2] != change[3]]
    if not changed:
        return
    if _window_of(turn, gauge.sku) is Window.DAY:
        _correct_days(turn, name, gauge, {start: basis for start, _, _, basis in changed})
        return
    for start, end, old, new in changed:
        sku, price = _sold(turn, gauge.sku, start)
        per_unit = _per_window(_shape(sku))
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
    sku, price = _sold(turn, gauge.sku, start_ms)
    shape = _shape(sku)
    quantity = ratio(basis, _per_window(shape), QUANTITY_SCALE)
    write_capacity(
        turn, name, gauge.sku, sku.rule, price, charge, start_ms, end_ms, quantity, amount, corrects
    )


def write_capacity(
    turn: Turn,
    name: str,
    sku_name: str,
    rule: str,
    price: Price,
    charge: str,
    start_ms: int,
    end_ms: int,
    quantity: Decimal,
    amount: Decimal,
    corrects: str | None = None,
) -> None:
    """The charge of a gauge's window, or of a disk that a package pays in advance."""
    unit = "GB-hour" if _window_of(turn, sku_name) is Window.HOUR else "GB-day"
    turn.out.charges.append(
        Charge(
            id=charge,
            account=turn.account.id,
            time=turn.time_text,
            cause=turn.cause,
            profile=turn.offer.name,
            sku=sku_name,
            meter=Meter.CAPACITY.value,
            start=instant_text(start_ms),
            end=instant_text(end_ms),
            quantity=plain(quantity),
            unit=unit,
            unit_price=money_text(price.payg or ZERO),
            amount=money_text(amount),
            currency=turn.offer.currency,
            rule=rule,
            price_version=price.version,
            resource=name,
            corrects=corrects,
        )
    )
    line = windows.line_of(name, sku_name, None, None)
    windows.count(turn, line, name, Meter.CAPACITY.value, unit, quantity, amount)
