"""Kafka's two sides of an outbox: records come in, deliveries are reported."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka import Message as KafkaMessage

from sinks.outbox.items import Report, Taken

log = logging.getLogger(__name__)

POLL_S: Final = 0.2
MESSAGES_A_READ: Final = 500
FLUSH_S: Final = 10.0
CONSUMER: Final[Mapping[str, str | int | bool]] = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 50,
    "topic.metadata.refresh.interval.ms": 5_000,
}
PRODUCER: Final[Mapping[str, str | int | bool]] = {
    "enable.idempotence": True,
    "linger.ms": 5,
    "compression.type": "lz4",
    # As Java's default: an account lives in one partition everywhere.
    "partitioner": "murmur2_random",
    "message.timeout.ms": int(FLUSH_S * 1000),
}


class Reader:
    """Reads `topics` (Kafka's names → ours) in one consumer group; used by one thread at a time."""

    def __init__(self, kafka: Mapping[str, Any], group: str, topics: Mapping[str, str]) -> None:
        self._consumer = Consumer({**CONSUMER, **kafka, "group.id": group})
        self._topics = topics
        self._consumer.subscribe(list(topics))

    def read(self) -> list[Taken]:
        """What has come, as soon as something has, after `POLL_S` at the latest."""
        first = self._consumer.poll(POLL_S)
        if first is None:
            return []
        more = self._consumer.consume(MESSAGES_A_READ - 1, 0)
        return [
            Taken(self._topics[str(message.topic())], message.value() or b"")
            for message in (first, *more)
            if _is_record(message)
        ]

    def commit(self) -> None:
        """All that was read is taken care of."""
        try:
            self._consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:  # noqa: SLF001 - librdkafka's own errors bear such names
                # It is read again, and known by its id.
                log.warning("offsets were not committed: %s", error)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def _is_record(message: KafkaMessage) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.fatal():
        raise KafkaException(error)
    log.warning("Kafka: %s", error.str())
    return False


class Reporter:
    """Writes deliveries to `topic`."""

    def __init__(self, kafka: Mapping[str, Any], topic: str) -> None:
        self._producer = Producer({**PRODUCER, **kafka})
        self._topic = topic

    def send(self, reports: Sequence[Report]) -> bool:
        """True where Kafka has acknowledged all of `reports`; otherwise they are to be sent again."""
        failed: list[KafkaError] = []

        def on_delivery(error: KafkaError | None, _: KafkaMessage) -> None:
            if error is not None:
                failed.append(error)

        for report in reports:
            self._producer.produce(self._topic, report.value, report.account, on_delivery=on_delivery)
        left = self._producer.flush(FLUSH_S * 1.5)
        if left or failed:
            log.warning("deliveries are not reported yet: %s", failed[0].str() if failed else "Kafka is away")
        return not left and not failed
