"""Stage 4 of 6, lines: a session's charges as differences of its exact running cost, cut and corrected. Pure.

A line [a, b) by the second costs cost(b) - cost(a), where cost(t) is the rounded cost of the whole seconds since
the start of the session: Σ lines is the exact total rounded once, however often lines are cut (R-FX1, R-NL3, X-07).
A line of a started period costs the period's price. What is settled is never edited: a line that would have been
different gets a correcting charge with the difference (X-03).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from schemas.profile import Timing
from streams.core import charges, ledger
from streams.core.amounts import EXACT, ZERO, cost_of_seconds, hours_of
from streams.core.state import NEVER, Draw, Run, Segment
from streams.core.turn import Turn, record_id

# Beyond so many segments of lines the oldest become one, so that a state stays small: a very late stop then
# corrects them together. Lines of equal length share a segment, so only irregular heartbeats come near it.
SEGMENTS_MAX = 1_500
SEGMENTS_MERGED = 500
# The revision of a line that was due and came to nothing, as no replicas ran: no charge was written for it.
UNWRITTEN = -1

# (start, end, revision, weighted seconds, amount) of a settled line.
Line = tuple[int, int, int, int, Decimal]


# --- what a line comes to ------------------------------------------------------------------------------


def weighted_seconds(run: Run, time_ms: int) -> int:
    """Whole seconds since the start of the session, times the replicas that ran (GG-37), rounded down."""
    if not run.weights:
        return (time_ms - run.start_ms) // 1000
    total = 0
    for index, (since_ms, replicas) in enumerate(run.weights):
        until_ms = run.weights[index + 1][0] if index + 1 < len(run.weights) else NEVER
        total += replicas * max(0, min(until_ms, time_ms) - max(since_ms, run.start_ms))
    return total // 1000


def cost(turn: Turn, run: Run, time_ms: int) -> Decimal:
    """What the session costs up to `time_ms`; its minimum is added at its end (NL-05)."""
    seconds = weighted_seconds(run, time_ms)
    amount = cost_of_seconds(run.rate, seconds, turn.offer.scale)
    if run.minimum is not None and time_ms == run.end_ms and seconds > 0:
        return max(amount, run.minimum)
    return amount


def _value(turn: Turn, run: Run, start_ms: int, end_ms: int) -> tuple[int, Decimal]:
    if run.timing == Timing.STARTED_PERIOD:
        if start_ms >= run.end_ms:
            return 0, ZERO
        return run.period_s, period_price(turn, run, start_ms)[0]
    start_ms, end_ms = min(start_ms, run.end_ms), min(end_ms, run.end_ms)
    seconds = weighted_seconds(run, end_ms) - weighted_seconds(run, start_ms)
    return seconds, EXACT.subtract(cost(turn, run, end_ms), cost(turn, run, start_ms))


def period_price(turn: Turn, run: Run, time_ms: int) -> tuple[Decimal, str, Decimal]:
    """(amount, price version, hourly rate) of a started period: the price at its time (contract 8.4)."""
    sold = turn.offer.instance(run.sku, time_ms)
    rate = run.rate if sold is None or sold[1].payg is None else sold[1].payg
    version = run.price_version if sold is None else sold[1].version
    return cost_of_seconds(rate, run.period_s, turn.offer.scale), version, rate


# --- writing and correcting ------------------------------------------------------------------------------


def cut(turn: Turn, resource: str, run: Run, end_ms: int) -> bool:
    """Write the line from what is settled to `end_ms`; False where there is nothing to bill yet."""
    start_ms = run.settled_ms
    seconds, amount = _value(turn, run, start_ms, end_ms)
    if seconds <= 0 and not amount:
        return False
    charge = _line_id(turn, resource, run, start_ms, run.revision)
    _write(turn, resource, run, charge, start_ms, end_ms, seconds, amount)
    if amount:
        note_draw(run, start_ms, end_ms, ledger.spend(turn, amount, charge))
    _note_line(run, start_ms, end_ms, run.revision)
    return True


def pass_over(run: Run, end_ms: int) -> None:
    """A line was due at `end_ms` and there was nothing to bill: what is told late may still make one of it."""
    _note_line(run, run.settled_ms, end_ms, UNWRITTEN)


def settled_after(turn: Turn, run: Run, time_ms: int) -> list[Line]:
    """The settled lines that end after `time_ms`, with what they came to: taken before the run is changed."""
    return [
        (start, end, revision, *_value(turn, run, start, end))
        for start, end, revision in _ends_after(run, time_ms)
    ]


def correct(turn: Turn, resource: str, run: Run, before: list[Line]) -> None:
    """Write the difference for every line of `before` that now comes to something else, and forget what is void.

    The caller has given the run a new revision, which keeps the ids of the corrections apart.
    """
    for start, end, revision, old_seconds, old_amount in before:
        new_seconds, new_amount = _value(turn, run, start, end)
        seconds, amount = new_seconds - old_seconds, EXACT.subtract(new_amount, old_amount)
        if not seconds and not amount:
            continue
        if revision == UNWRITTEN:
            _write_late(turn, resource, run, start, end, seconds, amount)
            continue
        corrected = _line_id(turn, resource, run, start, revision)
        charge = record_id("chg", corrected, run.revision, turn.cause.source, turn.cause.id)
        _write(turn, resource, run, charge, start, end, seconds, amount, corrects=corrected)
        if amount < ZERO:
            ledger.give_back(turn, drawn(run, start, amount.copy_negate()), charge)
        elif amount:
            ledger.spend(turn, amount, charge, kind=ledger.CORRECTION)
    if run.settled_ms > run.end_ms:
        _forget_after(run, run.end_ms)


def _write_late(
    turn: Turn, resource: str, run: Run, start_ms: int, end_ms: int, seconds: int, amount: Decimal
) -> None:
    """What a late event adds is a plain charge: there is none that it could correct (contract 8.1)."""
    charge = _line_id(turn, resource, run, start_ms, run.revision)
    _write(turn, resource, run, charge, start_ms, end_ms, seconds, amount)
    if amount:
        note_draw(run, start_ms, end_ms, ledger.spend(turn, amount, charge))
    _has_charge(run, start_ms)


def _line_id(turn: Turn, resource: str, run: Run, start_ms: int, revision: int) -> str:
    return record_id("chg", turn.account.id, resource, run.start_ms, start_ms, revision)


def _write(
    turn: Turn,
    resource: str,
    run: Run,
    charge: str,
    start_ms: int,
    end_ms: int,
    seconds: int,
    amount: Decimal,
    *,
    corrects: str | None = None,
) -> None:
    version, rate = run.price_version, run.rate
    if run.timing == Timing.STARTED_PERIOD:
        _, version, rate = period_price(turn, run, start_ms)
    charges.write(
        turn,
        charges.RatedLine(
            id=charge,
            resource=resource,
            sku=run.sku,
            meter=run.meter,
            start_ms=start_ms,
            end_ms=end_ms,
            quantity=hours_of(seconds),
            unit="hour",
            unit_price=rate,
            amount=amount,
            rule=run.rule,
            price_version=version,
            model=run.model,
            corrects=corrects,
        ),
    )


# --- which lines a run has -----------------------------------------------------------------------------


def _note_line(run: Run, start_ms: int, end_ms: int, revision: int) -> None:
    run.settled_ms = end_ms
    last = run.segments[-1] if run.segments else None
    step = end_ms - start_ms
    if last and last.step_ms == step and last.end_ms == start_ms and last.revision == revision:
        last.count += 1
        return
    run.segments.append(Segment(start_ms, step, 1, revision))
    if len(run.segments) > SEGMENTS_MAX:
        merged, rest = run.segments[:SEGMENTS_MERGED], run.segments[SEGMENTS_MERGED:]
        first = merged[0]
        run.segments = [Segment(first.start_ms, merged[-1].end_ms - first.start_ms, 1, first.revision), *rest]


def _has_charge(run: Run, start_ms: int) -> None:
    """The line that begins at `start_ms` has come to something: take it out of those that came to nothing."""
    at = next(index for index, segment in enumerate(run.segments) if start_ms < segment.end_ms)
    old = run.segments[at]
    ahead = (start_ms - old.start_ms) // old.step_ms
    parts = (
        Segment(old.start_ms, old.step_ms, ahead, UNWRITTEN),
        Segment(start_ms, old.step_ms, 1, run.revision),
        Segment(start_ms + old.step_ms, old.step_ms, old.count - ahead - 1, UNWRITTEN),
    )
    run.segments[at : at + 1] = [part for part in parts if part.count]


def _ends_after(run: Run, end_ms: int) -> list[tuple[int, int, int]]:
    """(start, end, revision) of every settled line that ends after `end_ms`, in order of time."""
    lines = []
    for segment in run.segments:
        first = max(0, (end_ms - segment.start_ms) // segment.step_ms)
        for index in range(first, segment.count):
            start = segment.start_ms + index * segment.step_ms
            lines.append((start, start + segment.step_ms, segment.revision))
    return lines


def _forget_after(run: Run, end_ms: int) -> None:
    """Lines that begin at or after `end_ms` are void; one that reaches beyond it ends there, if it is by the second."""
    kept: list[Segment] = []
    started = run.timing == Timing.STARTED_PERIOD
    for segment in run.segments:
        whole = max(0, min(segment.count, (end_ms - segment.start_ms) // segment.step_ms))
        trimmed_ms = segment.start_ms + whole * segment.step_ms
        reaches = whole < segment.count and trimmed_ms < end_ms
        if started and reaches:
            whole, reaches = whole + 1, False
        if whole:
            kept.append(Segment(segment.start_ms, segment.step_ms, whole, segment.revision))
        if reaches:
            kept.append(Segment(trimmed_ms, end_ms - trimmed_ms, 1, segment.revision))
    run.segments = kept
    run.settled_ms = kept[-1].end_ms if kept else run.start_ms
    run.draws = [
        Draw(draw.start_ms, min(draw.end_ms, run.settled_ms), draw.parts)
        for draw in run.draws
        if draw.start_ms < run.settled_ms
    ]


# --- where their money came from -----------------------------------------------------------------------


class HasDraws(Protocol):
    """Something whose lines remember where their money came from."""

    draws: list[Draw]


def note_draw(holder: HasDraws, start_ms: int, end_ms: int, parts: ledger.Parts) -> None:
    """Remember which buckets paid the line [start_ms, end_ms); `paid` alone is not noted."""
    if len(parts) == 1:
        bucket = parts[0][0]
        if bucket == ledger.PAID:
            return
        last = holder.draws[-1] if holder.draws else None
        if last and last.end_ms == start_ms and len(last.parts) == 1 and last.parts[0][0] == bucket:
            last.end_ms = end_ms
            return
    holder.draws.append(Draw(start_ms, end_ms, parts))


def drawn(holder: HasDraws, start_ms: int, amount: Decimal) -> ledger.Parts:
    """The buckets that `amount`, the reversed part of the line that begins at `start_ms`, goes back to."""
    for draw in holder.draws:
        if draw.start_ms <= start_ms < draw.end_ms:
            if len(draw.parts) == 1:
                return [(draw.parts[0][0], amount)]
            back = ledger.last_drawn(draw.parts, amount)
            returned = dict(back)
            # What has gone back cannot go back again when the same line is corrected once more.
            draw.parts = [
                (bucket, EXACT.subtract(part, returned.get(bucket, ZERO))) for bucket, part in draw.parts
            ]
            return back
    return [(ledger.PAID, amount)]
