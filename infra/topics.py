"""Creates the topics of `schemas.topics` in a namespace, and refuses to go on with others than those.

All topics have the same number of partitions, because an account's key must lie in the same partition
everywhere. That number cannot be changed later: Kafka would move keys.
"""

import time
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.errors import CommandFailed
from infra.settings import Settings
from schemas.topics import TOPICS

TIMEOUT_S: Final = 30.0


def create_topics(settings: Settings) -> list[str]:
    """Create what is missing and return its names (with namespace).

    Raises `CommandFailed` where a topic exists with another number of partitions, or Kafka does not answer.
    """
    admin = AdminClient(settings.kafka_client_config(quiet=True))
    try:
        listed = admin.list_topics(timeout=TIMEOUT_S).topics
        existing = {name: len(topic.partitions) for name, topic in listed.items()}
        _check_partitions(settings, existing)
        missing = [_new_topic(settings, topic.name, topic.config()) for topic in TOPICS]
        missing = [topic for topic in missing if topic.topic not in existing]
        created = _create(admin, missing)
        _wait_until_known(admin, {settings.topic(topic.name) for topic in TOPICS}, settings.partitions)
        return created
    except KafkaException as error:
        raise CommandFailed(f"Kafka at {settings.kafka_bootstrap}: {_reason(error)}") from None


def _check_partitions(settings: Settings, existing: dict[str, int]) -> None:
    for topic in TOPICS:
        name = settings.topic(topic.name)
        found = existing.get(name, settings.partitions)
        if found != settings.partitions:
            raise CommandFailed(
                f"topic {name} has {found} partitions, METERSTREAM_PARTITIONS says {settings.partitions}; "
                "the number of an existing pipeline cannot be changed"
            )


def _new_topic(settings: Settings, name: str, config: dict[str, str]) -> NewTopic:
    return NewTopic(
        settings.topic(name),
        num_partitions=settings.partitions,
        replication_factor=settings.kafka_replication,
        config=config,
    )


def _create(admin: AdminClient, topics: list[NewTopic]) -> list[str]:
    if not topics:
        return []
    created = []
    for name, future in admin.create_topics(topics, operation_timeout=TIMEOUT_S).items():
        try:
            future.result(TIMEOUT_S)
            created.append(name)
        except KafkaException as error:
            # Two `up` at once: the other one made it, with the same settings.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    return created


def _wait_until_known(admin: AdminClient, names: set[str], partitions: int) -> None:
    """A KRaft controller answers before its brokers know the topic: a client that comes at once would not find it."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while True:
        topics = admin.list_topics(timeout=TIMEOUT_S).topics
        led = {
            name
            for name in names & set(topics)
            if sum(partition.leader >= 0 for partition in topics[name].partitions.values()) == partitions
        }
        if led == names:
            return
        if time.monotonic() > deadline_s:
            raise CommandFailed(f"Kafka made the topics, but {min(names - led)} has no leader")
        time.sleep(0.05)


def _reason(error: KafkaException) -> str:
    return str(error.args[0].str()) if error.args else str(error)
