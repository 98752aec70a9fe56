"""One and two real workers on a real broker, killed with -9 under load: everything is there once, nothing twice."""

from __future__ import annotations

import random
import threading
from itertools import chain
from subprocess import Popen

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from bench import load
from infra.parts.worker import core_fold, load_book
from infra.settings import Settings
from infra.topics import create_topics
from streams.worker.ports import Names
from tests.chaos.audit import compare, undisturbed
from tests.chaos.journals import Journal
from tests.chaos.simulation import NAMES, Broker
from tests.servers import start_part
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

EVENTS, ACCOUNTS = 40_000, 200
# Records in a transaction, so that the journal has control records between them as the real one has.
TRANSACTION = 5


def _journal(settings: Settings) -> Journal:
    journal: Journal = {partition: [] for partition in range(settings.partitions)}
    events = chain(load.openings(ACCOUNTS), load.requests(EVENTS, ACCOUNTS))
    for partition, value in load.packed(events, settings.partitions, size=100):
        journal[partition].append(value)
    return journal


def _write(settings: Settings, journal: Journal, part: slice) -> None:
    """Write a part of every partition's records, in transactions; each fifth transaction is aborted first."""
    producer = Producer({**settings.kafka_client_config(), "transactional.id": settings.group("writer")})
    producer.init_transactions()
    for number in range(0, max(map(len, journal.values())), TRANSACTION):
        for attempt in ("abort", "commit") if number % (5 * TRANSACTION) == 0 else ("commit",):
            producer.begin_transaction()
            for partition, records in journal.items():
                for value in records[part][number : number + TRANSACTION]:
                    producer.produce(settings.topic("journal"), value, partition=partition)
            producer.flush()
            getattr(producer, f"{attempt}_transaction")()


class Workers:
    """The worker processes of a test."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings = settings
        self._processes: dict[int, Popen[bytes]] = {index: self._start(index) for index in range(count)}

    def _start(self, index: int) -> Popen[bytes]:
        return start_part(self._settings, f"worker-{index}")

    def kill(self, index: int) -> None:
        """`kill -9`, and start it again."""
        process = self._processes[index]
        assert process.poll() is None, f"worker {index} ended by itself with {process.returncode}"
        process.kill()
        process.wait()
        self._processes[index] = self._start(index)

    def add(self, index: int) -> None:
        """One more worker."""
        self._processes[index] = self._start(index)

    def stop(self) -> None:
        """End them all; a clean stop is 0."""
        for process in self._processes.values():
            process.terminate()
        codes = [process.wait(20) for process in self._processes.values()]
        assert codes == [0] * len(codes)


def _is_committed(settings: Settings, last: dict[int, int]) -> bool:
    """True when the group has committed every partition beyond its last record."""
    consumer = Consumer({**settings.kafka_client_config(), "group.id": settings.group("worker")})
    partitions = [TopicPartition(settings.topic("journal"), partition) for partition in last]
    committed = consumer.committed(partitions, 30)
    consumer.close()
    return all(each.offset > last[each.partition] for each in committed)


def _last_offsets(settings: Settings) -> dict[int, int]:
    """The offset of the last committed record of each journal partition."""
    logs = _read(settings, settings.topic("journal"))
    return {partition: records[-1][0] for partition, records in logs.items()}


def _read(settings: Settings, topic: str) -> dict[int, list[tuple[int, str | None, bytes]]]:
    own = {
        "group.id": "audit",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    }
    consumer = Consumer({**settings.kafka_client_config(), **own})
    found: dict[int, list[tuple[int, str | None, bytes]]] = {p: [] for p in range(settings.partitions)}
    consumer.assign([TopicPartition(topic, partition, 0) for partition in found])
    todo = set(found)
    while todo:
        for message in consumer.consume(5_000, 1.0):
            if message.error():
                todo.discard(message.partition())
            else:
                key, value = message.key(), message.value() or b""
                found[message.partition() or 0].append(
                    (message.offset() or 0, key.decode() if key else None, value)
                )
    consumer.close()
    return found


def _audit(settings: Settings, journal: Journal) -> list[str]:
    broker = Broker(journal)
    named = Names.within(settings.topic)
    for field in named.__dataclass_fields__:
        if field != "journal":
            for partition, records in _read(settings, getattr(named, field)).items():
                broker.logs[(getattr(NAMES, field), partition)] = [(key, value) for _, key, value in records]
    # Offsets in the state are Kafka's, with the control records between; everything else must agree.
    expected = undisturbed(journal, core_fold(load_book(settings)))
    assert len(expected[NAMES.charges]) > EVENTS
    del expected["states"]
    return compare(broker, expected)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.timeout(180)
def test_kill_9_under_load_loses_and_doubles_nothing(kafka_settings: Settings, count: int) -> None:
    settings = kafka_settings.model_copy(update={"workers": count})
    create_topics(settings)
    journal = _journal(settings)
    half = max(map(len, journal.values())) // 2
    draw = random.Random(count)
    pause = threading.Event()

    _write(settings, journal, slice(0, half))
    workers = Workers(settings, 1)
    writer = threading.Thread(target=_write, args=(settings, journal, slice(half, None)))
    writer.start()
    if count == 2:
        workers.add(1)
    for _ in range(3):
        pause.wait(draw.uniform(0.2, 1.5))
        workers.kill(draw.randrange(count))
    writer.join()
    last = _last_offsets(settings)
    wait_until(lambda: _is_committed(settings, last), "everything is committed", timeout_s=60, every_s=0.5)
    workers.stop()

    assert _audit(settings, journal) == []
