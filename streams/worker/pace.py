"""When to publish and when to make a checkpoint. Pure: the caller brings the time.

With nothing more to read, balances leave every `publish_s`, so that they are seen soon; while a backlog keeps the
worker busy four times as seldom: an account that is touched a hundred times in that second is written once. The
state is saved every `save_s`: after a crash at most that much is folded again.
"""

from __future__ import annotations

from enum import Enum, auto

BACKLOG_STRETCH = 4


class Step(Enum):
    """What is due."""

    NOTHING = auto()
    PUBLISH = auto()
    CHECKPOINT = auto()


class Pace:
    """The two intervals and when they began; times in seconds of any monotonic clock."""

    def __init__(self, *, publish_s: float, save_s: float) -> None:
        self._publish_s = publish_s
        self._save_s = max(save_s, publish_s)
        self._published_at = self._saved_at = float("-inf")

    def due(self, now_s: float, *, has_backlog: bool) -> Step:
        """What to do now; it counts as done."""
        if now_s - self._saved_at >= self._save_s:
            self._saved_at = self._published_at = now_s
            return Step.CHECKPOINT
        if now_s - self._published_at >= self._publish_s * (BACKLOG_STRETCH if has_backlog else 1):
            self._published_at = now_s
            return Step.PUBLISH
        return Step.NOTHING
