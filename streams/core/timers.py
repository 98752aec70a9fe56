"""Stage 2 of 6, timers: due times as data in the state, fired in due order. Pure.

A timer due at t fires when the clock passes t, at a tick at t, or at the end of `simulate`; at one instant
in the order of `Rank`, ties by resource (contract 8.1). A timer is checked again when it fires: one whose
time has moved on is set anew, one whose cause is gone does nothing, so nothing is ever searched or cancelled.
"""

from __future__ import annotations

from heapq import heappop, heappush

from streams.core.state import NEVER, Account


class Rank:
    """The order of timers at one instant: settlements, expiry, enforcement (refill first), reminders, deletion."""

    SETTLEMENT = 0
    EXPIRY = 10
    REFILL = 20
    PAUSE = 21
    STOP = 22
    SILENCE = 23
    COLD = 24
    SCALE = 25
    REMINDER = 30
    DIGEST = 31
    DELETION = 40
    UNKNOWN_RESOURCE = 50


# Kinds of timers.
LINE = "line"
DISK = "disk"
GAUGE = "gauge"
POOL = "pool"
EXPIRY = "expiry"
REFILL = "refill"
LAPSE = "lapse"
PAUSE = "pause"
ENFORCE = "enforce"
SILENCE = "silence"
COLD = "cold"
SCALE = "scale"
REMINDER = "reminder"
WARNING = "warning"
DIGEST = "digest"
DELETION = "deletion"
ARREARS = "arrears"
ARREARS_WARNING = "arrears_warning"
UNKNOWN = "unknown"


def arm(account: Account, due_ms: int, rank: int, resource: str, kind: str) -> None:
    """Set a timer; one that stands already at the same instant is not set twice."""
    timer = (due_ms, rank, resource, kind)
    if timer not in account.timers:
        heappush(account.timers, timer)
        account.due_ms = account.timers[0][0]


def take(account: Account) -> tuple[int, int, str, str]:
    """Take out the first timer."""
    timer = heappop(account.timers)
    account.due_ms = account.timers[0][0] if account.timers else NEVER
    return timer
