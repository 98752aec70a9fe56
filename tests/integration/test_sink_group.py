"""While ClickHouse is down for long, the sink stays a member of its consumer group and reads nothing twice."""

import threading
import time
from typing import Any

import pytest

from infra.settings import Settings
from infra.topics import create_topics
from schemas import topics, wire
from sinks.clickhouse import writer as module
from sinks.clickhouse.insert import Counts
from sinks.clickhouse.rows import Batch
from sinks.clickhouse.writer import Batching, Writer
from tests.sinks.samples import charge
from tests.waiting import wait_until

POLL_INTERVAL_MS = 6_000


class HeldInserter:
    """Holds each batch until `gate` opens."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.gate = threading.Event()
        self.taken: list[int] = []

    def insert(self, batch: Batch) -> bool:
        self.gate.wait()
        self.taken.append(batch.rows)
        return True


@pytest.mark.kafka
@pytest.mark.slow
def test_a_batch_that_waits_for_long_does_not_cost_the_membership(
    kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from confluent_kafka import Producer

    monkeypatch.setattr(module, "LIFE_SIGN_S", 0.5)
    create_topics(kafka_settings)
    name = kafka_settings.topic(topics.CHARGES)
    producer = Producer(kafka_settings.kafka_client_config(quiet=True))
    for number in range(40):
        producer.produce(name, wire.encode([charge(number)]), b"", 0)
    producer.flush()
    kafka = kafka_settings.kafka_client_config() | {
        "max.poll.interval.ms": POLL_INTERVAL_MS,
        "session.timeout.ms": POLL_INTERVAL_MS,
    }
    stop, held = threading.Event(), HeldInserter()
    inserter: Any = held
    sink = Writer(
        kafka, "group", {name: topics.CHARGES}, inserter, stop, Batching(rows_max=10, linger_s=0.05)
    )
    thread = threading.Thread(target=sink.run)
    thread.start()

    begun_s = time.monotonic()
    wait_until(
        lambda: time.monotonic() - begun_s > 1.5 * POLL_INTERVAL_MS / 1_000, "longer than the group waits"
    )
    held.gate.set()
    wait_until(lambda: sink.committed_messages == 40, "everything is committed")
    stop.set()
    thread.join(30)

    assert sum(held.taken) == 40
