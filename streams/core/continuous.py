"""Stage 3 of 6, timing: continuous deduction. Pure.

FX-02: expenses are deducted in real time. A line at every heartbeat, at the latest a minute after the line
before, and at the stop; Σ lines is seconds × rate exactly (R-FX1). After the lines of an instant the running
leases are stopped when the balance cannot pay the next minute of all of them (R-FX2).
"""

from __future__ import annotations

from streams.core import lines
from streams.core.state import NEVER, Run
from streams.core.timers import ENFORCE, LINE, Rank, arm
from streams.core.turn import Turn


def settle(turn: Turn, resource: str, run: Run, end_ms: int) -> None:
    """Cut the line up to `end_ms`, and look at the balance once the instant's lines are all written."""
    if lines.cut(turn, resource, run, end_ms):
        arm(turn.account, turn.account.clock_ms, Rank.ENFORCEMENT, "", ENFORCE)


def arm_line(turn: Turn, resource: str, run: Run) -> None:
    """Set the timer of the next line of a running session."""
    due_ms = max(run.settled_ms, run.start_ms) + turn.offer.profile.sessions.line_s * 1000
    arm(turn.account, due_ms, Rank.SETTLEMENT, resource, LINE)


def line_due(turn: Turn, resource: str, due_ms: int) -> None:
    """A minute has passed since some line: cut one, unless a heartbeat has cut it meanwhile."""
    known = turn.account.resources.get(resource)
    run = known.runs[-1] if known and known.runs else None
    if run is None or run.end_ms != NEVER:
        return
    if run.settled_ms + turn.offer.profile.sessions.line_s * 1000 <= due_ms:
        settle(turn, resource, run, due_ms)
    arm_line(turn, resource, run)
