"""Stage 2 of 6, timers: due times as data in the state, fired in due order. Pure.

A timer due at t fires when the clock passes t, at a tick at t, or at the end of `simulate`; at one instant
in the order of `Rank`, ties by resource (contract 8.1). A timer is checked again when it fires: one whose
time has moved on is set anew, one whose cause is gone does nothing, so nothing is ever searched or cancelled.
"""

from __future__ import annotations

from heapq import heappop, heappush

from streams.core.state import NEVER, Account


class Rank:
    """The order of timers at one instant."""

    SETTLEMENT = 0
    EXPIRY = 1
    ENFORCEMENT = 2
    REMINDER = 3
    DELETION = 4
    UNKNOWN_RESOURCE = 5


# Kinds of timers.
LINE = "line"
SILENCE = "silence"
ENFORCE = "enforce"
UNKNOWN = "unknown"
DAY = "day"


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
