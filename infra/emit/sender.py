"""Events to the input topics, each account's in the order given, across the three topics too.

Ingest puts the topics of a partition in order by the broker's time stamp, with ties in favour of account events.
So before an event goes to another topic than those of its account that are still on their way, these must be
acknowledged and the broker's millisecond must have passed. Waiting at every change would cost a round trip each:
within a chunk the events go in waves (an account changes its topic between waves only), and one wait parts two
waves of all accounts. Only the order between accounts is given up for that; nobody promises it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from confluent_kafka import KafkaError, Producer

from infra.emit.files import Outgoing, is_tick
from infra.errors import CommandFailed
from infra.settings import Settings
from schemas.envelope import STRUCTURED
from schemas.events import TOPIC_OF_TYPE
from schemas.topics import ACCOUNT_EVENTS, INPUTS
from schemas.values import instant_text
from schemas.wire import Event, encode, read_event
from streams.core.story import TICK
from streams.ingest.partitioner import partition_of

CHUNK_EVENTS: Final = 10_000
CONNECT_TIMEOUT_S: Final = 5.0
# Two of the broker's milliseconds: the stamp of what is sent next is later for certain.
STAMP_S: Final = 0.002
# Accounts with something on its way that are remembered; beyond it all of it is waited for.
REMEMBERED_MAX: Final = 200_000
TICK_SOURCE: Final = "meterstream/emit"
RANK_OF_TYPE: Final = {kind: INPUTS.index(topic) for kind, topic in TOPIC_OF_TYPE.items()}
_HEADERS: Final[list[tuple[str, str | bytes | None]]] = [("content-type", STRUCTURED.encode())]
_PRODUCER: Final[dict[str, Any]] = {
    # Java's and aiokafka's hash; librdkafka's own default sends most keys elsewhere.
    "partitioner": "murmur2_random",
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    "linger.ms": 5,
    "message.max.bytes": 3_145_728,
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

    def send(self, events: Iterable[Outgoing]) -> None:
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
        instant = instant_text(time_ms)
        self._tick(instant, TICK_SOURCE, f"tick-{instant}")

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

    def _send_chunk(self, chunk: Sequence[Outgoing]) -> None:
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

    def _send_tick(self, event: Outgoing) -> None:
        tick = read_event(event.raw)
        if self._clocks is None or not isinstance(tick, Event):
            self.ticks_left_out += 1
            return
        self._tick(instant_text(tick.time_ms), tick.source, tick.id)

    def _tick(self, instant: str, source: str, tick_id: str) -> None:
        if self._clocks is None:
            return
        self._barrier()
        for partition, account in enumerate(self._clocks):
            self._produce(
                self._names[0], account, _tick_event(account, instant, source, f"{tick_id}/{partition}")
            )
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
                self._producer.produce(topic, raw, account.encode("utf-8", "surrogatepass"), headers=_HEADERS)
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


def waves_of(chunk: Sequence[Outgoing], on_their_way: Mapping[str, int]) -> list[list[tuple[Outgoing, int]]]:
    """The chunk's events with the ranks of their topics, in waves: in each, an account's events go to one topic.

    `on_their_way`: account → rank of the topic of its events that are not yet acknowledged. The first wave, which
    may be empty, can be sent at once; each other one when everything before it is acknowledged.
    """
    waves: list[list[tuple[Outgoing, int]]] = [[]]
    last: dict[str, tuple[int, int]] = {}
    for event in chunk:
        rank = RANK_OF_TYPE[event.type]
        wave, before = last.get(event.account) or (0, on_their_way.get(event.account, rank))
        if rank != before:
            wave += 1
            if wave == len(waves):
                waves.append([])
        last[event.account] = (wave, rank)
        waves[wave].append((event, rank))
    return waves


def _chunks(events: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """Up to `CHUNK_EVENTS` events each; a tick is a chunk of its own."""
    rest = iter(events)
    while chunk := list(islice(rest, CHUNK_EVENTS)):
        start = 0
        for position, event in enumerate(chunk):
            if is_tick(event):
                if position > start:
                    yield chunk[start:position]
                yield [event]
                start = position + 1
        if start < len(chunk):
            yield chunk[start:]


def clock_accounts(partitions: int) -> list[str]:
    """An account name for each partition that lives there: what a tick of that partition is addressed to."""
    names: dict[int, str] = {}
    number = 0
    while len(names) < partitions:
        name = f"clock-{number}"
        names.setdefault(partition_of(name.encode(), partitions), name)
        number += 1
    return [names[partition] for partition in range(partitions)]


def _tick_event(account: str, instant: str, source: str, tick_id: str) -> bytes:
    return encode({
        "specversion": "1.0", "id": tick_id, "source": source, "type": TICK, "subject": account,
        "time": instant, "datacontenttype": "application/json", "data": {},
    })  # fmt: skip
