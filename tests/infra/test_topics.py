"""Topics are made once, with the table's settings, and never silently with another number of partitions."""

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from infra.errors import CommandFailed
from infra.settings import Settings
from infra.topics import create_topics
from schemas.topics import TOPICS
from tests.servers import free_port

pytestmark = pytest.mark.kafka


def test_every_topic_of_the_table_is_made_once_in_the_namespace(kafka_settings: Settings) -> None:
    first = create_topics(kafka_settings)
    second = create_topics(kafka_settings)

    assert sorted(first) == sorted(f"{kafka_settings.namespace}.{topic.name}" for topic in TOPICS)
    assert second == []
    found = AdminClient(kafka_settings.kafka_client_config()).list_topics(timeout=10).topics
    assert {len(found[name].partitions) for name in first} == {kafka_settings.partitions}


def test_topics_have_the_settings_of_the_table(kafka_settings: Settings) -> None:
    create_topics(kafka_settings)
    admin = AdminClient(kafka_settings.kafka_client_config())
    wanted = {
        ConfigResource(ConfigResource.Type.TOPIC, kafka_settings.topic(topic.name)): topic.config()
        for topic in TOPICS
    }

    for resource, future in admin.describe_configs(list(wanted)).items():
        found = {name: entry.value for name, entry in future.result(10).items()}
        assert wanted[resource].items() <= found.items()


def test_another_number_of_partitions_is_refused(kafka_settings: Settings) -> None:
    create_topics(kafka_settings)

    with pytest.raises(CommandFailed, match="has 4 partitions, METERSTREAM_PARTITIONS says 8"):
        create_topics(kafka_settings.model_copy(update={"partitions": 8}))


def test_a_broker_that_does_not_answer_is_one_line(
    local_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.topics.TIMEOUT_S", 0.3)
    settings = local_settings.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{free_port()}"})

    with pytest.raises(CommandFailed, match=f"Kafka at {settings.kafka_bootstrap}"):
        create_topics(settings)
