"""Fakes that many tests of the sinks work with: a clock, what takes events, and what knows tokens."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.access import ApiToken, Scope
from schemas.envelope import OutgoingEvent
from sinks.http.access import hash_of

CREATED = "2026-11-01T00:00:00.000Z"
# The token whose record `token` makes.
TEXT = "ms_t1_" + "s" * 43


class Clock:
    """Unix time that moves by hand: `ms`."""

    def __init__(self, ms: int = 1_800_000_000_000) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms

    def now_s(self) -> float:
        return self.ms / 1000

    def advance(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


class KeptEvents:
    """A fake of `EventSink` that keeps what it is sent; while there is a `problem` it raises that and takes nothing."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.sent: list[OutgoingEvent] = []
        self.problem = problem

    async def send(self, events: Sequence[OutgoingEvent]) -> None:
        if self.problem is not None:
            raise self.problem
        self.sent += events


def token(**changes: object) -> ApiToken:
    """The record of `TEXT`, a token of every account that may read."""
    fields = {"id": "t1", "hash": hash_of(TEXT), "scopes": [Scope.READ], "created": CREATED}
    return ApiToken.model_validate(fields | changes)


class KnownTokens:
    """A fake of `Tokens` that holds what it is given."""

    def __init__(self, *tokens: ApiToken) -> None:
        self._tokens = {each.id: each for each in tokens}

    def find(self, token_id: str) -> ApiToken | None:
        return self._tokens.get(token_id)
