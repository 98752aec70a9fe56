"""The load that every measurement uses: flex.ai accounts with a top-up, then requests with a key and a resource.

Deterministic: the same arguments give the same bytes, so that ours and the peers' fold the same events.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zlib import crc32

import msgspec
from confluent_kafka import Producer

from schemas.journal import EVENTS_MAX, encode_record
from schemas.values import instant_text

START_MS = 1_795_305_600_000
MODELS = ("llama-3.3-70b", "llama-3.3-70b", "qwen-vl-72b", "bge-m3")
_encode = msgspec.json.Encoder().encode

Sent = tuple[str, bytes]


def _event(kind: str, event_id: str, account: str, time_ms: int, body: Mapping[str, Any]) -> Sent:
    envelope = {
        "specversion": "1.0", "id": event_id, "source": "bench", "type": kind, "subject": account,
        "time": instant_text(time_ms), "datacontenttype": "application/json", "data": body,
    }  # fmt: skip
    return account, _encode(envelope)


def account_name(number: int) -> str:
    """The id of account `number`."""
    return f"acct-{number:07d}"


def openings(accounts: int, time_ms: int = START_MS) -> Iterator[Sent]:
    """Each account is opened and topped up."""
    for number in range(accounts):
        name = account_name(number)
        yield _event(
            "account.opened",
            f"o{number}",
            name,
            time_ms,
            {"profile": "flexai", "email": f"{name}@example.org"},
        )
        payment = {"payment": f"p{number}", "method": "card", "amount": "1000.00", "currency": "USD"}
        yield _event("payment.succeeded", f"p{number}", name, time_ms + 1, payment)


def requests(
    count: int,
    accounts: int,
    seed: int = 1,
    *,
    start_ms: int = START_MS + 1_000,
    models: tuple[str, ...] = MODELS,
) -> Iterator[Sent]:
    """`count` requests, drawn uniformly over the accounts, a tenth of a millisecond apart."""
    draw = random.Random(seed)
    for number in range(count):
        account = account_name(draw.randrange(accounts))
        body = {
            "request": f"r{number}", "model": models[number % len(models)], "key": f"key-{number % 3}", "resource": "chat",
            "input_tokens": 1200 + number % 97, "output_tokens": 350 + number % 31, "finish": "stop",
        }  # fmt: skip
        yield _event("request.served", f"r{number}", account, start_ms + number // 10, body)


def partition_of(account: str, partitions: int) -> int:
    """Where a measured journal has the account. (The real one is murmur2: ingest takes its input's partition.)"""
    return crc32(account.encode()) % partitions


def packed(events: Iterable[Sent], partitions: int, size: int = EVENTS_MAX) -> Iterator[tuple[int, bytes]]:
    """(partition, journal record) of `events`, `size` to a record."""
    waiting: dict[int, list[bytes]] = {partition: [] for partition in range(partitions)}
    for account, raw in events:
        partition = partition_of(account, partitions)
        waiting[partition].append(raw)
        if len(waiting[partition]) == size:
            yield partition, encode_record(START_MS, waiting[partition])
            waiting[partition] = []
    for partition, raws in waiting.items():
        if raws:
            yield partition, encode_record(START_MS, raws)


def write(config: Mapping[str, str], topic: str, records: Iterable[tuple[int, bytes]]) -> int:
    """Write journal records; returns how many."""
    producer = Producer({**config, "linger.ms": 20, "compression.type": "lz4", "enable.idempotence": True})
    count = 0
    for partition, value in records:
        _produce(producer, topic, value, None, partition)
        count += 1
    producer.flush(120)
    return count


def write_single(config: Mapping[str, str], topic: str, events: Iterable[Sent]) -> int:
    """Write events as producers do: one a record, keyed by account; returns how many."""
    own = {
        "linger.ms": 20,
        "compression.type": "lz4",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
    }
    producer = Producer({**config, **own, "queue.buffering.max.messages": 500_000})
    count = 0
    for account, raw in events:
        _produce(producer, topic, raw, account, -1)
        count += 1
    producer.flush(120)
    return count


def _produce(producer: Producer, topic: str, value: bytes, key: str | None, partition: int) -> None:
    while True:
        try:
            producer.produce(topic, value, key, partition)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return
