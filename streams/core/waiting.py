"""Stage 2 of 6, waiting: events about a resource that has not started yet. Pure.

Contract 8.1: such an event waits for its start for an hour of the account's clock and is then applied in order
of time; else it is refused as `unknown_resource`.
"""

from __future__ import annotations

from schemas.journaled import read_journaled
from schemas.wire import Event
from streams.core.state import Account
from streams.core.timers import UNKNOWN, Rank, arm

PATIENCE_MS = 3_600_000
# A bound on the state: what comes on top is refused at once.
WAITING_MAX = 1_000


def park(account: Account, event: Event) -> bool:
    """Let `event` wait; False where too many wait already."""
    if len(account.waiting) >= WAITING_MAX:
        return False
    due_ms = account.clock_ms + PATIENCE_MS
    account.waiting = [*account.waiting, (due_ms, bytes(event.raw))]
    arm(account, due_ms, Rank.UNKNOWN_RESOURCE, "", UNKNOWN)
    return True


def release(account: Account, resource: str, start_ms: int) -> list[Event]:
    """Take out the events that waited for `resource` and are not before its start, in order of time."""
    taken, kept = [], []
    for waited in account.waiting:
        event = read_journaled(waited[1])
        if event.data.resource == resource and event.time_ms >= start_ms:
            taken.append(event)
        else:
            kept.append(waited)
    account.waiting = kept
    return sorted(taken, key=lambda event: event.time_ms)


def give_up(account: Account, due_ms: int) -> list[Event]:
    """Take out the events whose hour is over at `due_ms`, in order of arrival."""
    over = [read_journaled(raw) for due, raw in account.waiting if due <= due_ms]
    account.waiting = [waiting for waiting in account.waiting if waiting[0] > due_ms]
    return over
