"""Status adds up what ingest committed, and shows how far each part is behind."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from infra.settings import Settings
from infra.status import InputAccount, collect_status, sum_account
from infra.supervisor_state import PartState, State, write_state
from infra.topics import create_topics


def counters(read: int, accepted: int, duplicates: int, rejected: int) -> str:
    return json.dumps({"read": read, "accepted": accepted, "duplicates": duplicates, "rejected": rejected})


def test_the_account_of_the_input_is_the_sum_over_partitions() -> None:
    account = sum_account([counters(10, 7, 2, 1), None, "", counters(5, 5, 0, 0)])

    assert account == InputAccount(15, 12, 2, 1)
    assert account.balanced


def test_an_event_that_is_nowhere_unbalances_the_account() -> None:
    assert not sum_account([counters(10, 7, 1, 1)]).balanced


@pytest.mark.kafka
def test_lag_is_what_is_not_yet_committed(kafka_settings: Settings) -> None:
    create_topics(kafka_settings)
    topic = kafka_settings.topic("usage.events")
    producer = Producer(kafka_settings.kafka_client_config())
    for _ in range(10):
        producer.produce(topic, value=b"{}", partition=1)
    producer.flush(10)
    group = Consumer(kafka_settings.kafka_client_config() | {"group.id": kafka_settings.group("ingest")})
    done = TopicPartition(topic, 1, 7, metadata=counters(7, 4, 2, 1))
    group.commit(offsets=[done], asynchronous=False)
    group.close()

    status = collect_status(kafka_settings)

    lags = {part.name: part.lag for part in status.parts}
    assert lags["ingest"] == 3
    assert asdict(status.account) == {"read": 7, "accepted": 4, "duplicates": 2, "rejected": 1}
    assert status.kafka_error == ""
    assert not status.healthy


def test_without_a_broker_the_rest_is_still_shown(
    local_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.status.TIMEOUT_S", 0.3)

    status = collect_status(local_settings)

    assert [part.name for part in status.parts][:4] == ["kafka", "clickhouse", "smtp", "ingest"]
    assert {part.state for part in status.parts} == {"down"}
    assert status.kafka_error
    assert json.dumps(status.as_dict())


def test_the_last_error_of_a_part_is_shown_after_its_supervisor_is_gone(
    local_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.status.TIMEOUT_S", 0.3)
    directory: Path = local_settings.state_dir
    directory.mkdir(parents=True)
    write_state(directory, State(1, {"ingest": PartState(pid=1, restarts=4, last_error="out of luck")}))

    ingest = next(part for part in collect_status(local_settings).parts if part.name == "ingest")

    assert (ingest.state, ingest.restarts, ingest.last_error) == ("down", 4, "out of luck")
