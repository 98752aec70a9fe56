"""The gate of one process: asks the view, counts, answers, and keeps count of what it answered."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from sinks.http.gate import decision
from sinks.http.gate.answers import Answer, answer
from sinks.http.gate.decision import Outcome, Standing
from sinks.http.gate.view import BalanceView, digest_of
from sinks.http.gate.windows import Windows

# For how long balances that were current still count as known.
STALE_S: Final = 60.0
_KEY_BYTES_MAX: Final = 4_096


class Feed(Protocol):
    """What brings the balances into the view."""

    def age_s(self) -> float:
        """How long ago everything that there was had been read; infinite before that."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the service decides where no profile can: `stale_s`, and whether a key passes that is not known yet."""

    stale_s: float = STALE_S
    lets_unknown_pass: bool = False


def wall_ms() -> int:
    """Now, Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class Gate:
    """`authorize` answers one request. `now_ms` is the clock of the windows."""

    def __init__(
        self,
        view: BalanceView,
        windows: Windows,
        feed: Feed,
        limits: Limits = Limits(),
        *,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self.view = view
        self.windows = windows
        self.feed = feed
        self._limits = limits
        self._now_ms = now_ms
        # Answers by (profile, outcome's name); no profile where the key names none.
        self.decisions: Counter[tuple[str, str]] = Counter()

    @property
    def is_current(self) -> bool:
        """Whether balances and keys are known as they stand."""
        return self.feed.age_s() <= self._limits.stale_s

    async def authorize(self, authorization: bytes | None) -> Answer:
        """The answer to a request with this `Authorization` header."""
        now_ms = self._now_ms()
        key = _key_of(authorization)
        outcome, standing, used = Outcome.NO_KEY, None, 0
        if key is not None:
            digest = digest_of(key)
            found = self.view.find(digest)
            outcome = decision.before_counting(
                found, is_current=self.is_current, lets_unknown_pass=self._limits.lets_unknown_pass
            )
            if isinstance(found, Standing):
                standing = found
                outcome, used = await self._count(outcome, found, digest, now_ms)
        self.decisions[standing.policy.profile if standing else "", outcome.label] += 1
        return answer(
            outcome,
            standing,
            used=used,
            reset_s=decision.reset_s(now_ms),
            wait_s=decision.retry_after_s(now_ms),
        )

    def held_up(self, wait_s: int) -> Answer:
        """The answer to a refused caller that has asked too often: it may ask again in `wait_s` seconds."""
        reset_s = decision.reset_s(self._now_ms())
        return answer(Outcome.HELD_UP, None, used=0, reset_s=reset_s, wait_s=wait_s)

    async def _count(
        self, outcome: Outcome, standing: Standing, digest: bytes, now_ms: int
    ) -> tuple[Outcome, int]:
        """The outcome after the limit, and how many requests of the window are used up."""
        if standing.limit == decision.UNLIMITED:
            return outcome, 0
        minute = decision.minute_of(now_ms)
        if outcome is not Outcome.ALLOWED:
            return outcome, await self.windows.peek(digest, standing.tier, minute)
        count = await self.windows.hit(digest, standing.tier, minute)
        return decision.after_counting(standing.limit, count), count


def _key_of(authorization: bytes | None) -> bytes | None:
    """The key of `Bearer <key>`; None where the header is absent, of another scheme, or says nothing."""
    if authorization is None:
        return None
    scheme, _, key = authorization.strip().partition(b" ")
    key = key.strip()
    if scheme.lower() != b"bearer" or not 0 < len(key) <= _KEY_BYTES_MAX:
        return None
    return key
