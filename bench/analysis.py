"""How quickly costs are answered over 100,000,000 charges, and how many bytes a charge takes on disk.

    python -m bench.analysis [--charges 100000000] [--keep DIRECTORY]

A year of requests of 1,000 accounts: each request two charges (tokens in and out), ledger entries left out, the hourly and
daily roll-ups as the worker would have them (a line for each model, key and meter). The engine makes the rows itself, `INSERT … SELECT` from
`numbers()`, as what is measured here is reading; how quickly the sink lands rows is `bench.sink`. The same arguments
give the same rows. The engine is the one that `meterstream up` starts, with its default memory; each figure is the
median of five answers through `Reports`, over HTTP, after one that is not counted. Writes into build/bench.json.

Filling takes many minutes: what was filled into DIRECTORY is found there the next time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.results import keep

ACCOUNTS = 1_000
MODELS = 12
KEYS = 4
DAYS = 360
# The last day that is full; `now` is its end.
END = "2026-11-01 00:00:00"
BLOCK = 2_000_000
LOAD_TIMEOUT_S = 3_600
ROUNDS = 5
BUSY = "acct-7"

# One row a charge: request n / 2 is served at a time that grows with n, by an account, model and key that it hashes to.
_LINES = """
    SELECT
        number, intDiv(number, 2) AS request_number, number % 2 AS is_out,
        toDateTime64('{end}', 3, 'UTC') - toIntervalMillisecond(intDiv(({charges} - number) * {span_ms}, {charges})) AS at,
        cityHash64(request_number) AS luck,
        concat('acct-', toString(luck % {accounts})) AS who,
        concat('model-', toString(intDiv(luck, 1009) % {models}), 'b') AS what,
        concat('key-', toString(intDiv(luck, 100003) % {keys})) AS which,
        toDecimal128(toUInt64(100 + intDiv(luck, 7) % 4000), 12) AS tokens,
        if(is_out, 'tokens_out', 'tokens_in') AS how,
        toDecimal128(if(is_out, '0.60', '0.20'), 12) AS price
    FROM numbers({first}, {count})"""
_CHARGES = """
    INSERT INTO charges (id, account, time, cause, profile, sku, meter, start, end, quantity, unit, unit_price, amount,
        currency, rule, price_version, request, model, key, kafka_partition, kafka_offset)
    SELECT concat('chg_', hex(sipHash128(request_number)), '_', how), who, at, ('/gateway', concat('ev-', toString(request_number))),
        'flexai', what, how, at, at, tokens / 1000000, '1M tokens', price, tokens * price / 1000000,
        'USD', 'FA-06', '2020-01-01', concat('req-', toString(request_number)), what, which, luck % 4, intDiv(number, 500)
    FROM ({lines})"""
_REQUESTS = """
    INSERT INTO requests (account, time, source, id, request, model, key, input_tokens, output_tokens, kafka_partition, kafka_offset)
    SELECT who, at, '/gateway', concat('ev-', toString(request_number)), concat('req-', toString(request_number)), what, which,
        toUInt128(tokens), toUInt128(tokens), luck % 4, intDiv(number, 500)
    FROM ({lines}) WHERE NOT is_out"""
_WINDOWS = """
    INSERT INTO {table} (account, start, end, {day} time, profile, currency, zone, sku, model, key, meter, unit, quantity, amount,
        charges, version, kafka_partition, kafka_offset)
    SELECT account, {begin}(time) AS begun, begun + INTERVAL 1 {unit}, {day_value} max(time), 'flexai', 'USD', 'UTC', sku, model, key, meter,
        '1M tokens', sum(quantity), sum(amount), count(), count(), any(kafka_partition), max(kafka_offset)
    FROM charges WHERE toYYYYMM(time) = {month} GROUP BY account, begun, sku, model, key, meter"""
_BALANCES = """
    INSERT INTO balances (account, time, cause, profile, balance, currency, buckets, flags, keys, seq, id, kafka_partition, kafka_offset)
    SELECT concat('acct-', toString(number)), toDateTime64('{end}', 3, 'UTC'), ('/gateway', 'last'), 'flexai', 100, 'USD',
        map('paid', 100), [], map(), 1, 'h', number % 4, 1
    FROM numbers({accounts})"""


def run(dsn: str, *, charges: int = 100_000_000, database: str = "bench_analysis") -> dict[str, float]:
    """The figures of `build/bench.json`; the database must be fresh, or filled by an earlier run with as many charges."""
    from sinks.clickhouse.client import connect
    from sinks.clickhouse.migrate import migrate
    from sinks.clickhouse.reports import Reports

    migrate(dsn, database)
    client = connect(dsn, database)
    filled = client.query("SELECT count() FROM charges").result_rows[0][0] == charges
    fill_s = 0.0 if filled else _fill(patient(dsn, database), charges)
    reports = Reports(client)
    figures = {
        "analysis_charges": charges,
        **({} if filled else {"analysis_fill_s": round(fill_s)}),
        "cost_by_model_account_ms": _median_ms(lambda: reports.costs(BUSY, 30, by="model")),
        "cost_by_model_all_ms": _median_ms(lambda: client.query(_ALL).result_rows),
        "top_requests_ms": _median_ms(lambda: reports.top_requests(BUSY, 30, 10)),
        "projection_ms": _median_ms(lambda: reports.projection(BUSY)),
        "suggestions_ms": _median_ms(lambda: reports.suggestions(BUSY, 30)),
        "accounts_by_burn_ms": _median_ms(lambda: reports.overview("burn")),
        "bytes_per_charge": _bytes(client, "charges"),
        "bytes_per_request": _bytes(client, "requests"),
        "bytes_per_hourly_line": _bytes(client, "hourly_costs"),
    }
    _check(client, reports)
    return figures


def patient(dsn: str, database: str) -> Any:
    """A client for statements that take long."""
    import clickhouse_connect

    return clickhouse_connect.get_client(dsn=dsn, database=database, send_receive_timeout=LOAD_TIMEOUT_S)


_ALL = """
    SELECT x_Model, BillingCurrency, sum(BilledCost), sum(x_Charges) FROM costs_by_day
    WHERE x_Day > toDate('2026-10-02') GROUP BY x_Model, BillingCurrency ORDER BY x_Model"""


def _fill(client: Any, charges: int) -> float:
    started_s = time.monotonic()
    shape = {
        "charges": charges,
        "end": END,
        "span_ms": DAYS * 86_400_000,
        "accounts": ACCOUNTS,
        "models": MODELS,
        "keys": KEYS,
    }
    for first in range(0, charges, BLOCK):
        lines = _LINES.format(first=first, count=min(BLOCK, charges - first), **shape)
        print(f"{first:,} of {charges:,} charges after {time.monotonic() - started_s:.0f} s", flush=True)
        for statement in (_CHARGES, _REQUESTS):
            client.command(statement.format(lines=lines), settings={"max_partitions_per_insert_block": 0})
    months = [
        row[0] for row in client.query("SELECT DISTINCT toYYYYMM(time) FROM charges ORDER BY 1").result_rows
    ]
    hours = {"table": "hourly_costs", "day": "", "day_value": "", "begin": "toStartOfHour", "unit": "HOUR"}
    days = {
        "table": "daily_costs",
        "day": "day,",
        "day_value": "toDate(begun),",
        "begin": "toStartOfDay",
        "unit": "DAY",
    }
    for month in months:
        for kind in (hours, days):
            client.command(
                _WINDOWS.format(month=month, **kind),
                settings={"max_bytes_before_external_group_by": 500_000_000},
            )
    client.command(_BALANCES.format(**shape))
    client.command(
        f"INSERT INTO clocks (kafka_partition, kafka_offset, time) SELECT number, 1, '{END}' FROM numbers(4)"
    )
    return time.monotonic() - started_s


def _median_ms(ask: Callable[[], object]) -> float:
    ask()
    spent = []
    for _ in range(ROUNDS):
        started_s = time.monotonic()
        ask()
        spent.append(1000 * (time.monotonic() - started_s))
    return round(statistics.median(spent), 1)


def _bytes(client: Any, table: str) -> float:
    ((size, rows),) = client.query(
        f"SELECT sum(bytes_on_disk), sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND table = '{table}'"
    ).result_rows
    return round(size / max(rows, 1), 1)


def _check(client: Any, reports: Any) -> None:
    """A quick answer that is wrong is none: the report is the sum of the charges, and so are the dearest requests."""
    report = reports.costs(BUSY, 30, by="model")
    ((charged,),) = client.query(
        "SELECT toString(sum(toDecimal256(amount, 12))) FROM charges FINAL WHERE account = {account:String} "
        "AND toDate(time) BETWEEN {first:Date} AND {last:Date}",
        parameters={"account": BUSY, "first": report["from"], "last": report["to"]},
    ).result_rows
    top = reports.top_requests(BUSY, 30, 10)
    if (
        float(report["total"]) != float(charged)
        or len(top["requests"]) != 10
        or not top["requests"][0]["request"]
    ):
        raise AssertionError(f"{report['total']} is not {charged}")


def main() -> None:
    """Start the engine, fill it, measure, write the figures down."""
    from tests.servers import clickhouse_server

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--charges", type=int, default=100_000_000)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    with TemporaryDirectory() as passing, clickhouse_server(arguments.keep or Path(passing)) as dsn:
        figures = run(dsn, charges=arguments.charges)
    keep(figures)


if __name__ == "__main__":
    main()
