"""The way out: confluent-kafka, idempotent and acknowledged by all replicas. Outputs and changelogs go through it.

Faust's own producer is neither idempotent by default nor fast, its flush gives up after 100 ms without progress
and a failed changelog send is only logged (tests/streams/test_faust_facts.py): nothing of ours depends on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, Producer

from streams.worker.ports import SendFailed

# Records in the buffer above which the worker waits; far below the queue's own bounds, which are never met.
ROOM_RECORDS = 50_000
_POLL_S = 0.002

_CONFIG: dict[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    "linger.ms": 5,
    "batch.size": 1_000_000,
    "message.max.bytes": 16_000_000,
    "queue.buffering.max.messages": 2_000_000,
    "queue.buffering.max.kbytes": 1_000_000,
    # A broker that is away this long ends the process; it starts again and folds again.
    "message.timeout.ms": 120_000,
    # A million reports of success a minute would cost more than they tell: the queue's length tells it too.
    "delivery.report.only.error": True,
}


class KafkaSender:
    """Sends records in order and says when all of them are durable. `config`: how to reach the brokers."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._failure: KafkaError | None = None
        own = {"on_delivery": self._on_delivery, "error_cb": self._on_error}
        self._producer = Producer({**_CONFIG, **config, **own})
        self._produce = self._producer.produce

    def _on_delivery(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._failure = error

    def _on_error(self, error: KafkaError) -> None:
        # Others are reports of what librdkafka mends by itself.
        if error.fatal():
            self._failure = error

    def send(self, topic: str, partition: int, key: str | None, value: bytes) -> None:
        """Hand over one record; see `ports.Sender`."""
        while True:
            try:
                self._produce(topic, value, key, partition)
            except BufferError:
                # `room` keeps the queue below its bound; only one step's own output can be larger.
                self._producer.poll(0.05)
                self._check()
            else:
                return

    async def room(self) -> None:
        """Wait until fewer than `ROOM_RECORDS` are on their way."""
        self._producer.poll(0)
        self._check()
        while len(self._producer) > ROOM_RECORDS:
            await asyncio.sleep(_POLL_S)
            self._producer.poll(0)
            self._check()

    async def delivered(self) -> None:
        """Wait until everything sent so far is durable; SendFailed when something is not."""
        while self._producer.flush(0):
            self._check()
            await asyncio.sleep(_POLL_S)
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise SendFailed(f"Kafka did not take a record: {self._failure.str()}")
