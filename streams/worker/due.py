"""Which account of a partition has a timer due next. Pure.

A heap that costs nothing for accounts that are not due: 1,000,000 idle sessions are one comparison a record. An
account has at most one entry that counts. An entry may be too early (the timer moved on), never too late: it
is looked at when its time comes and set again, so moving a timer on, as every request does, costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from streams.core.state import NEVER


class DueIndex:
    """Accounts by the time at which they must be looked at."""

    __slots__ = ("_at", "_heap")

    def __init__(self, dues: Iterable[tuple[int, str]] = ()) -> None:
        self._heap = [entry for entry in dues if entry[0] < NEVER]
        heapify(self._heap)
        self._at = {account: due_ms for due_ms, account in self._heap}

    def __len__(self) -> int:
        return len(self._at)

    def note(self, account: str, due_ms: int) -> None:
        """`account` is next due at `due_ms` (NEVER for no timer)."""
        if due_ms < self._at.get(account, NEVER):
            self._at[account] = due_ms
            heappush(self._heap, (due_ms, account))

    def first_ms(self) -> int:
        """The time of the first entry, NEVER where there is none."""
        return self._heap[0][0] if self._heap else NEVER

    def take(self, clock_ms: int) -> str | None:
        """Take out the first account whose entry is at or before `clock_ms`; it must be noted again."""
        heap = self._heap
        while heap and heap[0][0] <= clock_ms:
            due_ms, account = heappop(heap)
            if self._at.get(account) == due_ms:
                del self._at[account]
                return account
        return None
