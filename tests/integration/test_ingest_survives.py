"""Killed, doubled and robbed of its index, ingest writes each event to the journal once, in the order of the inputs."""

import dataclasses
import json
import random
import shutil
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Self

import pytest
from confluent_kafka import Producer, TopicPartition

from infra.parts.ingest import ingest_config
from infra.settings import Settings
from infra.topics import create_topics
from schemas.journal import decode_record
from schemas.topics import ACCOUNT_EVENTS, INPUTS, JOURNAL_TOPIC, PAYMENT_EVENTS, USAGE_EVENTS
from streams.ingest.errors import StoodStill
from streams.ingest.group import Group
from streams.ingest.loop import run, wall_ms
from tests.integration.ingest_kafka import (
    IngestProcesses,
    counted,
    ends_of,
    ids_of,
    in_order_of_appending,
    producer_of,
    read_journal,
    read_topic,
    rejections_of,
    wait_until_read,
)
from tests.streams.ingest_fakes import event_bytes
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

ACCOUNTS = 50


@pytest.fixture
def ingest(kafka_settings: Settings) -> Iterator[IngestProcesses]:
    create_topics(kafka_settings)
    kafka_settings.data_dir.mkdir(parents=True, exist_ok=True)
    processes = IngestProcesses(kafka_settings)
    yield processes
    processes.kill_all()


def test_an_input_that_brings_nothing_ends_the_process(
    kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_topics(kafka_settings)
    producer = producer_of(kafka_settings)
    producer.produce(kafka_settings.topic(ACCOUNT_EVENTS), event_bytes())
    producer.flush()
    start = Group._start

    def start_without_accounts(group: Group, *opened: Any) -> None:
        start(group, *opened)
        inputs = [TopicPartition(kafka_settings.topic(ACCOUNT_EVENTS), p) for p in group.parts]
        group.consumer.pause(inputs)

    monkeypatch.setattr(Group, "_start", start_without_accounts)
    config = dataclasses.replace(ingest_config(kafka_settings), liveness_s=1.0)

    with pytest.raises(StoodStill, match="nothing came for 1 s"):
        run(config, threading.Event(), on_ready=lambda: None)


class Load:
    """Sends events in the background: some twice, some rubbish, some conflicts, some to other topics."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.sent = 0
        self._settings, self._random = settings, random.Random(seed)
        self._producer: Producer = producer_of(settings)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        assert self._producer.flush(60) == 0

    def _run(self) -> None:
        number = 0
        while not self._done.is_set():
            for _ in range(200):
                number += 1
                self._send_one(number)
            self._producer.poll(0)
            self._done.wait(0.02)

    def _send_one(self, number: int) -> None:
        account, draw = f"acct-{number % ACCOUNTS}", self._random.random()
        event = event_bytes(f"e{number}", account=account, time_ms=wall_ms())
        copies = [event]
        if draw < 0.1:
            copies = [event, event]
        elif draw < 0.12:
            copies = [
                event,
                event_bytes(f"e{number}", account=account, time_ms=wall_ms(), request="other", model="m"),
            ]
        elif draw < 0.14:
            copies = [b"rubbish"]
        for value in copies:
            self.sent += 1
            self._producer.produce(self._settings.topic(USAGE_EVENTS), key=account, value=value)
        if number % 10 == 0:
            value = event_bytes(
                f"k{number}", kind="key.created", account=account, time_ms=wall_ms(), key=f"k{number}"
            )
            self.sent += 1
            self._producer.produce(self._settings.topic(ACCOUNT_EVENTS), key=account, value=value)


def expected_ids(settings: Settings) -> list[list[str]]:
    """What the journal must hold, by partition: the first of each identity, in the order of appending."""
    expected = []
    for messages in in_order_of_appending(settings):
        ids = [json.loads(m.value() or b"")["id"] for m in messages if m.value() != b"rubbish"]
        expected.append(list(dict.fromkeys(ids)))
    return expected


def check_all(settings: Settings, sent: int) -> None:
    """Nothing is lost, nothing doubled, all is in order and counted."""
    counters = wait_until_read(settings, sent)
    journal = read_journal(settings)
    ids = [ids_of(records) for records in journal]
    assert ids == expected_ids(settings)
    for records in journal:
        clocks = [record.clock for record in records]
        assert clocks == sorted(clocks)
    rejections = rejections_of(settings)
    assert len({rejection["id"] for rejection in rejections}) == len(rejections)
    assert counters.read == sent == counters.accepted + counters.duplicates + counters.rejected
    assert (counters.accepted, counters.rejected) == (sum(map(len, ids)), len(rejections))


def test_killed_five_times_under_load_and_once_without_its_index(
    kafka_settings: Settings, ingest: IngestProcesses
) -> None:
    chance = random.Random(7)
    ingest.start()
    with Load(kafka_settings, seed=1) as load:
        for kill in range(5):
            before = counted(kafka_settings).read
            target = before + chance.randint(1, 5_000)
            wait_until_read(kafka_settings, target)
            ingest.kill()
            if kill == 2:
                shutil.rmtree(kafka_settings.state_dir / "ingest")
            ingest.start()

    check_all(kafka_settings, load.sent)
    assert ingest.stop() == 0


def test_an_index_that_is_rubbish_is_made_anew(kafka_settings: Settings, ingest: IngestProcesses) -> None:
    producer, topic = producer_of(kafka_settings), kafka_settings.topic(USAGE_EVENTS)
    values = [event_bytes(f"e{n}", time_ms=wall_ms()) for n in range(100)]
    for value in values:
        producer.produce(topic, key="acct-1", value=value)
    producer.flush()
    ingest.start()
    wait_until_read(kafka_settings, 100)
    assert ingest.stop() == 0

    for current in (kafka_settings.state_dir / "ingest").glob("*/CURRENT"):
        current.write_bytes(b"rubbish")
    ingest.start()
    for value in values:
        producer.produce(topic, key="acct-1", value=value)
    producer.flush()

    counters = wait_until_read(kafka_settings, 200)
    assert (counters.accepted, counters.duplicates) == (100, 100)


def test_an_index_of_another_journal_stops_ingest(kafka_settings: Settings, ingest: IngestProcesses) -> None:
    producer, topic = producer_of(kafka_settings), kafka_settings.topic(USAGE_EVENTS)
    producer.produce(topic, key="acct-1", value=event_bytes("e", time_ms=wall_ms()))
    producer.flush()
    ingest.start()
    wait_until_read(kafka_settings, 1)
    assert ingest.stop() == 0

    from confluent_kafka.admin import AdminClient

    admin = AdminClient(kafka_settings.kafka_client_config())
    for answer in admin.delete_topics([kafka_settings.topic(JOURNAL_TOPIC)]).values():
        answer.result()
    wait_until(lambda: _created(kafka_settings), "the journal is created anew")
    ingest.start()
    process = ingest.running[0]

    assert wait_until(process.poll, "ingest ends", timeout_s=60) == 1
    log = (kafka_settings.data_dir / "ingest-0.log").read_text()
    assert "journal" in log


def _created(settings: Settings) -> bool:
    from infra.errors import CommandFailed

    try:
        return bool(create_topics(settings))
    except CommandFailed:
        return False


def test_two_processes_share_the_partitions_and_one_takes_over(
    kafka_settings: Settings, ingest: IngestProcesses
) -> None:
    ingest.start(0)
    ingest.start(1)
    with Load(kafka_settings, seed=2) as load:
        wait_until(lambda: load.sent > 3_000, "load")
        wait_until(lambda: _owners(kafka_settings) == [2, 2], "each has two partitions", timeout_s=60)
        wait_until_read(kafka_settings, load.sent)
        ingest.kill(1)
        wait_until(lambda: _owners(kafka_settings) == [4], "one has all", timeout_s=60)
        wait_until_read(kafka_settings, load.sent)
        ingest.start(1)
        wait_until(lambda: _owners(kafka_settings) == [2, 2], "each has two partitions again", timeout_s=60)

    check_all(kafka_settings, load.sent)


def _owners(settings: Settings) -> list[int]:
    """How many partitions each member of the group has."""
    from confluent_kafka.admin import AdminClient

    group = settings.group("ingest")
    admin = AdminClient(settings.kafka_client_config())
    members = admin.describe_consumer_groups([group])[group].result().members
    return sorted(len(m.assignment.topic_partitions) // len(INPUTS) for m in members if m.assignment)


def test_a_backlog_of_three_topics_is_taken_in_the_order_of_appending(
    kafka_settings: Settings, ingest: IngestProcesses
) -> None:
    producer, sent = producer_of(kafka_settings), 0
    # While ingest is down: each account opens, pays and is used, in this order, with much usage in between.
    for number in range(40):
        account = f"acct-{number}"
        opened = {"kind": "account.opened", "profile": "flexai", "email": "a@b.c"}
        paid = {
            "kind": "payment.succeeded",
            "payment": f"p{number}",
            "method": "card",
            "amount": "5",
            "currency": "USD",
        }
        story = [
            (ACCOUNT_EVENTS, "a", opened),
            (PAYMENT_EVENTS, "p", paid),
            *[(USAGE_EVENTS, f"u{n}-", {}) for n in range(200)],
        ]
        for topic, prefix, fields in story:
            value = event_bytes(f"{prefix}{number}", account=account, time_ms=wall_ms(), **fields)
            producer.produce(kafka_settings.topic(topic), key=account, value=value)
            sent += 1
            if topic != USAGE_EVENTS:
                producer.flush()
    producer.flush()
    assert sum(ends_of(kafka_settings, USAGE_EVENTS)) == 8_000

    ingest.start()
    check_all(kafka_settings, sent)

    for records in read_journal(kafka_settings):
        first: dict[str, list[str]] = {}
        for record in records:
            for raw in record.events:
                event = json.loads(bytes(raw))
                first.setdefault(event["subject"], []).append(event["type"])
        assert all(kinds[:2] == ["account.opened", "payment.succeeded"] for kinds in first.values())


def test_an_idle_partition_ticks_each_second(kafka_settings: Settings, ingest: IngestProcesses) -> None:
    ingest.start()

    wait_until(
        lambda: all(end >= 6 for end in ends_of(kafka_settings, JOURNAL_TOPIC)),
        "three ticks each",
        timeout_s=60,
    )

    for messages in read_topic(kafka_settings, JOURNAL_TOPIC):
        clocks = [decode_record(m.value() or b"").clock for m in messages]
        assert all(later - earlier >= 1_000 for earlier, later in pairwise(clocks))
