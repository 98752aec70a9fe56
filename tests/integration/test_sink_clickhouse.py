"""Output topics land in a real ClickHouse: nothing lost, nothing twice, to the last digit."""

import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from schemas import topics, wire
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.writer import Batching
from tests.integration.landing import Landing
from tests.servers import own_settings, running_part, start_part, stop_part
from tests.sinks.samples import (
    DAY_MS,
    HOUR_MS,
    START_MS,
    balance,
    charge,
    delivery,
    entry,
    line,
    notice,
    rejection,
    window,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]


@pytest.fixture
def landing(settings: Settings) -> Landing:
    return Landing(settings)


def arrays(records: list[Any], size: int) -> list[bytes]:
    return [wire.encode(records[first : first + size]) for first in range(0, len(records), size)]


def test_a_record_of_every_topic_lands_in_its_table(landing: Landing) -> None:
    command = wire.Command(
        id="command-1", account="a1", time="2026-11-01T00:00:00.000Z", cause=charge(1).cause, type="payment.refill", reason="auto_refill", amount="20.00"
    )  # fmt: skip
    landing.send(topics.CHARGES, wire.encode([charge(1, "0.60")]))
    landing.send(topics.LEDGER, wire.encode([entry(1, "-0.60", "-0.60")]))
    landing.send(topics.BALANCES, wire.encode(balance(1, "-0.60", keys={"k1": "paid"}, flags=["disputed"])))
    landing.send(topics.HOURLY, wire.encode(window(1, [line("0.60")], length_ms=HOUR_MS)))
    landing.send(topics.DAILY, wire.encode(window(1, [line("0.60")])))
    landing.send(topics.NOTICES, wire.encode(notice(1)))
    landing.send(topics.COMMANDS, wire.encode(command))
    landing.send(topics.REJECTIONS, wire.encode(rejection(1, {"type": "x"})))
    landing.send(topics.DELIVERIES, wire.encode(delivery(1)))

    landing.land()

    counts = landing.reports.row_counts()
    assert counts == dict.fromkeys(
        (
            "charges",
            "entries",
            "hourly_costs",
            "daily_costs",
            "balances",
            "notices",
            "commands",
            "rejections",
            "deliveries",
        ),
        1,
    ) | {
        "dead_letters": 0,
        "gaps": 0,
    }
    assert landing.rows("SELECT cause.source, amount, toString(start), kafka_offset FROM charges") == [
        ("/gateway", Decimal("0.6"), "2026-11-01 00:00:01.000", 0)
    ]
    assert landing.rows("SELECT amount, replicas, resource FROM commands") == [(Decimal(20), None, "")]
    assert landing.rows("SELECT buckets['paid'], flags, keys FROM balances") == [
        (Decimal("-0.6"), ["disputed"], {"k1": "paid"})
    ]
    assert landing.rows("SELECT values['threshold'] FROM notices") == [("5.00",)]
    assert landing.rows("SELECT event FROM rejections") == [('{"type":"x"}',)]


def test_twins_and_rebatched_replays_change_no_sum(landing: Landing) -> None:
    charges = [charge(number, f"0.{number:012d}", account=f"a{number % 7}") for number in range(500)]
    entries = [
        entry(seq, "-0.01", f"-{seq * Decimal('0.01')}", account=f"a{account}")
        for account in range(7)
        for seq in range(1, 70)
    ]
    landing.send(topics.CHARGES, *arrays(charges, 100))
    landing.send(topics.LEDGER, *arrays(entries, 100))
    landing.land()
    before = landing.reports.sums()

    # A worker that crashed sends the same records again, packed otherwise; then a new group reads all of it.
    landing.send(topics.CHARGES, *arrays(charges, 33))
    landing.send(topics.LEDGER, *arrays(entries, 7))
    landing.land("again", Batching(rows_max=64, linger_s=0.02))

    assert landing.rows("SELECT count() FROM charges")[0][0] > 500  # The twins are there …
    assert landing.reports.sums() == before  # … and nobody sees them.
    assert sum(Decimal(row["charged"]) for row in before) == sum(Decimal(record.amount) for record in charges)
    assert landing.rows("SELECT * FROM gaps") == []


def test_a_conflicting_second_write_never_replaces_the_first(landing: Landing) -> None:
    landing.send(topics.CHARGES, wire.encode([charge(1, "0.60")]))
    landing.send(topics.LEDGER, wire.encode([entry(1, "-0.60", "-0.60")]))
    landing.land()
    landing.send(topics.CHARGES, wire.encode([charge(1, "99")]))
    landing.send(
        topics.LEDGER, wire.encode([entry(1, "-99", "-99", hash="other", time="2027-02-01T00:00:00.000Z")])
    )
    landing.land(messages=2)

    assert landing.rows("SELECT conflicts FROM gaps") == [(1,)]
    for table in ("charges", "entries"):
        landing.client.command(f"OPTIMIZE TABLE {table} FINAL")

    assert landing.rows("SELECT amount FROM charges FINAL") == [(Decimal("0.6"),)]
    assert landing.rows("SELECT amount FROM ledger") == [(Decimal("-0.6"),)]


def test_of_absolute_values_the_greatest_version_stands_whenever_it_came(landing: Landing) -> None:
    for version in (2, 1):
        landing.send(topics.BALANCES, wire.encode(balance(version, f"{version}.00")))
        for topic in (topics.HOURLY, topics.DAILY):
            lines = [line(f"{version}.00")] + ([line("5.00", resource="r2")] if version == 2 else [])
            landing.send(topic, wire.encode(window(version, lines)))
        state = "sent" if version == 2 else "delayed"
        landing.send(topics.DELIVERIES, wire.encode(delivery(version, state)))
        landing.land(messages=4)

    assert landing.rows("SELECT state, attempts FROM deliveries FINAL") == [("sent", 2)]
    assert landing.rows("SELECT balance FROM current_balances") == [(Decimal(2),)]
    assert landing.rows("SELECT sum(BilledCost) FROM costs_by_day") == [(Decimal(7),)]
    assert landing.rows("SELECT sum(BilledCost) FROM costs_by_hour") == [(Decimal(7),)]


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ([entry(1, "10", "10"), entry(3, "-1", "9")], (1, 3, 2, 0, Decimal(0))),
        ([entry(2, "10", "10")], (2, 2, 1, 0, Decimal(0))),
        ([entry(1, "10", "10"), entry(2, "-1", "9.000000000001")], (1, 2, 2, 0, Decimal("0.000000000001"))),
        ([entry(1, "10", "10"), entry(1, "10", "10", hash="other")], (1, 1, 1, 1, Decimal(0))),
    ],
    ids=["a number is missing", "the first is missing", "the sum is wrong", "one number, two contents"],
)
def test_a_broken_ledger_is_seen(landing: Landing, entries: list[Any], fault: tuple[Any, ...]) -> None:
    landing.send(topics.LEDGER, *arrays(entries, 1), wire.encode([entry(1, "1", "1", account="sound")]))

    landing.land()

    assert landing.rows("SELECT * EXCEPT account FROM gaps") == [fault]


AMOUNTS = [
    "0.000000000001",
    "100000000000000000000",
    "-0.000000000001",
    "99999999999999999999999999.999999999999",
    "0.60",
    "33.333333333333",
]


def test_sums_over_views_are_exact_to_the_last_digit(landing: Landing) -> None:
    rng = random.Random(7)
    amounts = (
        AMOUNTS
        + [f"{rng.randrange(10**20)}.{rng.randrange(10**12):012d}" for _ in range(300)]
        + AMOUNTS[3:4] * 50
    )
    landing.send(
        topics.CHARGES, wire.encode([charge(number, amount) for number, amount in enumerate(amounts)])
    )
    windows = [
        window(1, [line(amount, resource=f"r{number % 9}")], start_ms=START_MS + number * DAY_MS)
        for number, amount in enumerate(amounts)
    ]
    landing.send(topics.DAILY, *(wire.encode(each) for each in windows))
    landing.send(topics.HOURLY, *(wire.encode(each) for each in windows))

    landing.land()

    with localcontext(prec=100):
        total = sum(Decimal(amount) for amount in amounts)
    for view in ("hour", "day", "resource", "model", "sku", "key"):
        assert landing.rows(f"SELECT sum(BilledCost) FROM costs_by_{view}") == [(total,)], view
    (sums,) = landing.reports.sums()
    assert {Decimal(sums[name]) for name in ("charged", "hourly", "daily")} == {total}


def test_poison_is_kept_aside_and_holds_up_nothing(landing: Landing) -> None:
    for table_topic in (
        topics.CHARGES,
        topics.LEDGER,
        topics.BALANCES,
        topics.DAILY,
        topics.NOTICES,
        topics.REJECTIONS,
    ):
        landing.send(table_topic, b"\xff\xfe not json", None)
    landing.send(topics.CHARGES, wire.encode([charge(1), charge(2, "0.0000000000001"), charge(3)]))
    landing.send(topics.BALANCES, wire.encode(balance(1, "1")))

    writer = landing.land()
    again = landing.land("again")

    counts = landing.reports.row_counts()
    assert (counts["charges"], counts["balances"], counts["dead_letters"]) == (2, 1, 13)
    assert writer.counts.dead_letters == again.counts.dead_letters == 13
    assert landing.rows("SELECT count() FROM dead_letters FINAL WHERE value = '\\\\xff\\\\xfe not json'") == [
        (6,)
    ]


def test_a_row_that_only_the_engine_refuses_is_kept_aside_and_the_others_land(landing: Landing) -> None:
    charges = [charge(number) for number in range(200)]
    charges[77] = charge(77, start="2026-13-41T00:00:00.000Z")
    landing.send(topics.CHARGES, *arrays(charges, 50))

    landing.land()

    assert landing.reports.row_counts()["charges"] == 199
    assert landing.rows("SELECT topic, kafka_offset FROM dead_letters FINAL") == [("charges", 1)]


def test_migrating_twice_and_by_several_at_once_is_harmless(settings: Settings) -> None:
    dsn, database = settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(dsn, database), range(4)))

    assert migrate(dsn, database) == []


def test_every_column_that_analysts_see_is_documented(landing: Landing) -> None:
    undocumented = landing.rows(
        # Nobody reads what only feeds another table.
        "SELECT table, name FROM system.columns WHERE database = {db:String} AND comment = '' "
        "AND table NOT IN ('schema_versions', 'last_lines_of_charges', 'account_zones_of_days')",
        db=landing.settings.clickhouse_database,
    )
    tables = landing.rows(
        "SELECT name FROM system.tables WHERE database = {db:String} AND comment = '' AND name != 'schema_versions'",
        db=landing.settings.clickhouse_database,
    )

    assert (undocumented, tables) == ([], [])


def test_a_writer_of_each_half_of_the_partitions_lands_everything_once(landing: Landing) -> None:
    charges = [charge(number) for number in range(400)]
    with landing.sink() as first, landing.sink() as second:
        for number, value in enumerate(arrays(charges, 4)):
            landing.send(topics.CHARGES, value, partition=number % landing.settings.partitions)
        wait_until(lambda: landing.reports.row_counts()["charges"] == 400, "all charges landed")
        wait_until(
            lambda: first.committed_messages + second.committed_messages >= 100, "all offsets are committed"
        )

    assert landing.reports.row_counts()["charges"] == 400


@pytest.mark.slow
def test_clickhouse_killed_under_load_loses_and_doubles_nothing(
    kafka_bootstrap: str, tmp_path: Path, namespace: str
) -> None:
    settings = own_settings(
        tmp_path, namespace=namespace, kafka_bootstrap=kafka_bootstrap, clickhouse_memory_mb=768
    )
    kills, batches, size = 3, 60, 500
    engine = start_part(settings, "clickhouse")
    try:
        landing = Landing(settings)
        total = Decimal(0)
        # A part of its own process, as in production.
        with running_part(settings, "sink-clickhouse"):
            for number in range(batches):
                records = [
                    charge(number * size + each, f"0.{each:06d}", account=f"a{each % 50}")
                    for each in range(size)
                ]
                total += sum(Decimal(record.amount) for record in records)
                landing.send(topics.CHARGES, wire.encode(records), partition=number % settings.partitions)
                if number % (batches // kills) == batches // kills - 1:
                    os.kill(engine.pid, signal.SIGKILL)
                    engine.wait()
                    engine = start_part(settings, "clickhouse")
            wait_until(lambda: count_charges(landing) >= batches * size, "all charges landed", timeout_s=90)
        (charged,) = landing.rows(
            "SELECT sum(toDecimal256(amount, 12)), count(), uniqExact(id) FROM charges FINAL"
        )
        assert charged == (total, batches * size, batches * size)
    finally:
        stop_part(engine)


def count_charges(landing: Landing) -> int:
    from sinks.clickhouse.client import ClickHouseError

    try:
        return landing.reports.row_counts()["charges"]
    except ClickHouseError:
        return 0
