"""How many rows a second the ClickHouse sink lands: Kafka's messages in, acknowledged rows out, offsets committed.

    python -m bench.sink [--rows 400000]

`run` needs a broker and a ClickHouse; from the command line it starts both for itself. Messages are as the worker
makes them: a charge and an entry for each billed event, 250 events packed into an array of each, and for every
packed message the balances and the two windows of the accounts that it touched. The clock starts when the
sink begins to read a full topic and stops when the last row is acknowledged and its offset committed.
"""

from __future__ import annotations

import argparse
import json
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EVENTS_A_MESSAGE = 250
ACCOUNTS = 1_000
HOUR_MS = 3_600_000
START_MS = 1_793_491_200_000


def messages(events: int) -> Iterator[tuple[str, int, bytes, bytes]]:
    """(topic, partition, key, value) for `events` billed events, in the order in which a worker sends them."""
    from schemas import topics, wire
    from schemas.values import instant_text

    for first in range(0, events, EVENTS_A_MESSAGE):
        indexes = range(first, min(first + EVENTS_A_MESSAGE, events))
        partition = first // EVENTS_A_MESSAGE % 4
        charges = [_charge(index) for index in indexes]
        yield topics.CHARGES, partition, b"", wire.encode(charges)
        yield (
            topics.LEDGER,
            partition,
            b"",
            wire.encode([_entry(index, charge) for index, charge in zip(indexes, charges, strict=True)]),
        )
        # A checkpoint covers some messages: each brings the absolute values of a few accounts.
        for charge in charges[:25]:
            cause, start = charge.cause, START_MS
            common: dict[str, Any] = {
                "account": charge.account,
                "time": charge.time,
                "cause": cause,
                "profile": charge.profile,
            }
            key = charge.account.encode()
            balance = wire.Balance(
                id="h",
                balance="10.5",
                currency="CNY",
                buckets={"free": "0", "paid": "10.5"},
                flags=[],
                keys={},
                seq=first,
                **common,
            )
            yield topics.BALANCES, partition, key, wire.encode(balance)
            line = wire.CostLine(
                sku="chat-base",
                meter="tokens_in",
                unit="1M tokens",
                quantity="1.5",
                amount="3",
                charges=7,
                model="chat-base",
                key="key-1",
            )
            for topic in (topics.HOURLY, topics.DAILY):
                window = wire.WindowCosts(
                    id="w",
                    currency="CNY",
                    start=instant_text(start),
                    end=instant_text(start + HOUR_MS),
                    amount="3",
                    version=first,
                    lines=[line],
                    **common,
                )
                yield topic, partition, key + b"|0", wire.encode(window)


def _charge(index: int) -> Any:
    from schemas import wire
    from schemas.values import instant_text

    time_text = instant_text(START_MS + index * 37)
    return wire.Charge(
        id=f"{index:032x}", account=f"acct-{index % ACCOUNTS}", time=time_text, cause=wire.Cause(source="/gateway", id=f"ev-{index}"),
        profile="gpugeek", sku="chat-base", meter="tokens_in", start=time_text, end=time_text, quantity=f"0.{index % 1_000_000:06d}",
        unit="1M tokens", unit_price="2", amount=f"0.{index % 99_991:08d}", currency="CNY", rule="GG-30", price_version="2020-01-01",
        request=f"req-{index}", model="chat-base", key=f"key-{index % 50}",
    )  # fmt: skip


def _entry(index: int, charge: Any) -> Any:
    from schemas import wire

    return wire.Entry(
        id=f"e{index:031x}", account=charge.account, time=charge.time, cause=charge.cause, type="charge", amount=f"-{charge.amount}",
        bucket="paid", balance="10.5", currency="CNY", seq=index // ACCOUNTS + 1, hash=f"{index:064x}", charge=charge.id,
    )  # fmt: skip


def run(bootstrap: str, dsn: str, *, rows: int = 400_000, namespace: str = "bench_sink") -> dict[str, float]:
    """Land about `rows` rows and measure; the namespace's topics and database must be fresh.

    Returns `sink_rows_per_s`, `sink_rows` (offered, before the batch drops superseded windows), `sink_s` and
    `sink_cpu_us_per_row` of the sink's own process (the engine's is another).
    """
    from infra.settings import Settings
    from infra.topics import create_topics
    from sinks.clickhouse.migrate import migrate

    settings = Settings(_env_file=None, namespace=namespace, kafka_bootstrap=bootstrap, clickhouse_dsn=dsn)
    create_topics(settings)
    migrate(dsn, settings.clickhouse_database)
    offered, sent = _fill(settings, rows)
    started_cpu_s, started_s = _cpu_s(), time.monotonic()
    _land(settings, dsn, sent)
    spent_s = time.monotonic() - started_s
    cpu_us = 1e6 * (_cpu_s() - started_cpu_s) / offered
    _check(settings, dsn, rows)
    return {
        "sink_rows_per_s": round(offered / spent_s),
        "sink_rows": offered,
        "sink_s": round(spent_s, 3),
        "sink_cpu_us_per_row": round(cpu_us, 2),
    }


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _fill(settings: Any, rows: int) -> tuple[int, int]:
    from confluent_kafka import Producer

    producer = Producer(
        {
            **settings.kafka_client_config(),
            "compression.type": "lz4",
            "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    offered = sent = 0
    for topic, partition, key, value in messages(rows // 2):
        packed = value.startswith(b"[")
        offered += EVENTS_A_MESSAGE if packed else 1
        sent += 1
        producer.produce(settings.topic(topic), value, key, partition)
        producer.poll(0)
    producer.flush()
    return offered, sent


def _land(settings: Any, dsn: str, sent: int) -> None:
    from sinks.clickhouse.client import connect
    from sinks.clickhouse.insert import Inserter
    from sinks.clickhouse.tables import TOPICS
    from sinks.clickhouse.writer import Writer

    stop = threading.Event()
    names = {settings.topic(name): name for name in TOPICS}
    inserter = Inserter(lambda: connect(dsn, settings.clickhouse_database), stop)
    writer = Writer(settings.kafka_client_config(), settings.group("sink-clickhouse"), names, inserter, stop)
    thread = threading.Thread(target=writer.run)
    thread.start()
    pause = threading.Event()
    while writer.committed_messages < sent and thread.is_alive():
        pause.wait(0.01)
    stop.set()
    thread.join()


def _check(settings: Any, dsn: str, rows: int) -> None:
    """A fast sink that loses rows is no sink."""
    from sinks.clickhouse.client import connect

    client = connect(dsn, settings.clickhouse_database)
    ((charges, entries),) = client.query(
        "SELECT (SELECT count() FROM charges FINAL), (SELECT count() FROM entries FINAL)"
    ).result_rows
    if (charges, entries) != (rows // 2, rows // 2):
        raise AssertionError(f"{charges} charges and {entries} entries of {rows // 2} each")


def main() -> None:
    """Start servers, measure, print JSON."""
    from tempfile import TemporaryDirectory

    from tests.servers import clickhouse_server, kafka_server

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=400_000)
    arguments = parser.parse_args()
    with (
        TemporaryDirectory() as directory,
        kafka_server(Path(directory) / "k") as bootstrap,
        clickhouse_server(Path(directory) / "c") as dsn,
    ):
        print(json.dumps(run(bootstrap, dsn, rows=arguments.rows), indent=2))


if __name__ == "__main__":
    main()
