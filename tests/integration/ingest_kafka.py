"""What the integration tests of ingest share: producing, reading whole topics, and counting."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.processes import dies_with_parent
from infra.settings import Settings
from schemas.journal import JournalRecord, decode_record
from schemas.topics import INPUTS, JOURNAL_TOPIC, REJECTIONS
from streams.ingest.counters import Counters, counters_of
from streams.ingest.topics import Ends
from tests.waiting import wait_until

T = TypeVar("T")


def producer_of(settings: Settings) -> Producer:
    """A producer as the documentation asks for."""
    config = {"partitioner": "murmur2_random", "linger.ms": 5, "message.max.bytes": 3_000_000, "log_level": 0}
    return Producer({**settings.kafka_client_config(), **config})


def _patiently(question: Callable[[], T]) -> T:
    """The answer, once the broker gives one: after it started or made a topic it refuses for a moment."""
    answers: list[T] = []

    def is_answered() -> bool:
        try:
            answers.append(question())
        except KafkaException:
            return False
        return True

    wait_until(is_answered, "the broker answers")
    return answers[0]


def ends_of(settings: Settings, topic: str) -> list[int]:
    """The end offsets of `topic`, by partition."""
    name = settings.topic(topic)
    places = [(name, p) for p in range(settings.partitions)]
    admin = AdminClient(settings.kafka_client_config())
    found = _patiently(lambda: Ends(admin, places, IsolationLevel.READ_COMMITTED).result())
    return [found[place] for place in places]


def read_topic(settings: Settings, topic: str) -> list[list[Message]]:
    """Everything that is committed in `topic`, by partition."""
    config = {"group.id": "test", "enable.partition.eof": True, "isolation.level": "read_committed"}
    reader = Consumer({**settings.kafka_client_config(), **config, "auto.offset.reset": "earliest"})
    reader.assign([TopicPartition(settings.topic(topic), p, 0) for p in range(settings.partitions)])
    found: list[list[Message]] = [[] for _ in range(settings.partitions)]
    ended: set[int] = set()
    while len(ended) < settings.partitions:
        for message in reader.consume(1_000, timeout=1):
            if message.error() is not None:
                ended.add(message.partition() or 0)
            else:
                found[message.partition() or 0].append(message)
    reader.close()
    return found


def read_journal(settings: Settings) -> list[list[JournalRecord]]:
    """The journal's records, by partition."""
    return [
        [decode_record(m.value() or b"") for m in messages]
        for messages in read_topic(settings, JOURNAL_TOPIC)
    ]


def ids_of(records: Iterable[JournalRecord]) -> list[str]:
    """The ids of the events in `records`, in their order."""
    return [json.loads(bytes(raw))["id"] for record in records for raw in record.events]


def rejections_of(settings: Settings) -> list[dict[str, object]]:
    """Every rejection, parsed."""
    return [json.loads(m.value() or b"") for messages in read_topic(settings, REJECTIONS) for m in messages]


def in_order_of_appending(settings: Settings) -> list[list[Message]]:
    """The messages of the three inputs as one order, by partition."""
    ordered = []
    by_topic = [read_topic(settings, topic) for topic in INPUTS]
    for p in range(settings.partitions):
        ranked = [
            (m.timestamp()[1], rank, m.offset(), m) for rank, topic in enumerate(by_topic) for m in topic[p]
        ]
        ordered.append([one[3] for one in sorted(ranked, key=lambda one: one[:3])])
    return ordered


def counted(settings: Settings) -> Counters:
    """The sum of the committed counters of all inputs."""
    config = {"group.id": settings.group("ingest"), "isolation.level": "read_committed"}
    reader = Consumer({**settings.kafka_client_config(), **config})
    places = [
        TopicPartition(settings.topic(topic), p) for topic in INPUTS for p in range(settings.partitions)
    ]
    total = Counters()
    for place in _patiently(lambda: reader.committed(places, timeout=10)):
        one = counters_of(place.metadata)
        total = Counters(*(a + b for a, b in zip(_values(total), _values(one), strict=True)))
    reader.close()
    return total


def _values(counters: Counters) -> tuple[int, int, int, int]:
    return counters.read, counters.accepted, counters.duplicates, counters.rejected


def wait_until_read(settings: Settings, events: int, *, timeout_s: float = 60.0) -> Counters:
    """The counters, as soon as `events` were read."""
    wait_until(
        lambda: counted(settings).read >= events,
        f"{events} events are read",
        timeout_s=timeout_s,
        every_s=0.2,
    )
    return counted(settings)


@dataclass
class IngestProcesses:
    """Ingest processes of one pipeline, by index, that can be killed and started again."""

    settings: Settings
    running: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, index: int = 0) -> None:
        """Start process `index`; it need not be ready when this returns."""
        code = f"from infra.settings import load_settings; from infra.parts.ingest import main; main(load_settings(), {index})"
        with (self.settings.data_dir / f"ingest-{index}.log").open("ab") as log:
            self.running[index] = subprocess.Popen(
                [sys.executable, "-c", code],
                env=os.environ | self.settings.to_env(),
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_parent(),  # noqa: PLW1509 - must not outlive a killed test run
            )

    def kill(self, index: int = 0) -> None:
        """`kill -9`."""
        process = self.running.pop(index)
        process.kill()
        process.wait()

    def stop(self, index: int = 0) -> int:
        """SIGTERM; the exit code."""
        process = self.running.pop(index)
        process.terminate()
        return process.wait(30)

    def kill_all(self) -> None:
        """End whatever still runs."""
        for index in list(self.running):
            self.kill(index)
