"""Stage 3 of 6, gauges: stored gigabytes, settled by the clock hour or the local day. Pure.

A sample holds until the next. Hourly windows are settled on the hour, days at midnight of the following one (NL-13),
pooled over an account with an allowance where the profile says so (NL-20, NL-21).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from schemas.events import CapacityDeleted, CapacitySampled
from schemas.profile import Window
from schemas.records import Reason
from streams.core import capacity_lines
from streams.core.amounts import EXACT, QUANTITY_SCALE, ZERO, ratio
from streams.core.capacity import (
    add_sample,
    basis_of,
    changes_in,
    forget_before,
    gb_ms_of,
    level_at,
    shape_of,
    sold_at,
    window_at,
    window_of,
    windows_between,
)
from streams.core.state import HOUR_MS, NEVER, Account, Gauge
from streams.core.timers import GAUGE, POOL, Rank, arm
from streams.core.turn import Refusal, Turn

_Change = Callable[[], None]
# 35 days back a late event may reach, and into a local day that began before.
_CORRECTABLE_MS = 37 * 86_400_000


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


def _change(turn: Turn, name: str, gauge: Gauge, time_ms: int, change: _Change) -> None:
    sku, _ = sold_at(turn, gauge.sku, time_ms)
    if shape_of(sku).pooled:
        pool = turn.account.pools.setdefault(gauge.sku, Gauge(gauge.sku))
        change_pool(turn, gauge.sku, pool, time_ms, change)
    else:
        change_gauge(turn, name, gauge, time_ms, change, GAUGE)


# --- a gauge of its own ----------------------------------------------------------------------------------


def change_gauge(turn: Turn, name: str, gauge: Gauge, time_ms: int, change: _Change, kind: str) -> None:
    """Apply `change` (a sample, a deletion, a paid span) from `time_ms` on; correct what is settled after it."""
    window = window_of(turn, gauge.sku)
    if gauge.settled_ms == -NEVER:
        gauge.settled_ms = window_at(turn, window, time_ms)[0]
    starts = windows_between(turn, window, time_ms, gauge.settled_ms)
    before = {start: basis_of(turn, gauge, start) for start, _ in starts}
    change()
    capacity_lines.correct(
        turn, name, gauge, [(s, e, before[s], basis_of(turn, gauge, s)) for s, e in starts]
    )
    settle(turn, name, gauge, turn.account.clock_ms - 1)
    _arm(turn, name, gauge, kind)


def due(turn: Turn, name: str, gauge: Gauge, due_ms: int, kind: str) -> None:
    """A window may have ended: settle what has, and set the timer of the next."""
    settle(turn, name, gauge, due_ms)
    _arm(turn, name, gauge, kind)


def settle(turn: Turn, name: str, gauge: Gauge, until_ms: int) -> None:
    """Bill every window that has ended by `until_ms`."""
    window = window_of(turn, gauge.sku)
    while True:
        start, end = window_at(turn, window, gauge.settled_ms)
        if end > until_ms or start >= gauge.deleted_ms:
            return
        gauge.settled_ms = end
        capacity_lines.bill(turn, name, gauge, start, end, basis_of(turn, gauge, start))
        forget_before(gauge, end - _CORRECTABLE_MS)


def _arm(turn: Turn, name: str, gauge: Gauge, kind: str) -> None:
    start, end = window_at(turn, window_of(turn, gauge.sku), gauge.settled_ms)
    last_gb = gauge.samples[-1][1] if gauge.samples else ZERO
    if start < gauge.deleted_ms and (last_gb or (gauge.samples and gauge.samples[-1][0] >= start)):
        arm(turn.account, end, Rank.SETTLEMENT, name, kind)


def accrued(turn: Turn, gauge: Gauge) -> Decimal:
    """What an hourly gauge has come to since its last settlement, half-up to 12 decimals."""
    sku, price = sold_at(turn, gauge.sku, gauge.settled_ms)
    if shape_of(sku).window is not Window.HOUR:
        return ZERO
    gb_ms = gb_ms_of(gauge, gauge.settled_ms, min(turn.account.clock_ms, gauge.settled_ms + HOUR_MS))
    return ratio(EXACT.multiply(gb_ms, price.payg or ZERO), HOUR_MS, QUANTITY_SCALE)


def next_hour_cost(turn: Turn, gauge: Gauge) -> Decimal:
    """What the gauge will cost in the next hour if nothing changes; 0 for what is not settled by the hour."""
    now = turn.account.clock_ms
    sku, price = sold_at(turn, gauge.sku, now)
    if shape_of(sku).window is not Window.HOUR or gauge.deleted_ms <= now or not gauge.samples:
        return ZERO
    if any(gb is None and start <= now and now + HOUR_MS <= end for start, end, gb in gauge.covered):
        return ZERO
    return EXACT.multiply(gauge.samples[-1][1], price.payg or ZERO)


# --- pooled gauges -----------------------------------------------------------------------------------------


def change_pool(turn: Turn, sku: str, pool: Gauge, time_ms: int, change: _Change) -> None:
    """As `change_gauge`, for the sum of all gauges of `sku`."""
    window = window_of(turn, sku)
    if pool.settled_ms == -NEVER:
        pool.settled_ms = window_at(turn, window, time_ms)[0]
    starts = windows_between(turn, window, time_ms, pool.settled_ms)
    before = {start: _pool_basis(turn, sku, start) for start, _ in starts}
    change()
    capacity_lines.correct(turn, sku, pool, [(s, e, before[s], _pool_basis(turn, sku, s)) for s, e in starts])
    pool_due(turn, sku, pool, turn.account.clock_ms - 1)


def pool_due(turn: Turn, sku: str, pool: Gauge, due_ms: int) -> None:
    """Settle every local day that has ended, one line an account and day."""
    window = window_of(turn, sku)
    while (ends := window_at(turn, window, pool.settled_ms))[1] <= due_ms:
        pool.settled_ms = ends[1]
        capacity_lines.bill(turn, sku, pool, *ends, _pool_basis(turn, sku, ends[0]))
        for gauge in [gauge for gauge in turn.account.gauges.values() if gauge.sku == sku]:
            forget_before(gauge, ends[1] - _CORRECTABLE_MS)
    stored = [
        g
        for g in turn.account.gauges.values()
        if g.sku == sku and g.deleted_ms > pool.settled_ms and g.samples
    ]
    if stored:
        arm(turn.account, ends[1], Rank.SETTLEMENT, sku, POOL)


def _pool_basis(turn: Turn, sku: str, start_ms: int) -> Decimal:
    """The peak of the summed sizes in the day, above the allowance."""
    start_ms, end_ms = window_at(turn, window_of(turn, sku), start_ms)
    gauges = [gauge for gauge in turn.account.gauges.values() if gauge.sku == sku]
    steps = {start_ms}.union(*(changes_in(gauge, start_ms, end_ms) for gauge in gauges))
    peak = ZERO
    for at in steps:
        total = ZERO
        for gauge in gauges:
            total = EXACT.add(total, level_at(gauge, at))
        peak = max(peak, total)
    allowance = shape_of(sold_at(turn, sku, start_ms)[0]).allowance_gb
    return max(ZERO, EXACT.subtract(peak, allowance))
