"""A worker that meets what cannot be ends with 70 and acknowledges nothing; a wanted stop ends with 0."""

from __future__ import annotations

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.parts.worker import progress_path
from infra.settings import Settings
from infra.topics import create_topics
from schemas.journal import encode_record
from streams.codec import pack_account
from streams.core.state import Account
from streams.worker.progress import Progress
from tests.servers import start_part
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture
def pipeline(kafka_settings: Settings) -> Settings:
    """A namespace with its topics."""
    create_topics(kafka_settings)
    return kafka_settings


def _produce(settings: Settings, topic: str, value: bytes, key: str | None = None) -> None:
    producer = Producer(settings.kafka_client_config())
    producer.produce(settings.topic(topic), value, key, 0)
    assert producer.flush(30) == 0


def _committed(settings: Settings) -> int:
    consumer = Consumer({**settings.kafka_client_config(), "group.id": settings.group("worker")})
    offset = consumer.committed([TopicPartition(settings.topic("journal"), 0)], 30)[0].offset
    consumer.close()
    return int(offset)


def _progress(settings: Settings) -> Progress:
    return msgspec.json.decode(progress_path(settings, 0).read_bytes(), type=Progress)


def test_a_wanted_stop_commits_and_ends_with_0(pipeline: Settings) -> None:
    process = start_part(pipeline, "worker-0")
    _produce(pipeline, "journal", encode_record(0, [b""][:0]))
    wait_until(lambda: _progress(pipeline).records == 1, "the record is folded")

    process.terminate()

    assert process.wait(20) == 0
    assert _committed(pipeline) == 1
    assert _progress(pipeline).state == "stopped"


def test_a_broken_journal_ends_the_worker_with_70_and_is_not_acknowledged(pipeline: Settings) -> None:
    process = start_part(pipeline, "worker-0")

    _produce(pipeline, "journal", encode_record(0, [b'{"no":"event"}']))

    assert process.wait(20) == 70
    assert _committed(pipeline) < 0
    assert "BrokenInvariant" in _progress(pipeline).error


def test_a_journal_made_anew_under_old_states_is_refused(pipeline: Settings) -> None:
    _produce(pipeline, "accounts", pack_account(Account("a", journal_offset=10)), "a")

    with pytest.raises(AssertionError, match="ended with 70"):
        start_part(pipeline, "worker-0")

    assert "made anew" in _progress(pipeline).error


def test_topics_that_disagree_are_refused_before_anything_starts(kafka_settings: Settings) -> None:
    create_topics(kafka_settings)
    balances = kafka_settings.topic("balances")
    admin = AdminClient(kafka_settings.kafka_client_config())
    admin.delete_topics([balances])[balances].result(30)

    with pytest.raises(AssertionError, match="balances does not exist"):
        start_part(kafka_settings, "worker-0")
