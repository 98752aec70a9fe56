"""How fast one worker folds, beside plain Faust and quixstreams; how it fares with 1,000,000 accounts.

Same machine, same broker, same events, same fold; every figure is events over first to last output timestamp.
`python -m bench.worker` prints them as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewTopic

from bench import load
from bench.broker import with_broker
from bench.peers.common import Template, new_fold
from bench.stamps import Speed, speed
from infra.settings import Settings
from infra.topics import create_topics
from tests.servers import running_part, stop_part

ROOT = Path(__file__).parents[1]
QUIX = ROOT / "build" / "peer-quix"
QUIX_PACKAGES = ("quixstreams==3.28.0", "msgspec>=0.22,<0.23", "pydantic>=2.12", "tzdata")
MILLION = 1_000_000


class Ours(NamedTuple):
    """What one run of our worker showed."""

    speed: Speed
    ready_s: float
    start_rss_bytes: int
    rss_bytes: int


def run(
    base: Settings, *, events: int = 300_000, faust_events: int = 20_000, quix_events: int = 80_000
) -> dict[str, float]:
    """The worker's figures of `build/bench.json`; `base` reaches a running broker."""
    few = ours(base, "bench_few", accounts=1_000, events=events)
    many = ours(base, "bench_many", accounts=MILLION, events=events // 2)
    faust = peer_faust(base, faust_events)
    quix = peer_quix(base, quix_events)
    rate = few.speed.events_per_s
    return {
        "worker_events_per_s": round(rate),
        "worker_vs_faust": round(rate / faust.events_per_s, 1),
        "worker_vs_quixstreams": round(rate / quix.events_per_s, 1),
        "worker_1m_vs_1k_accounts": round(many.speed.events_per_s / rate, 2),
        "recovery_1m_s": round(many.ready_s, 1),
        "bytes_per_account": round((many.rss_bytes - few.start_rss_bytes) / MILLION),
        "worker_1m_events_per_s": round(many.speed.events_per_s),
        "faust_events_per_s": round(faust.events_per_s),
        "quixstreams_events_per_s": round(quix.events_per_s),
        "worker_cpu_us_per_event": round(few.speed.cpu_us_per_event, 1),
        "worker_1m_cpu_us_per_event": round(many.speed.cpu_us_per_event, 1),
        "faust_cpu_us_per_event": round(faust.cpu_us_per_event, 1),
        "quixstreams_cpu_us_per_event": round(quix.cpu_us_per_event, 1),
    }


def _settings(base: Settings, namespace: str) -> Settings:
    return base.model_copy(update={"namespace": namespace})


def _charges(events: int) -> int:
    """Charges that `events` requests come to: two meters each, one for each fourth, the embedding model."""
    return events * 2 - events // 4


def ours(base: Settings, namespace: str, *, accounts: int, events: int) -> Ours:
    """Our worker with `accounts` known accounts on a journal of `events` requests."""
    settings = _settings(base, namespace)
    create_topics(settings)
    _stamp_by_broker(settings, settings.topic("charges"))
    seed_accounts(settings, accounts)
    config, charges = settings.kafka_client_config(), settings.topic("charges")
    started = time.monotonic()
    with running_part(settings, "worker-0") as process:
        ready_s = time.monotonic() - started
        start_rss_bytes = psutil.Process(process.pid).memory_info().rss
    requests = load.requests(events, accounts)
    load.write(config, settings.topic("journal"), load.packed(requests, settings.partitions))
    with running_part(settings, "worker-0") as process:
        shown = speed(config, charges, settings.partitions, _charges(events), events, process)
        rss_bytes = psutil.Process(process.pid).memory_info().rss
    return Ours(shown, ready_s, start_rss_bytes, rss_bytes)


def seed_accounts(settings: Settings, count: int) -> None:
    """Write the states of `count` opened accounts to the changelog, as a worker would have."""
    template = Template(new_fold())
    own = {
        "compression.type": "lz4",
        "linger.ms": 20,
        "enable.idempotence": True,
        "queue.buffering.max.messages": 500_000,
    }
    producer = Producer({**settings.kafka_client_config(), **own})
    topic = settings.topic("accounts")
    for number in range(count):
        name = load.account_name(number)
        while True:
            try:
                producer.produce(
                    topic, template.frame(name), name, load.partition_of(name, settings.partitions)
                )
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush(120)


def _peer_topics(base: Settings, namespace: str, names: tuple[str, ...]) -> None:
    admin = AdminClient(base.kafka_client_config())
    config = {"message.timestamp.type": "LogAppendTime"}
    topics = [
        NewTopic(f"{namespace}.{name}", base.partitions, base.kafka_replication, config=config)
        for name in names
    ]
    for future in admin.create_topics(topics).values():
        future.result(30)


def _stamp_by_broker(settings: Settings, topic: str) -> None:
    """The broker's clock stamps what is written: quixstreams would carry the input's timestamps over."""
    entry = ConfigEntry(
        "message.timestamp.type", "LogAppendTime", incremental_operation=AlterConfigOpType.SET
    )
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient(settings.kafka_client_config())
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


def peer_faust(base: Settings, events: int, namespace: str = "bench_faust") -> Speed:
    """Plain Faust."""
    command = [
        sys.executable,
        "-m",
        "bench.peers.faust_plain",
        base.kafka_bootstrap,
        namespace,
        str(base.partitions),
    ]
    return _peer(base, namespace, "faust", command, events)


def peer_quix(base: Settings, events: int, namespace: str = "bench_quix") -> Speed:
    """quixstreams, in its own environment."""
    _make_quix()
    python = [str(QUIX / "bin" / "python"), "-W", "ignore"]
    state_dir = str(base.data_dir / f"{namespace}-quix")
    return _peer(
        base,
        namespace,
        "quix",
        [*python, "-m", "bench.peers.quix", base.kafka_bootstrap, namespace, state_dir],
        events,
    )


def _peer(base: Settings, namespace: str, name: str, command: list[str], events: int) -> Speed:
    names = ("usage.events", f"{name}.charges", f"{name}.entries", f"{name}.balances")
    _peer_topics(base, namespace, names)
    config = base.kafka_client_config()
    load.write_single(config, f"{namespace}.usage.events", load.requests(events, 1_000))
    with _running(command) as process:
        return speed(
            config, f"{namespace}.{name}.charges", base.partitions, _charges(events), events, process
        )


def _make_quix() -> None:
    """Quixstreams wants an older confluent-kafka than ours: it lives in an environment of its own."""
    if (QUIX / "bin" / "python").exists():
        return
    uv = [str(Path(sys.executable).parent / "uv")]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(QUIX)], check=True)
    subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", str(QUIX / "bin" / "python"), *QUIX_PACKAGES],
        check=True,
    )


@contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    log = ROOT / "build" / "bench-peer.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        stop_part(process)


def main() -> None:
    """Start a broker, measure, print JSON."""
    with with_broker() as settings:
        figures: dict[str, Any] = run(settings)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
