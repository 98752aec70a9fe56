"""How old a view of a topic is: when was everything read that there was to read? Pure but for its clock.

Silence says nothing by itself: no new balance, or no broker. So the ends of the topic are asked for again and again;
once reading has passed the ends that were asked for at a time, the view is as old as that time at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

ASK_EVERY_S: Final = 1.0
Ends = Mapping[int, int]


class Age:
    """`ends` asks for the end of each partition, None where the broker does not answer. One thread calls `look` and
    `reached`, any may ask for the age.
    """

    def __init__(self, ends: Callable[[], Ends | None], now_s: Callable[[], float] = time.monotonic) -> None:
        self._ends = ends
        self._now_s = now_s
        self._asked_s = float("-inf")
        self._wanted: tuple[float, Ends] | None = None
        self._reached: dict[int, int] = {}
        self._current_s = float("-inf")

    def age_s(self) -> float:
        """Seconds since the view held everything; infinite where it never has."""
        return self._now_s() - self._current_s

    def reached(self, partition: int, offset: int) -> None:
        """Everything before `offset` has been read."""
        self._reached[partition] = offset

    def look(self) -> None:
        """See how far reading is; ask for the ends where that is due."""
        if self._wanted is not None:
            asked_s, ends = self._wanted
            if all(self._reached.get(partition, 0) >= end for partition, end in ends.items()):
                self._current_s, self._wanted = asked_s, None
        now_s = self._now_s()
        if self._wanted is None and now_s - self._asked_s >= ASK_EVERY_S:
            self._asked_s = now_s
            ends_now = self._ends()
            self._wanted = None if ends_now is None else (now_s, ends_now)
