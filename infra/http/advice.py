"""The states of accounts, followed on a thread, and advice on them by this pipeline's clock."""

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
def running_states(settings: Settings) -> Iterator[AccountStates]:
    """The states of this pipeline's accounts until the block ends."""
    states = AccountStates(settings.kafka_client_config(), settings.topic(ACCOUNTS))
    states.start()
    try:
        yield states
    finally:
        states.close()


def advice_on(settings: Settings, book: Book, states: AccountStates) -> DryRun:
    """Advice on those accounts."""
    # On the clock of the events an account's time is what its events say, not this machine's.
    return DryRun(states, book, wall_ms if settings.clock is Clock.WALL else _long_ago)


def _long_ago() -> int:
    return 0
