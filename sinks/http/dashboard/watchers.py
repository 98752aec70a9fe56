"""Who watches charges as they come, and what each has not seen yet. Pure; `take` is another thread's.

Who is slow misses charges and is told how many there were: the page shows the present, ClickHouse has all of it.
"""

from __future__ import annotations

from typing import Any, Final

VIEWERS_MAX: Final = 200
CHARGES_AT_ONCE: Final = 12
Charge = dict[str, Any]


class Watcher:
    """What one reader has not seen yet: the latest charges and how many there were. Used by one thread and one loop."""

    def __init__(self, account: str | None = None) -> None:
        self.account = account
        self._latest: list[Charge] = []
        self._seen = 0

    def take(self, charges: list[Charge]) -> None:
        """Charges have come."""
        mine = [each for each in charges if self.account is None or each["account"] == self.account]
        self._seen += len(mine)
        self._latest = [*self._latest, *mine][-CHARGES_AT_ONCE:]

    def give(self) -> tuple[list[Charge], int]:
        """The latest charges since it was asked before, the oldest first; how many there have been in all."""
        latest, self._latest = self._latest, []
        return latest, self._seen


class Watchers:
    """All who watch; `take` may be called by another thread."""

    def __init__(self) -> None:
        self._all: set[Watcher] = set()
        self.is_closed = False

    def close(self) -> None:
        """The service ends: whoever watches is told that there is no more."""
        self.is_closed = True

    def watch(self, account: str | None = None) -> Watcher | None:
        """One more, who sees `account` or, without, all; None where `VIEWERS_MAX` watch already."""
        if len(self._all) >= VIEWERS_MAX:
            return None
        watcher = Watcher(account)
        self._all.add(watcher)
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """One less."""
        self._all.discard(watcher)

    def take(self, charges: list[Charge]) -> None:
        """Charges have come."""
        for watcher in list(self._all):
            watcher.take(charges)

    @property
    def count(self) -> int:
        """How many watch."""
        return len(self._all)
