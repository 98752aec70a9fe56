"""Stage 4 of 6, lines: a session's charges as differences of its exact running cost, cut, reversed, extended. Pure.

A line [a, b) costs cost(b) - cost(a), where cost(t) is the rounded cost of the whole seconds since the start of
the session: Σ lines is the exact total rounded once, however often lines are cut (R-FX1, X-07). What is settled is
never edited: a line that would have been different gets a correcting charge with the difference (X-03).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.records import Meter
from schemas.values import instant_text, money_text, plain
from schemas.wire import Charge
from streams.core import ledger, windows
from streams.core.amounts import EXACT, cost_of_seconds, hours_of
from streams.core.state import Draw, Run, Segment
from streams.core.turn import Turn, record_id

# Beyond so many segments of lines the oldest become one, so that a state stays small: a very late stop then
# corrects them together. Lines of equal length share a segment, so only irregular heartbeats come near it.
SEGMENTS_MAX = 1_500
SEGMENTS_MERGED = 500


def _seconds(run: Run, time_ms: int) -> int:
    return (time_ms - run.start_ms) // 1000


def _cost(turn: Turn, run: Run, time_ms: int) -> Decimal:
    return cost_of_seconds(run.rate, _seconds(run, time_ms), turn.offer.scale)


def cut(turn: Turn, resource: str, run: Run, end_ms: int) -> bool:
    """Write the line from what is settled to `end_ms`; False where there is not yet a whole second to bill."""
    start_ms = run.settled_ms
    seconds = _seconds(run, end_ms) - _seconds(run, start_ms)
    if seconds <= 0:
        return False
    amount = EXACT.subtract(_cost(turn, run, end_ms), _cost(turn, run, start_ms))
    charge = _line_id(turn, resource, run, start_ms, run.revision)
    _write(turn, resource, run, charge, start_ms, end_ms, seconds, amount)
    if amount:
        _note_draw(run, start_ms, end_ms, ledger.spend(turn, amount, charge))
    _note_line(run, start_ms, end_ms)
    return True


def truncate(turn: Turn, resource: str, run: Run, end_ms: int) -> None:
    """Reverse what was billed after `end_ms`: a correcting charge for each line that reaches beyond it.

    The caller has given the run a new revision, which keeps the ids of the corrections apart.
    """
    for start, end, revision in _lines_after(run, end_ms):
        kept_ms = max(start, end_ms)
        seconds = _seconds(run, end) - _seconds(run, kept_ms)
        amount = EXACT.subtract(_cost(turn, run, end), _cost(turn, run, kept_ms))
        if seconds:
            corrected = _line_id(turn, resource, run, start, revision)
            charge = record_id("chg", corrected, run.revision, turn.cause.source, turn.cause.id)
            _write(turn, resource, run, charge, start, end, -seconds, amount.copy_negate(), corrects=corrected)
            if amount:
                ledger.give_back(turn, _drawn(run, start, end, amount), charge)
    _forget_after(run, end_ms)


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
    quantity = hours_of(seconds)
    turn.out.charges.append(
        Charge(
            id=charge,
            account=turn.account.id,
            time=turn.time_text,
            cause=turn.cause,
            profile=turn.offer.name,
            sku=run.sku,
            meter=Meter.DURATION.value,  # type: ignore[arg-type]  # the struct carries the enum's text
            start=instant_text(start_ms),
            end=instant_text(end_ms),
            quantity=plain(quantity),
            unit="hour",
            unit_price=money_text(run.rate),
            amount=money_text(amount),
            currency=turn.offer.currency,
            rule=run.rule,
            price_version=run.price_version,
            resource=resource,
            model=run.model,
            corrects=corrects,
        )
    )
    windows.count(turn, resource, run.sku, run.model, None, Meter.DURATION.value, "hour", quantity, amount)


# --- which lines a run has -----------------------------------------------------------------------------


def _note_line(run: Run, start_ms: int, end_ms: int) -> None:
    run.settled_ms = end_ms
    last = run.segments[-1] if run.segments else None
    step = end_ms - start_ms
    if last and last.step_ms == step and last.end_ms == start_ms and last.revision == run.revision:
        last.count += 1
        return
    run.segments.append(Segment(start_ms, step, 1, run.revision))
    if len(run.segments) > SEGMENTS_MAX:
        merged, rest = run.segments[:SEGMENTS_MERGED], run.segments[SEGMENTS_MERGED:]
        first = merged[0]
        run.segments = [Segment(first.start_ms, merged[-1].end_ms - first.start_ms, 1, first.revision), *rest]


def _lines_after(run: Run, end_ms: int) -> list[tuple[int, int, int]]:
    """(start, end, revision) of every settled line that ends after `end_ms`, in order of time."""
    lines = []
    for segment in run.segments:
        if segment.end_ms <= end_ms:
            continue
        first = max(0, (end_ms - segment.start_ms) // segment.step_ms)
        for index in range(first, segment.count):
            start = segment.start_ms + index * segment.step_ms
            lines.append((start, start + segment.step_ms, segment.revision))
    return lines


def _forget_after(run: Run, end_ms: int) -> None:
    kept: list[Segment] = []
    for segment in run.segments:
        whole = max(0, min(segment.count, (end_ms - segment.start_ms) // segment.step_ms))
        if whole:
            kept.append(Segment(segment.start_ms, segment.step_ms, whole, segment.revision))
        trimmed_ms = segment.start_ms + whole * segment.step_ms
        if whole < segment.count and trimmed_ms < end_ms:
            kept.append(Segment(trimmed_ms, end_ms - trimmed_ms, 1, segment.revision))
    run.segments = kept
    run.settled_ms = min(run.settled_ms, max(end_ms, run.start_ms))
    run.draws = [
        Draw(draw.start_ms, min(draw.end_ms, end_ms), draw.parts) for draw in run.draws if draw.start_ms < end_ms
    ]


# --- where their money came from -----------------------------------------------------------------------


def _note_draw(run: Run, start_ms: int, end_ms: int, parts: ledger.Parts) -> None:
    if len(parts) == 1:
        bucket = parts[0][0]
        if bucket == ledger.PAID:
            return
        last = run.draws[-1] if run.draws else None
        if last and last.end_ms == start_ms and len(last.parts) == 1 and last.parts[0][0] == bucket:
            last.end_ms = end_ms
            return
    run.draws.append(Draw(start_ms, end_ms, parts))


def _drawn(run: Run, start_ms: int, end_ms: int, amount: Decimal) -> ledger.Parts:
    """The buckets that `amount`, the reversed part of the line [start_ms, end_ms), goes back to."""
    for draw in run.draws:
        if draw.start_ms <= start_ms < draw.end_ms:
            if len(draw.parts) == 1:
                return [(draw.parts[0][0], amount)]
            return ledger.last_drawn(draw.parts, amount)
    return [(ledger.PAID, amount)]
