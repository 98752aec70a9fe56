"""Topics from end to end, for an audit: no consumer group, nothing committed, what is not committed is not seen."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from infra.errors import CommandFailed
from infra.kafka.positions import committed
from infra.settings import Settings

TIMEOUT_S: Final = 15.0
_READ_MESSAGES: Final = 5_000
# `consume` waits for its whole time unless it gets as many messages, at the end of a partition too.
_READ_S: Final = 0.03
# Without a message for so long the broker is given up.
_IDLE_S: Final = 30.0
_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]
# librdkafka's own errors bear such names.
_END_OF_PARTITION: Final = KafkaError._PARTITION_EOF  # noqa: SLF001
_TIMED_OUT: Final = KafkaError._TIMED_OUT  # noqa: SLF001
_READER: Final[dict[str, Any]] = {
    "group.id": "meterstream-audit",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    # Offset 0 may be gone; asking for the beginning instead costs half a second each time.
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 20,
    "queued.max.messages.kbytes": 131_072,
}

Place = tuple[str, int]


class Record(NamedTuple):
    """One Kafka record."""

    offset: int
    key: bytes
    value: bytes
    time_ms: int


class Committed(NamedTuple):
    """How far a group is in one partition, and what it noted with it."""

    offset: int
    metadata: str | None


class Topics:
    """The topics of one namespace. Raises KafkaException where the broker does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._config = {**_READER, **settings.kafka_client_config(quiet=True)}
        self._admin = AdminClient(settings.kafka_client_config(quiet=True))
        self._members: dict[str, Consumer] = {}
        self._last: dict[tuple[str, int, int], int] = {}

    def partitions(self, topic: str) -> int:
        """How many partitions `topic` has; raises CommandFailed where there is no such topic."""
        name = self._settings.topic(topic)
        found = self._admin.list_topics(timeout=TIMEOUT_S).topics.get(name)
        if found is None or not found.partitions:
            raise CommandFailed(f"topic {name} does not exist: start the pipeline first (meterstream up)")
        return len(found.partitions)

    def ends(self, topics: Iterable[str], partitions: int) -> dict[Place, int]:
        """Where each partition of each topic ends now: the offset after the last committed transaction."""
        names = {self._settings.topic(topic): topic for topic in topics}
        wanted = {TopicPartition(name, p): _LATEST for name in names for p in range(partitions)}
        answers = self._admin.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=TIMEOUT_S
        )
        return {(names[tp.topic], tp.partition): answer.result().offset for tp, answer in answers.items()}

    def committed(self, group: str, topics: Iterable[str], partitions: int) -> dict[Place, Committed]:
        """What consumer group `group` has committed in `topics`; offset -1 where nothing."""
        names = {self._settings.topic(topic): topic for topic in topics}
        wanted = [TopicPartition(name, p) for name in names for p in range(partitions)]
        found = committed(self._member(group), wanted, TIMEOUT_S)
        return {(names[tp.topic], tp.partition): Committed(max(tp.offset, -1), tp.metadata) for tp in found}

    def _member(self, group: str) -> Consumer:
        """A client that may ask for the group's positions; it never joins.

        Not the admin client: where the broker has no group coordinator yet, its `list_consumer_group_offsets`
        ends the process with a segmentation fault (librdkafka 2.16.0, a broker fresh from formatting).
        """
        if group not in self._members:
            # Uncommitted: what a killed ingest left open must not hold up the question.
            own = {"group.id": self._settings.group(group), "isolation.level": "read_uncommitted"}
            self._members[group] = Consumer({**self._config, **own})
        return self._members[group]

    def read(self, topic: str, partition: int, end: int, start: int = 0) -> Iterator[Record]:
        """The records of one partition from `start` to before `end`, in order."""
        if end <= start:
            return
        consumer = Consumer(self._config)
        try:
            consumer.assign([TopicPartition(self._settings.topic(topic), partition, start)])
            heard_s = time.monotonic()
            while True:
                messages = consumer.consume(_READ_MESSAGES, timeout=_READ_S)
                now_s = time.monotonic()
                if messages:
                    heard_s = now_s
                elif now_s - heard_s > _IDLE_S:
                    raise KafkaException(KafkaError(_TIMED_OUT, f"{topic}: no records for {_IDLE_S:g} s"))
                for message in messages:
                    error, offset = message.error(), message.offset()
                    if error is not None:
                        if error.code() != _END_OF_PARTITION:
                            raise KafkaException(error)
                        # The client is at the end of what is committed, which is at or past `end`.
                        return
                    if offset is None or offset >= end:
                        return
                    yield Record(offset, message.key() or b"", message.value() or b"", message.timestamp()[1])
                    if offset == end - 1:
                        return
        finally:
            consumer.close()

    def last_offset(self, topic: str, partition: int, end: int) -> int:
        """Offset of the last record before `end`, -1 where there is none: marks of transactions are no records."""
        place = (topic, partition, end)
        if place not in self._last:
            self._last[place] = self._find_last(*place)
        return self._last[place]

    def _find_last(self, topic: str, partition: int, end: int) -> int:
        back = 2
        while True:
            start = max(0, end - back)
            last = -1
            for record in self.read(topic, partition, end, start):
                last = record.offset
            if last >= 0 or start == 0:
                return last
            back *= 8
