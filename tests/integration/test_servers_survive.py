"""`kill -9` of the broker and of the engine: what was acknowledged is there afterwards."""

import os
import signal
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.settings import Settings
from tests.servers import own_settings, start_part, stop_part
from tests.waiting import wait_until


def produce_until(settings: Settings, count: int) -> list[int]:
    """Send numbers one after another; those that the broker acknowledged, `count` at least."""
    acknowledged: list[int] = []

    def delivered(error: object, message: Message) -> None:
        value = message.value()
        if error is None and value is not None:
            acknowledged.append(int(value))

    producer = Producer(settings.kafka_client_config(quiet=True) | {"enable.idempotence": True})
    number = 0
    while len(acknowledged) < count:
        producer.produce("numbers", value=str(number), on_delivery=delivered)
        producer.poll(0)
        number += 1
        if number % 500 == 0:
            producer.poll(0.01)
    producer.purge(in_flight=False)
    return acknowledged


def consume_all(settings: Settings, expected: int) -> set[int]:
    config = settings.kafka_client_config() | {"group.id": "reader"}
    consumer = Consumer(config)
    consumer.assign([TopicPartition("numbers", 0, 0)])
    found: set[int] = set()

    def read() -> bool:
        for message in consumer.consume(10_000, timeout=0.2):
            value = message.value()
            if message.error() is None and value is not None:
                found.add(int(value))
        return len(found) >= expected

    wait_until(read, f"{expected} records are read", timeout_s=60)
    consumer.close()
    return found


@pytest.mark.kafka
@pytest.mark.slow
def test_the_broker_keeps_what_it_acknowledged_when_it_is_killed(tmp_path: Path) -> None:
    settings = own_settings(tmp_path)
    broker = start_part(settings, "kafka")
    admin = AdminClient(settings.kafka_client_config(quiet=True))
    admin.create_topics([NewTopic("numbers", num_partitions=1, replication_factor=1)])["numbers"].result(10)

    acknowledged = produce_until(settings, 20_000)
    os.kill(broker.pid, signal.SIGKILL)
    broker.wait()
    broker = start_part(settings, "kafka")

    try:
        assert set(acknowledged) <= consume_all(settings, len(acknowledged))
    finally:
        stop_part(broker)


@pytest.mark.clickhouse
@pytest.mark.slow
def test_the_engine_keeps_what_it_acknowledged_when_it_is_killed(tmp_path: Path) -> None:
    settings = own_settings(tmp_path)
    dsn = settings.clickhouse_dsn.get_secret_value()
    acknowledged = 0
    for kill in range(3):
        engine = start_part(settings, "clickhouse")
        client = clickhouse_connect.get_client(dsn=dsn, query_retries=0)
        client.command("CREATE TABLE IF NOT EXISTS numbers (n UInt64) ENGINE = MergeTree ORDER BY n")
        found = client.query("SELECT n FROM numbers ORDER BY n").result_rows
        assert [row[0] for row in found][:acknowledged] == list(range(acknowledged)), f"before kill {kill}"
        # The insert that the kill interrupted may have been done: it is a whole block or nothing.
        assert len(found) - acknowledged in {0, 1_000}
        acknowledged = len(found)
        try:
            for block in range(40):
                if block == 30:
                    os.kill(engine.pid, signal.SIGKILL)
                rows = [[number] for number in range(acknowledged, acknowledged + 1_000)]
                client.insert("numbers", rows, column_names=["n"])
                acknowledged += 1_000
        except ClickHouseError:
            engine.wait()
        stop_part(engine)

    assert acknowledged >= 90_000
