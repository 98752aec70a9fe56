"""The decision: what the gate says to a request, from what is known of its key. Pure; the caller brings time and counts.

In this order: no key (401); a key that nobody or more than one account has (401); a balance that is not known
(the profile's `gate.unknown`: 503, or go on); no credit (402); too many requests in this minute (429); served (200).

402 stands before 429, and uses up nothing: a client that retries what is 429 by itself must learn that waiting does
not help, and after a top-up the next request succeeds at once (FA-19). Only what is served is counted against a limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from sinks.http.gate.policy import Policy

WINDOW_MS: Final = 60_000
# Where a tier has no limit: every answer carries the headers, and clients read numbers. The greatest that all can read.
UNLIMITED: Final = 2**31 - 1


class Outcome(Enum):
    """What the gate decided: (status, name in the metrics)."""

    ALLOWED = (200, "allowed")
    NO_KEY = (401, "no_key")
    UNKNOWN_KEY = (401, "unknown_key")
    CONTESTED_KEY = (401, "contested_key")
    NO_CREDIT = (402, "no_credit")
    RATE_LIMITED = (429, "rate_limited")
    # Said by `front` in the place of a 401.
    HELD_UP = (429, "held_up")
    NOT_KNOWN = (503, "not_known")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def label(self) -> str:
        """Its name in the metrics."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a key: whose it is, by which rules it counts, and whether there is credit."""

    account: str
    policy: Policy
    tier: str
    has_credit: bool

    @property
    def limit(self) -> int:
        """Requests a minute."""
        return self.policy.limits.get(self.tier, UNLIMITED)


class Contested:
    """A key that more than one account has: it names nobody."""


CONTESTED: Final = Contested()
Found = Standing | Contested | None


def before_counting(found: Found, *, is_current: bool, lets_unknown_pass: bool) -> Outcome:
    """What is decided without a look at the counter; ALLOWED is then up to the limit.

    `is_current`: balances and keys are known as they stand. `lets_unknown_pass`: what becomes of a key that is
    not known while they are not, for it has no profile that could say it.
    """
    if isinstance(found, Contested):
        return Outcome.CONTESTED_KEY
    if found is None:
        if is_current:
            return Outcome.UNKNOWN_KEY
        return Outcome.ALLOWED if lets_unknown_pass else Outcome.NOT_KNOWN
    if not is_current:
        return Outcome.ALLOWED if found.policy.fails_open else Outcome.NOT_KNOWN
    # R-FA1: the call that exhausts the credit is served; the gate asks for more than nothing.
    return Outcome.ALLOWED if found.has_credit else Outcome.NO_CREDIT


def after_counting(limit: int, count: int) -> Outcome:
    """What is decided for the request that is the `count`th of its window (FA-13: the 11th of 10 is refused)."""
    return Outcome.ALLOWED if count <= limit else Outcome.RATE_LIMITED


def minute_of(now_ms: int) -> int:
    """The number of the window that `now_ms` lies in: fixed, aligned to the epoch's minutes (R-FA2)."""
    return now_ms // WINDOW_MS


def reset_s(now_ms: int) -> int:
    """When that window ends, Unix time in seconds."""
    return (minute_of(now_ms) + 1) * WINDOW_MS // 1000


def retry_after_s(now_ms: int) -> int:
    """FA-16: ceil(reset − now) in seconds, at least 1: at 26.4 s of a minute that is 34."""
    return max(1, -(-(WINDOW_MS - now_ms % WINDOW_MS) // 1000))
