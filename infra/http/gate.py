"""The gate over the `balances` topic: profiles, view, windows and the thread that reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isinf

from infra.settings import Settings
from schemas.profile import WhenUnknown
from schemas.topics import BALANCES
from sinks.http.compacted import CompactedTopic
from sinks.http.gate.gate import Gate, Limits
from sinks.http.gate.policy import policies_of
from sinks.http.gate.view import BalanceView
from sinks.http.gate.windows import MemoryWindows, SharedWindows, Windows
from streams.core.book import Book


@contextmanager
def running_gate(settings: Settings, book: Book) -> Iterator[Gate]:
    """A gate that reads balances until the block ends."""
    view = BalanceView(policies_of(offer.profile for offer in book.offers.values()))
    topic = CompactedTopic(settings.kafka_client_config(), settings.topic(BALANCES), view.take, is_dated=True)
    topic.start()
    try:
        yield Gate(view, _windows(settings), topic, _limits(settings))
    finally:
        topic.close()


def waits_for(gate: Gate) -> str | None:
    """What the gate still waits for, for `/readyz`: that it has read everything once.

    Later silence of Kafka does not count: a profile may let callers through then, and no other gate knows more.
    """
    return "the gate is still reading the balances" if isinf(gate.feed.age_s()) else None


def _windows(settings: Settings) -> Windows:
    if settings.redis_url is None:
        return MemoryWindows()
    return SharedWindows(settings.redis_url.get_secret_value(), settings.topic("gate"))


def _limits(settings: Settings) -> Limits:
    return Limits(settings.gate_stale_s, settings.gate_unknown_key is WhenUnknown.FAIL_OPEN)
