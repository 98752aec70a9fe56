"""Ends an ingest that stands still although its inputs have more.

A consumer can be given a partition and never bring a message of it, without any sign: seen right after a start, while
the other partitions went on. Then the merge rightly waits for ever. The ends of the inputs are known in each round
anyway, so an input that is not read to its end and brings nothing for `limit_s` is seen here; the next process begins
from what is committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from streams.ingest.errors import StoodStill

LOOK_EVERY_S: Final = 5.0


class Liveness:
    """Watches the partitions of one process. Not for several threads."""

    def __init__(self, limit_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._limit_s, self._now_s = limit_s, now_s
        self._looked_s = now_s()
        # Partition → how far its inputs were read, and since when.
        self._seen: dict[int, tuple[Sequence[int], float]] = {}

    def is_due(self) -> bool:
        """True once in `LOOK_EVERY_S`: then partitions of which nothing came are to be looked at too."""
        now_s = self._now_s()
        if now_s - self._looked_s < min(LOOK_EVERY_S, self._limit_s / 2):
            return False
        self._looked_s = now_s
        return True

    def look(self, partition: int, reached: Sequence[int], ends: Sequence[int]) -> None:
        """Its inputs were read to `reached`, of `ends`; raises StoodStill where that is so for too long."""
        if all(read >= end for read, end in zip(reached, ends, strict=True)):
            self._seen.pop(partition, None)
            return
        seen, since_s = self._seen.get(partition, (None, 0.0))
        if seen != reached:
            self._seen[partition] = (reached, self._now_s())
        elif self._now_s() - since_s > self._limit_s:
            raise StoodStill(
                f"partition {partition}: the inputs were read to {list(reached)} and go to {list(ends)}, but nothing came "
                f"for {self._limit_s:.0f} s; start it again"
            )

    def forget(self) -> None:
        """Whoever was asked was away, or other partitions are read now: begin anew."""
        self._seen.clear()
