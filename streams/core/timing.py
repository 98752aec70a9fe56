"""Stage 3 of 6, timing: when a running session's lines fall due. Pure.

continuous      FX-02, R-FX1: a line at every heartbeat, at the latest a minute after the line before, and at the stop
started_period  PD-10 … PD-12: a period in advance at the start and at every further started one; never half of one
clock_hour      GG-08, R-GG2, NL-07: on the clock hour and at the stop, by the second
A session that a package has paid, or whose requests are billed, has no lines. A session that begins late is brought up to the clock at once.
"""

from __future__ import annotations

from schemas.events import Mode
from schemas.profile import Timing
from streams.core import lines
from streams.core.state import HOUR_MS, NEVER, Run
from streams.core.timers import ENFORCE, LINE, PAUSE, Rank, arm
from streams.core.turn import Turn


def bring_up(turn: Turn, name: str, run: Run, *, opened: bool) -> None:
    """Write the lines that are due up to the run's end or the clock, and set the timer of the next."""
    if run.mode == Mode.PACKAGE or not run.timing or (run.end_ms == NEVER and not opened):
        return
    if run.timing == Timing.STARTED_PERIOD:
        _bring_up_periods(turn, name, run)
        return
    until_ms = min(run.end_ms, turn.account.clock_ms)
    if run.timing == Timing.CLOCK_HOUR:
        while (hour_ms := _next_hour(run.settled_ms)) < until_ms:
            if not _settle(turn, name, run, hour_ms):
                lines.pass_over(run, hour_ms)
    if run.end_ms != NEVER or run.timing == Timing.CONTINUOUS:
        _settle(turn, name, run, until_ms)
    if run.end_ms == NEVER:
        _arm_next(turn, name, run)


def _bring_up_periods(turn: Turn, name: str, run: Run) -> None:
    until_ms = min(run.end_ms, turn.account.clock_ms)
    while run.settled_ms < until_ms or run.settled_ms == run.start_ms < run.end_ms:
        if not charge_period(turn, name, run):
            arm(turn.account, turn.account.clock_ms, Rank.PAUSE, name, PAUSE)
            return
    if run.end_ms == NEVER:
        _arm_next(turn, name, run)


def owes(turn: Turn, run: Run) -> bool:
    """Whether a period of the run has begun and is not paid."""
    by_period = run.timing == Timing.STARTED_PERIOD and run.mode != Mode.PACKAGE
    return by_period and run.settled_ms <= turn.time_ms and run.settled_ms < run.end_ms


def charge_period(turn: Turn, name: str, run: Run) -> bool:
    """Charge the next period in full; False where the balance cannot pay it (PD-39: never below zero)."""
    price, _, _ = lines.period_price(turn, run, run.settled_ms)
    if turn.account.balance < price:
        return False
    lines.cut(turn, name, run, run.settled_ms + run.period_s * 1000)
    return True


def heartbeat(turn: Turn, name: str, run: Run, time_ms: int) -> None:
    """A heartbeat cuts a continuous line."""
    if (
        run.timing == Timing.CONTINUOUS
        and run.mode != Mode.PACKAGE
        and run.settled_ms < time_ms <= run.end_ms
    ):
        _settle(turn, name, run, time_ms)


def line_due(turn: Turn, name: str, run: Run, due_ms: int) -> None:
    """The time of a line has come; one whose time a heartbeat or a stop has moved is set anew."""
    if run.mode == Mode.PACKAGE:
        return
    if _next_due(turn, run) > due_ms:
        _arm_next(turn, name, run)
    elif run.timing == Timing.STARTED_PERIOD:
        _bring_up_one(turn, name, run)
    else:
        if not _settle(turn, name, run, due_ms):
            lines.pass_over(run, due_ms)
        _arm_next(turn, name, run)


def _bring_up_one(turn: Turn, name: str, run: Run) -> None:
    if charge_period(turn, name, run):
        _arm_next(turn, name, run)
    else:
        arm(turn.account, turn.account.clock_ms, Rank.PAUSE, name, PAUSE)


def _settle(turn: Turn, name: str, run: Run, end_ms: int) -> bool:
    written = lines.cut(turn, name, run, end_ms)
    if written:
        arm(turn.account, turn.account.clock_ms, Rank.STOP, "", ENFORCE)
    return written


def _next_hour(time_ms: int) -> int:
    return time_ms // HOUR_MS * HOUR_MS + HOUR_MS


def _next_due(turn: Turn, run: Run) -> int:
    if run.timing == Timing.CLOCK_HOUR:
        return _next_hour(run.settled_ms)
    if run.timing == Timing.STARTED_PERIOD:
        return run.settled_ms
    return run.settled_ms + turn.offer.profile.sessions.line_s * 1000


def _arm_next(turn: Turn, name: str, run: Run) -> None:
    arm(turn.account, _next_due(turn, run), Rank.SETTLEMENT, name, LINE)
