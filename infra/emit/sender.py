"""Events to the input topics, each account's in the order given (`order` says how), and a wait for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from confluent_kafka import KafkaError, Producer

from infra.emit.order import (
    EVENT_HEADERS,
    PRODUCER,
    STAMP_S,
    clock_accounts,
    is_tick,
    key_of,
    ticks_apart,
    ticks_at,
    ticks_of,
    waves_of,
)
from infra.errors import CommandFailed
from infra.settings import Settings
from schemas.envelope import OutgoingEvent
from schemas.topics import ACCOUNT_EVENTS, INPUTS
from schemas.values import instant_text

CHUNK_EVENTS: Final = 10_000
CONNECT_TIMEOUT_S: Final = 5.0
# Accounts with something on its way that are remembered; beyond it all of it is waited for.
REMEMBERED_MAX: Final = 200_000
TICK_SOURCE: Final = "meterstream/emit"
_PRODUCER: Final[dict[str, Any]] = {
    **PRODUCER,
    "linger.ms": 5,
    "queue.buffering.max.messages": 500_000,
    "message.timeout.ms": 60_000,
    "delivery.report.only.error": True,
}


class Sender:
    """Sends events. Raises CommandFailed where Kafka does not answer or lacks the topics."""

    def __init__(
        self, settings: Settings, *, ticks: bool, sent: Callable[[int], None] = lambda _: None
    ) -> None:
        """`ticks`: whether `clock.tick` is sent (to every partition) or left out; `sent` is told each progress."""
        self._errors: list[KafkaError] = []
        config = {**_PRODUCER, **settings.kafka_client_config(quiet=True), "on_delivery": self._delivered}
        self._producer = Producer(config)
        self._names = [settings.topic(name) for name in INPUTS]
        partitions = self._partitions(settings)
        self._clocks = clock_accounts(partitions) if ticks else None
        self._told = sent
        # Account → rank of the topic that its events still on their way go to.
        self._on_their_way: dict[str, int] = {}
        self.events = 0
        self.ticks = 0
        self.ticks_left_out = 0

    def send(self, events: Iterable[OutgoingEvent]) -> None:
        """Send `events`; returns when all of them are acknowledged."""
        for chunk in _chunks(events):
            if is_tick(chunk[0]):
                self._send_tick(chunk[0])
            else:
                self._send_chunk(chunk)
            self._told(len(chunk))
        self.flush()

    def tick(self, time_ms: int) -> None:
        """Move the clock of every partition to `time_ms`, after everything sent before."""
        if self._clocks is not None:
            instant = instant_text(time_ms)
            self._tick(ticks_at(instant, TICK_SOURCE, f"tick-{instant}", self._clocks))

    def send_raw(self, topic: str, account: str, raw: bytes) -> None:
        """Send a record that is no event to `topic` (its plain name), in its place among the account's events."""
        self._barrier()
        self._produce(self._names[INPUTS.index(topic)], account, raw)
        self.flush()

    def flush(self) -> None:
        """Wait until everything sent is acknowledged."""
        while self._producer.flush(1.0):
            self._check()
        self._check()
        self._on_their_way.clear()

    # --- order ------------------------------------------------------------------------------------------

    def _send_chunk(self, chunk: Sequence[OutgoingEvent]) -> None:
        waves = waves_of(chunk, self._on_their_way)
        for number, wave in enumerate(waves):
            if number:
                self._barrier()
            for event, rank in wave:
                self._produce(self._names[rank], event.account, event.raw)
        self.events += len(chunk)
        self._on_their_way.update((event.account, rank) for event, rank in waves[-1])
        if len(self._on_their_way) > REMEMBERED_MAX:
            self._barrier()

    def _barrier(self) -> None:
        self.flush()
        time.sleep(STAMP_S)

    # --- ticks ------------------------------------------------------------------------------------------

    def _send_tick(self, event: OutgoingEvent) -> None:
        if self._clocks is None:
            self.ticks_left_out += 1
            return
        self._tick(ticks_of(event, self._clocks))

    def _tick(self, ticks: Sequence[OutgoingEvent]) -> None:
        self._barrier()
        for tick in ticks:
            self._produce(self._names[0], tick.account, tick.raw)
        self.flush()
        self.ticks += 1

    def _partitions(self, settings: Settings) -> int:
        name = settings.topic(ACCOUNT_EVENTS)
        topics = self._producer.list_topics(timeout=CONNECT_TIMEOUT_S).topics
        if name not in topics or not topics[name].partitions:
            raise CommandFailed(f"topic {name} does not exist: start the pipeline first (meterstream up)")
        return len(topics[name].partitions)

    # --- Kafka ------------------------------------------------------------------------------------------

    def _produce(self, topic: str, account: str, raw: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, raw, key_of(account), headers=EVENT_HEADERS)
            except BufferError:
                self._producer.poll(0.1)
                self._check()
            else:
                return

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._errors.append(error)

    def _check(self) -> None:
        if self._errors:
            raise CommandFailed(
                f"Kafka did not take {len(self._errors):,} events or more: {self._errors[0].str()}; sending the same"
                " again is harmless, what arrived already is dropped as a duplicate"
            )


def _chunks(events: Iterable[OutgoingEvent]) -> Iterator[Sequence[OutgoingEvent]]:
    """Up to `CHUNK_EVENTS` events each; a tick is a chunk of its own."""
    rest = iter(events)
    while chunk := list(islice(rest, CHUNK_EVENTS)):
        yield from ticks_apart(chunk)
