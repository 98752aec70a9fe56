"""Stage 3 of 6, capacity: what a window of stored gigabytes comes to. Pure.

The average of a window is GB-milliseconds of existence and use (GG-22, GG-28, R-GG6, R-GG8), its maximum the highest
capacity (NL-18). What a package has paid is left out (GG-25, R-NL4).
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal

from schemas.profile import Aggregate, Price, Sku, Window
from schemas.profile import Gauge as GaugeShape
from streams.core import windows
from streams.core.amounts import EXACT, ZERO
from streams.core.errors import given
from streams.core.state import HOUR_MS, NEVER, Gauge
from streams.core.turn import Turn


def window_at(turn: Turn, window: Window, time_ms: int) -> tuple[int, int]:
    """[start, end) of the window that `time_ms` lies in."""
    if window is Window.HOUR:
        start_ms = time_ms // HOUR_MS * HOUR_MS
        return start_ms, start_ms + HOUR_MS
    return windows.local_day(turn.account.zone, time_ms)


def window_of(turn: Turn, sku: str) -> Window:
    """Over what the sku is settled."""
    return shape_of(turn.offer.profile.skus[sku]).window


def shape_of(sku: Sku) -> GaugeShape:
    """How the storage sku is metered."""
    return given(sku.gauge, "gauge of a storage sku")


def sold_at(turn: Turn, sku: str, time_ms: int) -> tuple[Sku, Price]:
    """The sku and its price; where none is in force then, the nearest: what is stored is never free by accident."""
    found = turn.offer.storage(sku, time_ms)
    if found is not None:
        return found
    known = turn.offer.profile.skus[sku]
    return known, known.prices[-1] if time_ms >= known.prices[-1].start_ms else known.prices[0]


def windows_between(turn: Turn, window: Window, from_ms: int, until_ms: int) -> list[tuple[int, int]]:
    """Every window that lies in or reaches into [from_ms, until_ms)."""
    found = []
    at = from_ms
    while at < until_ms:
        start, end = window_at(turn, window, at)
        found.append((start, end))
        at = end
    return found


def basis_of(turn: Turn, gauge: Gauge, start_ms: int) -> Decimal:
    """What is multiplied with the price: GB-milliseconds for an average, gigabytes otherwise."""
    shape = shape_of(turn.offer.profile.skus[gauge.sku])
    start_ms, end_ms = window_at(turn, shape.window, start_ms)
    if shape.aggregate is Aggregate.AVERAGE:
        return gb_ms_of(gauge, start_ms, end_ms)
    levels = [gb for since, until, gb in _levels(gauge, start_ms, end_ms) if until > since]
    if not levels:
        return ZERO
    peak = max(levels) if shape.aggregate is Aggregate.MAXIMUM else levels[-1]
    return max(ZERO, EXACT.subtract(peak, shape.allowance_gb))


def gb_ms_of(gauge: Gauge, start_ms: int, end_ms: int) -> Decimal:
    """Gigabytes times milliseconds in the window."""
    total = ZERO
    for since, until, gb in _levels(gauge, start_ms, end_ms):
        total = EXACT.add(total, EXACT.multiply(gb, Decimal(until - since)))
    return total


def _levels(gauge: Gauge, start_ms: int, end_ms: int) -> list[tuple[int, int, Decimal]]:
    """(since, until, GB) of every stretch in the window that is stored and not paid by a package."""
    end_ms = min(end_ms, gauge.deleted_ms)
    found = []
    for index in range(max(0, _index(gauge, start_ms) - 1), _index(gauge, end_ms)):
        since, gb = gauge.samples[index]
        until = gauge.samples[index + 1][0] if index + 1 < len(gauge.samples) else NEVER
        pieces = [(max(since, start_ms), min(until, end_ms), gb)]
        for span in gauge.covered:
            pieces = [rest for piece in pieces for rest in _without(piece, *span)]
        found += [piece for piece in pieces if piece[0] < piece[1] and piece[2]]
    return found


def _index(gauge: Gauge, time_ms: int) -> int:
    """How many samples are before `time_ms`: thousands of them are not looked through for each window."""
    return bisect_left(gauge.samples, time_ms, key=_time_of)


def _time_of(sample: tuple[int, Decimal]) -> int:
    return sample[0]


def level_at(gauge: Gauge, time_ms: int) -> Decimal:
    """What is stored at `time_ms`."""
    index = _index(gauge, time_ms + 1)
    return gauge.samples[index - 1][1] if index and time_ms < gauge.deleted_ms else ZERO


def changes_in(gauge: Gauge, start_ms: int, end_ms: int) -> set[int]:
    """When what is stored changes in [start_ms, end_ms)."""
    times = {at for at, _ in gauge.samples[_index(gauge, start_ms) : _index(gauge, end_ms)]}
    return times | ({gauge.deleted_ms} if start_ms <= gauge.deleted_ms < end_ms else set())


def add_sample(gauge: Gauge, time_ms: int, gb: Decimal) -> None:
    """Insert a sample; of two at one instant the later arrival stands."""
    index = _index(gauge, time_ms)
    after = index + (index < len(gauge.samples) and gauge.samples[index][0] == time_ms)
    gauge.samples[index:after] = [(time_ms, gb)]


def forget_before(gauge: Gauge, time_ms: int) -> None:
    """Drop samples and paid spans that no window from `time_ms` on can need."""
    del gauge.samples[: max(0, _index(gauge, time_ms + 1) - 1)]
    gauge.covered = [span for span in gauge.covered if span[1] > time_ms]


def _without(
    piece: tuple[int, int, Decimal], paid_from: int, paid_to: int, paid_gb: Decimal | None
) -> list[tuple[int, int, Decimal]]:
    """What is left of a stretch when a package has paid `paid_gb` of it (None: all) in [paid_from, paid_to)."""
    begin, finish, gb = piece
    left = ZERO if paid_gb is None else max(ZERO, EXACT.subtract(gb, paid_gb))
    inside = (max(begin, paid_from), min(finish, paid_to), left)
    if inside[0] >= inside[1]:
        return [piece]
    parts = [(begin, inside[0], gb), inside, (inside[1], finish, gb)]
    return [part for part in parts if part[0] < part[1]]
