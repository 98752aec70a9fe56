"""How many events ingest takes in a second: `python -m bench.ingest --events 1000000 --accounts 1000 1000000`.

Real broker, real process, `request.served` events of about 290 bytes, one a message, all there before ingest
starts, wall clock. The rate is that of the journal: events after its first batch, over the time between the
stamps of its first and last records; start-up is not in it. The broker shares the processor with ingest.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from infra.settings import Settings
from infra.topics import create_topics
from schemas.journal import decode_record
from schemas.topics import JOURNAL_TOPIC, USAGE_EVENTS
from schemas.values import instant_text

DEADLINE_S = 600.0


def run(
    *, settings: Settings | None = None, events: int = 1_000_000, accounts: Sequence[int] = (1_000, 1_000_000)
) -> dict[str, float]:
    """Rates by number of accounts; `ingest_events_per_s` is that of the first. Without `settings` it starts a broker."""
    figures: dict[str, float] = {}
    with _broker(settings) as base:
        for count in accounts:
            rate, cpu_us = _measure(base, events, count)
            figures[f"ingest_events_per_s_{count}_accounts"] = rate
            figures[f"ingest_cpu_us_per_event_{count}_accounts"] = cpu_us
    figures["ingest_events_per_s"] = figures[f"ingest_events_per_s_{accounts[0]}_accounts"]
    return figures


@contextmanager
def _broker(settings: Settings | None) -> Iterator[Settings]:
    if settings is not None:
        yield settings
        return
    from tests.servers import own_settings, running_part

    with tempfile.TemporaryDirectory(prefix="meterstream-bench-") as directory:
        own = own_settings(Path(directory))
        with running_part(own, "kafka"):
            yield own


def _measure(base: Settings, events: int, accounts: int) -> tuple[float, float]:
    settings = base.model_copy(update={"namespace": f"bench{uuid.uuid4().hex[:8]}"})
    create_topics(settings)
    _produce(settings, events, accounts)
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.run", "ingest"], env=os.environ | settings.to_env()
    )
    try:
        _wait(settings, process, events)
        used = psutil.Process(process.pid).cpu_times()
    finally:
        process.terminate()
        process.wait(30)
    return round(_rate(settings, events)), round((used.user + used.system) / events * 1e6, 2)


def _produce(settings: Settings, events: int, accounts: int) -> None:
    config: dict[str, Any] = {
        **settings.kafka_client_config(),
        "partitioner": "murmur2_random",
        "linger.ms": 20,
        "compression.type": "lz4",
        "queue.buffering.max.messages": 500_000,
    }
    producer, draw, topic = Producer(config), random.Random(1), settings.topic(USAGE_EVENTS)
    now = instant_text(time.time_ns() // 1_000_000)
    for number in range(events):
        account = f"acct-{draw.randrange(accounts)}"
        value = _event(number, account, now)
        while True:
            try:
                producer.produce(topic, key=account, value=value)
                break
            except BufferError:
                producer.poll(0.05)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush(120)


def _event(number: int, account: str, now: str) -> bytes:
    return (
        f'{{"specversion":"1.0","id":"e{number}","source":"load","type":"request.served","subject":"{account}",'
        f'"time":"{now}","datacontenttype":"application/json","data":{{"request":"r{number}","model":"llama-3.3-70b",'
        f'"key":"k1","input_tokens":1200,"output_tokens":350}}}}'
    ).encode()


def _wait(settings: Settings, process: subprocess.Popen[bytes], events: int) -> None:
    reader = Consumer({**settings.kafka_client_config(), "group.id": settings.group("ingest")})
    places = [TopicPartition(settings.topic(USAGE_EVENTS), p) for p in range(settings.partitions)]
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        committed = reader.committed(places, timeout=10)
        if sum(json.loads(tp.metadata)["read"] for tp in committed if tp.metadata) >= events:
            return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError("ingest did not read everything")


def _rate(settings: Settings, events: int) -> float:
    """Events after the first stamp, per second until the last; raises where the journal does not hold them all."""
    config = {**settings.kafka_client_config(), "group.id": "bench", "isolation.level": "read_committed"}
    reader = Consumer({**config, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    reader.assign([TopicPartition(settings.topic(JOURNAL_TOPIC), p, 0) for p in range(settings.partitions)])
    by_stamp: dict[int, int] = {}
    while sum(by_stamp.values()) < events:
        messages = reader.consume(100, timeout=5)
        if not messages:
            raise RuntimeError(f"the journal holds {sum(by_stamp.values())} of {events} events")
        for message in messages:
            stamp = message.timestamp()[1]
            by_stamp[stamp] = by_stamp.get(stamp, 0) + len(decode_record(message.value() or b"").events)
    reader.close()
    stamps = sorted(stamp for stamp, count in by_stamp.items() if count)
    return (events - by_stamp[stamps[0]]) / (stamps[-1] - stamps[0]) * 1000


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--accounts", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument(
        "--use-settings", action="store_true", help="the broker of the environment, not one of its own"
    )
    chosen = parser.parse_args()
    settings = Settings() if chosen.use_settings else None
    print(json.dumps(run(settings=settings, events=chosen.events, accounts=chosen.accounts), indent=2))


if __name__ == "__main__":
    main()
