"""The sink: output topics of Kafka land in ClickHouse, each record once in what readers see.

Promises: an offset is committed only after ClickHouse has acknowledged the rows of everything before it, so
nothing is lost; what is read again after a crash or a rebalance gives identical rows, which the tables keep
once. While ClickHouse is down rows wait in Kafka. A record that cannot be stored becomes a dead letter and
holds up nothing.

Two threads: this one reads the next batch while the other inserts the one before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaMessage

from sinks.clickhouse.insert import Inserter
from sinks.clickhouse.rows import Batch, Message

log = logging.getLogger(__name__)

POLL_S: Final = 0.1
MESSAGES_A_POLL: Final = 2_000
# The group must hear from us while a long insert runs (max.poll.interval.ms is 300 s).
LIFE_SIGN_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Batching:
    """When a batch goes out: at `rows_max` rows, at `bytes_max` bytes of records, or `linger_s` after its first record."""

    rows_max: int = 50_000
    bytes_max: int = 64 << 20
    linger_s: float = 1.0


CONSUMER: Final[Mapping[str, str | int | bool]] = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    # Outputs of ingest are transactional.
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 50,
    "queued.max.messages.kbytes": 65_536,
    "topic.metadata.refresh.interval.ms": 5_000,
}


class Writer:
    """Reads the output topics in one consumer group and writes them with an `Inserter`."""

    def __init__(
        self,
        kafka: Mapping[str, Any],
        group: str,
        topics: Mapping[str, str],
        inserter: Inserter,
        stop: threading.Event,
        batching: Batching | None = None,
    ) -> None:
        """`kafka`: client settings; `topics`: Kafka's names → the names of `schemas.topics`; `stop` ends `run`."""
        self._consumer = Consumer({**CONSUMER, **kafka, "group.id": group})
        self._topics = topics
        self._inserter = inserter
        self.counts = inserter.counts
        self._stop = stop
        self._batching = batching or Batching()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="insert")
        self._begin()
        self._pending: Future[bool] | None = None
        self._pending_offsets: dict[tuple[str, int], int] = {}
        self._pending_messages = 0
        self.committed_messages = 0

    def run(self) -> None:
        """Write until `stop` is set; what is in hand then goes out first, unless ClickHouse is down."""
        self._consumer.subscribe(list(self._topics), on_revoke=self._revoked, on_lost=self._revoked)
        try:
            while not self._stop.is_set():
                self._read()
                if self._is_due():
                    self._flush()
            self._finish()
        finally:
            self._thread.shutdown(wait=True, cancel_futures=True)
            self._consumer.close()

    # --- reading

    def _begin(self) -> None:
        self._batch = Batch()
        self._offsets: dict[tuple[str, int], int] = {}
        self._messages = 0
        self._begun_s = 0.0

    def _read(self) -> None:
        for message in self._consumer.consume(MESSAGES_A_POLL, POLL_S):
            self._take(message)
            if self._batch.rows >= 2 * self._batching.rows_max:
                # Small messages may hold many rows: memory stays bounded.
                self._flush()
        if self._pending is not None and self._pending.done():
            self._commit_pending()

    def _take(self, message: KafkaMessage) -> None:
        error = message.error()
        if error is not None:
            _judge(error)
            return
        topic, partition, offset = (
            str(message.topic()),
            int(message.partition() or 0),
            int(message.offset() or 0),
        )
        if not self._offsets:
            self._begun_s = time.monotonic()
        value = message.value()
        taken = Message(self._topics[topic], partition, offset, message.timestamp()[1], value)
        for _ in self._batch.take(taken):
            # The reason may quote the record: it is in the table, not in the log.
            log.error("a dead letter of %s, partition %d, offset %d", topic, partition, offset)
        self._offsets[topic, partition] = offset + 1
        self._messages += 1

    def _is_due(self) -> bool:
        limits = self._batching
        if not self._offsets:
            return False
        full = self._batch.rows >= limits.rows_max or self._batch.bytes >= limits.bytes_max
        return full or time.monotonic() - self._begun_s >= limits.linger_s

    # --- writing

    def _flush(self) -> None:
        """Hand the batch to the other thread, after the one before is stored and committed."""
        if not self._await_pending():
            return
        self._pending = self._thread.submit(self._inserter.insert, self._batch)
        self._pending_offsets, self._pending_messages = self._offsets, self._messages
        self._begin()

    def _await_pending(self) -> bool:
        """Wait for the batch that is being inserted; False where it will not be stored."""
        while self._pending is not None:
            wait([self._pending], timeout=LIFE_SIGN_S)
            if self._pending.done():
                return self._commit_pending()
            self._say_alive()
        return True

    def _say_alive(self) -> None:
        """Poll without taking anything, so that the group keeps this member. A rebalance may happen in it."""
        held = self._consumer.assignment()
        self._consumer.pause(held)
        message = self._consumer.poll(0)
        if message is not None and message.error() is None:
            # It was on its way before the pause: as if it had never been read.
            self._consumer.seek(
                TopicPartition(
                    str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)
                )
            )
        self._consumer.resume(self._consumer.assignment())

    def _commit_pending(self) -> bool:
        pending, offsets = self._pending, self._pending_offsets
        self._pending, self._pending_offsets = None, {}
        if pending is None or not pending.result():
            return False
        if offsets:
            ends = [
                TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()
            ]
            try:
                self._consumer.commit(offsets=ends, asynchronous=False)
                self.committed_messages += self._pending_messages
            except KafkaException as error:
                # They are read again; the rows are the same.
                log.warning("offsets were not committed: %s", error)
        return True

    def _finish(self) -> None:
        # `stop` ends the waiting for a ClickHouse that is down; one that answers takes the rest.
        if self._await_pending() and self._offsets:
            self._flush()
            self._await_pending()

    def _revoked(self, _: Consumer, __: list[TopicPartition]) -> None:
        """Partitions go: what was read and not yet handed over is read again by whoever gets them."""
        if self._pending is not None and self._pending.done():
            self._commit_pending()
        # A batch that is still being inserted is finished, but its offsets are no longer ours to commit.
        self._pending_offsets = {}
        self._begin()


def _judge(error: KafkaError) -> None:
    if error.fatal():
        raise KafkaException(error)
    log.warning("Kafka: %s", error.str())
