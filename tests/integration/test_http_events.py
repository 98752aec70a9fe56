"""Events over HTTP and the real broker: what was answered 202 is in the topic, whatever happens to the broker."""

import asyncio
import json
from itertools import chain
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Message

from infra.http import event_sink
from infra.http.event_sink import KafkaEvents
from infra.settings import Settings
from infra.topics import create_topics
from meterstream import client
from meterstream.client import Client
from schemas.envelope import OutgoingEvent
from schemas.topics import ACCOUNT_EVENTS, INPUTS, PAYMENT_EVENTS, USAGE_EVENTS
from sinks.http.ports import Overloaded, Unavailable
from streams.ingest.partitioner import partition_of
from tests.integration.ingest_kafka import read_topic
from tests.servers import own_settings, running_part, start_part, stop_part
from tests.streams.ingest_fakes import event_bytes
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka]


def outgoing(event_id: str, kind: str = "request.served", account: str = "acct-1") -> OutgoingEvent:
    return OutgoingEvent(account, kind, event_bytes(event_id, kind=kind, account=account))


def messages_in(settings: Settings, topic: str) -> list[Message]:
    return list(chain.from_iterable(read_topic(settings, topic)))


def ids_in(settings: Settings, topic: str) -> list[str]:
    return [json.loads(message.value() or b"")["id"] for message in messages_in(settings, topic)]


async def test_events_are_in_the_topic_of_their_type_under_their_account_once_send_returns(
    kafka_settings: Settings,
) -> None:
    create_topics(kafka_settings)
    sink = KafkaEvents(kafka_settings)
    sent = [outgoing(f"e{number}", account=f"acct-{number % 7}") for number in range(100)]

    await sink.send([*sent, outgoing("o", "account.opened"), outgoing("p", "payment.succeeded")])

    found = messages_in(kafka_settings, USAGE_EVENTS)
    assert sorted(json.loads(message.value() or b"")["id"] for message in found) == sorted(
        f"e{n}" for n in range(100)
    )
    for message in found:
        key = message.key() or b""
        assert json.loads(message.value() or b"")["subject"].encode() == key
        assert message.partition() == partition_of(key, kafka_settings.partitions)
        assert message.headers() == [("content-type", b"application/cloudevents+json")]
    assert ids_in(kafka_settings, ACCOUNT_EVENTS) == ["o"]
    assert ids_in(kafka_settings, PAYMENT_EVENTS) == ["p"]


async def test_what_an_account_sends_to_several_topics_keeps_its_order_on_the_brokers_clock(
    kafka_settings: Settings,
) -> None:
    create_topics(kafka_settings)
    kinds = ["request.served", "payment.succeeded", "account.opened", "request.served", "account.opened"]

    await KafkaEvents(kafka_settings).send(
        [outgoing(f"e{number}", kind) for number, kind in enumerate(kinds)]
    )

    stamped = [
        (message.timestamp()[1], json.loads(message.value() or b"")["id"])
        for topic in INPUTS
        for message in messages_in(kafka_settings, topic)
    ]
    assert [event_id for _, event_id in sorted(stamped)] == ["e0", "e1", "e2", "e3", "e4"]
    assert len({stamp for stamp, _ in stamped}) == 5


async def test_a_tick_reaches_every_partition(kafka_settings: Settings) -> None:
    create_topics(kafka_settings)

    await KafkaEvents(kafka_settings).send([outgoing("e1"), outgoing("t1", "clock.tick"), outgoing("e2")])

    found = messages_in(kafka_settings, ACCOUNT_EVENTS)
    assert sorted(message.partition() or 0 for message in found) == list(range(kafka_settings.partitions))
    assert sorted(ids_in(kafka_settings, ACCOUNT_EVENTS)) == ["t1/0", "t1/1", "t1/2", "t1/3"]


async def test_more_than_the_queue_holds_is_refused_before_any_of_it_is_written(
    kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_topics(kafka_settings)
    monkeypatch.setattr("infra.http.event_sink.QUEUE_EVENTS_MAX", 3)
    sink = KafkaEvents(kafka_settings)

    with pytest.raises(Overloaded):
        await sink.send([outgoing(f"e{number}") for number in range(4)])

    assert ids_in(kafka_settings, USAGE_EVENTS) == []


async def test_without_a_broker_the_answer_comes_within_a_bounded_time(
    local_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(event_sink._OWN, "message.timeout.ms", 300)
    sink = KafkaEvents(local_settings)

    async with asyncio.timeout(5):
        with pytest.raises(Unavailable, match="the same may be sent again"):
            await sink.send([outgoing("e1")])


class Senders:
    """Clients that send batches until told to stop, each again until it is accepted; `accepted` holds the ids."""

    def __init__(self, url: str) -> None:
        self.accepted: list[str] = []
        self.refused = 0
        self._url = url
        self._stop = False

    async def run(self, number: int) -> None:
        """One client after the other's answer; ends with its batch accepted."""
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as client:
            batch = 0
            while not self._stop:
                ids = [f"s{number}-{batch}-{event}" for event in range(20)]
                await self._send(client, ids)
                self.accepted += ids
                batch += 1

    async def _send(self, client: httpx.AsyncClient, ids: list[str]) -> None:
        body = b"[" + b",".join(event_bytes(each, account=f"a{each[:2]}") for each in ids) + b"]"
        while True:
            answer = await client.post(
                "/v1/events", content=body, headers={"content-type": "application/json"}
            )
            if answer.status_code == 202:
                return
            assert answer.status_code in {429, 503}, answer.text
            self.refused += 1
            await asyncio.sleep(0.05)

    async def until_accepted(self, count: int) -> None:
        """Return when `count` more events were accepted."""
        wanted = len(self.accepted) + count
        await asyncio.to_thread(
            wait_until, lambda: len(self.accepted) >= wanted, f"{wanted} events are accepted", timeout_s=60
        )

    def stop(self) -> None:
        self._stop = True


@pytest.mark.slow
async def test_nothing_that_was_answered_202_is_lost_when_the_broker_is_killed_under_load(
    tmp_path: Path,
) -> None:
    settings = own_settings(tmp_path)
    broker = start_part(settings, "kafka")
    try:
        create_topics(settings)
        with running_part(settings, "http"):
            senders = Senders(f"http://127.0.0.1:{settings.http_port}")
            running = [asyncio.create_task(senders.run(number)) for number in range(4)]
            await senders.until_accepted(1_000)
            broker.kill()
            broker.wait()
            broker = await asyncio.to_thread(start_part, settings, "kafka")
            await senders.until_accepted(1_000)
            senders.stop()
            await asyncio.gather(*running)

        written = set(ids_in(settings, USAGE_EVENTS))
    finally:
        stop_part(broker)

    assert len(senders.accepted) >= 2_000
    assert set(senders.accepted) <= written


def test_the_client_loses_nothing_while_the_service_is_killed_and_started_again(
    kafka_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "BACK_OFF_S_MAX", 0.5)
    create_topics(kafka_settings)
    service = start_part(kafka_settings, "http")
    url = f"http://127.0.0.1:{kafka_settings.http_port}"
    with Client(url, source="test", spill=tmp_path / "spill", memory_events=100, linger_s=0.01) as producer:
        for number in range(3_000):
            if number == 1_000:
                service.kill()
                service.wait()
            if number == 2_000:
                service = start_part(kafka_settings, "http")
            body = {"request": f"r{number}", "model": "bge-m3"}
            producer.send("request.served", f"a{number % 10}", body, event_id=f"e{number}")
    stop_part(service)

    assert set(ids_in(kafka_settings, USAGE_EVENTS)) == {f"e{number}" for number in range(3_000)}
