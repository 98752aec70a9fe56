"""The whole way: producer → ingest → worker → ClickHouse, and how soon a request shows in its account's balance.

Everything runs on this machine at once, so the figures are of the pipeline, not of one part of it.
`python -m bench.path` prints them as JSON.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import clickhouse_connect
import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from bench import load
from bench.broker import with_broker
from infra.migrations import migrate
from infra.settings import Settings
from infra.topics import create_topics
from tests.servers import running_part

ACCOUNTS = 1_000
# One meter, so that one request is one entry and the balance's `seq` tells which request it holds.
PROBE_MODEL = "bge-m3"
_DEADLINE_S = 300.0


def run(
    base: Settings, *, events: int = 200_000, rate: int = 5_000, latency_s: float = 20.0
) -> dict[str, float]:
    """The way's figures of `build/bench.json`; `base` reaches a running broker, ClickHouse is started here."""
    with running_part(base, "clickhouse"):
        with _pipeline(base, "bench_path") as settings:
            path = _path(settings, events)
        with _pipeline(base, "bench_latency") as settings:
            latencies = _latencies(settings, rate, latency_s)
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "path_events_per_s": round(path),
        "balance_p50_s": round(cuts[49], 3),
        "balance_p99_s": round(cuts[98], 3),
    }


@contextmanager
def _pipeline(base: Settings, namespace: str) -> Iterator[Settings]:
    """Ingest, one worker and the ClickHouse sink in a fresh namespace, with opened accounts."""
    settings = base.model_copy(update={"namespace": namespace, "clickhouse_database": namespace})
    create_topics(settings)
    migrate(settings)
    with ExitStack() as stack:
        for part in ("ingest", "worker-0", "sink-clickhouse"):
            stack.enter_context(running_part(settings, part))
        openings = list(load.openings(ACCOUNTS, time.time_ns() // 1_000_000))
        load.write_single(settings.kafka_client_config(), settings.topic("account.events"), openings[0::2])
        load.write_single(settings.kafka_client_config(), settings.topic("payment.events"), openings[1::2])
        _wait_rows(settings, "entries", 2 * ACCOUNTS)
        yield settings


def _wait_rows(settings: Settings, table: str, rows: int) -> None:
    client = clickhouse_connect.get_client(
        dsn=settings.clickhouse_dsn.get_secret_value(), database=settings.clickhouse_database
    )
    deadline = time.monotonic() + _DEADLINE_S
    while (found := client.command(f"SELECT uniqExact(id) FROM {table}")) < rows:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{table} has {found} of {rows} rows after {_DEADLINE_S:.0f} s")
        time.sleep(0.2)


def _path(settings: Settings, events: int) -> float:
    """Events a second from the first one produced to the last one's charges in ClickHouse."""
    made = list(load.requests(events, ACCOUNTS, start_ms=time.time_ns() // 1_000_000 - 60_000))
    started = time.monotonic()
    load.write_single(settings.kafka_client_config(), settings.topic("usage.events"), made)
    _wait_rows(settings, "charges", events * 2 - events // 4)
    return events / (time.monotonic() - started)


class _Probe:
    """Knows when each request was sent and when a balance first held it."""

    def __init__(self) -> None:
        self._sent: defaultdict[str, list[float]] = defaultdict(list)
        self._seen: defaultdict[str, int] = defaultdict(int)
        self._first_seq: dict[str, int] = {}
        self.latencies: list[float] = []

    def send(self, account: str) -> None:
        """A request of `account` leaves now."""
        self._sent[account].append(time.monotonic())

    def begin(self, account: str, seq: int) -> None:
        """The balance before the first request."""
        self._first_seq[account] = seq

    def show(self, account: str, seq: int) -> None:
        """A balance after entry `seq` came in now."""
        now = time.monotonic()
        held = seq - self._first_seq[account]
        self.latencies += [now - sent for sent in self._sent[account][self._seen[account] : held]]
        self._seen[account] = max(self._seen[account], held)


def _latencies(settings: Settings, rate: int, duration_s: float) -> list[float]:
    """Seconds from producing a request to reading a balance that holds it, at `rate` requests a second."""
    probe = _Probe()
    ready, stop = threading.Event(), threading.Event()
    reader = threading.Thread(target=_read_balances, args=(settings, probe, ready, stop))
    reader.start()
    ready.wait(60)
    count = _send_requests(settings, probe, rate, duration_s)
    deadline = time.monotonic() + 30
    while len(probe.latencies) < count and time.monotonic() < deadline:
        time.sleep(0.1)
    stop.set()
    reader.join()
    if len(probe.latencies) < count:
        raise RuntimeError(f"{count - len(probe.latencies)} of {count} requests never showed in a balance")
    return probe.latencies


def _send_requests(settings: Settings, probe: _Probe, rate: int, duration_s: float) -> int:
    own = {"linger.ms": 5, "partitioner": "murmur2_random", "enable.idempotence": True}
    producer = Producer({**settings.kafka_client_config(), **own})
    made = list(
        load.requests(
            int(rate * duration_s), ACCOUNTS, start_ms=time.time_ns() // 1_000_000, models=(PROBE_MODEL,)
        )
    )
    started = time.monotonic()
    for number, (account, raw) in enumerate(made):
        if (ahead := started + number / rate - time.monotonic()) > 0.002:
            producer.poll(0)
            time.sleep(ahead)
        probe.send(account)
        producer.produce(settings.topic("usage.events"), raw, account)
    producer.flush(30)
    return len(made)


def _read_balances(settings: Settings, probe: _Probe, ready: threading.Event, stop: threading.Event) -> None:
    own = {
        "group.id": "bench-latency",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 10,
        "enable.partition.eof": True,
    }
    consumer = Consumer({**settings.kafka_client_config(), **own})
    consumer.assign(
        [TopicPartition(settings.topic("balances"), partition, 0) for partition in range(settings.partitions)]
    )
    ends = 0
    while not stop.is_set():
        for message in consumer.consume(1_000, 0.02):
            if message.error():
                ends += 1
                if ends == settings.partitions:
                    ready.set()
                continue
            balance = msgspec.json.decode(message.value() or b"")
            account, seq = balance["account"], balance["seq"]
            if ready.is_set():
                probe.show(account, seq)
            else:
                probe.begin(account, seq)
    consumer.close()


def main() -> None:
    """Start a broker, measure, print JSON."""
    with with_broker() as settings:
        print(json.dumps(run(settings), indent=2))


if __name__ == "__main__":
    main()
