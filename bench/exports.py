"""An export of many rows: how many a second, and how much memory the command takes. `python -m bench.exports`.

The rows are made by the engine itself; what is measured is the command `export focus`, from the question to the
last byte of the file. Its memory is that of its process: the engine has a limit of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.results import keep
from infra.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.migrate import migrate
from tests.servers import clickhouse_server, own_settings

ROWS = 10_000_000
BLOCK = 1_000_000
# Charges of 1,000 accounts over a month, as the worker writes them.
FILL = """
INSERT INTO charges (id, account, time, cause, profile, sku, meter, start, end, quantity, unit, unit_price, amount,
    currency, rule, price_version, resource, request, model, key, corrects, kafka_partition, kafka_offset)
SELECT concat('chg_', lower(hex(sipHash64(number))), '_tokens_in'), concat('account-', toString(number % 1000)),
    toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + toIntervalMillisecond(intDiv(number * 2592000, {rows:UInt64}) * 1000) AS time,
    ('gateway', toString(number)), 'flexai', 'llama-3.3-70b', 'tokens_in', time, time,
    toDecimal128(number % 90000, 12) / 1000000 AS quantity, '1M tokens', '0.2', toDecimal128(quantity * 2 / 10, 12), 'USD', 'FA-06', '2020-01-01',
    '', concat('r', toString(number)), 'llama-3.3-70b', concat('key-', toString(number % 3000)), '', number % 4, number
FROM numbers({first:UInt64}, {count:UInt64})
"""


def run(settings: Settings, rows: int = ROWS) -> dict[str, float]:
    """Fill a database with `rows` charges and export them."""
    dsn, database = settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database
    migrate(dsn, database)
    client = connect(dsn, database)
    for first in range(0, rows, BLOCK):
        client.command(FILL, parameters={"rows": rows, "first": first, "count": min(BLOCK, rows - first)})
    with tempfile.TemporaryDirectory() as folder:
        csv, parquet = Path(folder) / "focus.csv", Path(folder) / "focus.parquet"
        csv_s = _export(settings, csv)
        csv_mb = _peak_mb()
        parquet_s = _export(settings, parquet, "--parquet")
        size = csv.stat().st_size
    return {
        "export_rows": rows,
        "export_rows_per_s": round(rows / csv_s),
        "export_rss_mb": csv_mb,
        "export_bytes_per_row": round(size / rows),
        "export_parquet_rows_per_s": round(rows / parquet_s),
        "export_parquet_rss_mb": _peak_mb(),
    }


def _export(settings: Settings, path: Path, *options: str) -> float:
    """Seconds that the command takes."""
    command = [sys.executable, "-m", "infra.cli", "export", "focus", "--from", "2026-11-01"]
    began_s = time.perf_counter()
    subprocess.run(
        [*command, "--to", "2026-12-01", *options, "--output", path],
        env=os.environ | settings.to_env(),
        check=True,
    )
    return time.perf_counter() - began_s


def _peak_mb() -> int:
    """Of the largest command so far: the engine has not ended yet."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def main() -> None:
    """Start an engine, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows: int = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder, clickhouse_server(Path(folder) / "engine") as dsn:
        keep(run(own_settings(Path(folder), clickhouse_dsn=dsn), rows))


if __name__ == "__main__":
    main()
