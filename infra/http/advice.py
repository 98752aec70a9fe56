"""Admission and estimates over the `accounts` topic: the thread that follows it, and the clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from infra.http.dry_run import DryRun
from infra.http.states import AccountStates
from infra.settings import Clock, Settings
from schemas.topics import ACCOUNTS
from sinks.http.gate.gate import wall_ms
from streams.core.book import Book


@contextmanager
def running_advice(settings: Settings, book: Book) -> Iterator[DryRun]:
    """Advice on the accounts of this pipeline until the block ends."""
    states = AccountStates(settings.kafka_client_config(), settings.topic(ACCOUNTS))
    states.start()
    try:
        # On the clock of the events an account's time is what its events say, not this machine's.
        yield DryRun(states, book, wall_ms if settings.clock is Clock.WALL else _long_ago)
    finally:
        states.close()


def _long_ago() -> int:
    return 0
