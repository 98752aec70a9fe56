"""`replay` makes an emptied ClickHouse anew from the journal: the same rows, the same figures in every view."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sinks.clickhouse.tables import COORDINATES, JOURNALED, REBUILT, TABLES
from tests.integration.running import DAY_MS, SPEC, START_MS, Pipeline, event, opened, paid, request

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow, pytest.mark.timeout(300)]


def story() -> list[bytes]:
    """Charges of both kinds, a refusal by ingest, one by the fold, a stop that comes late, windows that close."""
    start_ms = START_MS + 5 * DAY_MS
    lease = {"resource": "vm", "sku": "machine", "mode": "payg", "spec": SPEC}
    lines = [opened("again-flex", "flexai", start_ms), opened("again-flux", "fluxedge", start_ms)]
    lines += [paid("again-flux", "p", "20.00", start_ms), paid("again-flex", "small", "4.00", start_ms)]
    lines.append(event("instance.started", "again-flux", "start", start_ms, **lease))
    lines += [request("again-flex", number, start_ms + number * 600_000, 50_000) for number in range(1, 160)]
    lines.append(lines[-1].replace(b"50000", b"60000"))
    lines.append(event("clock.tick", "again-flux", "tick-again", start_ms + 10 * 3_600_000))
    lines.append(
        event(
            "instance.stopped", "again-flux", "late", start_ms + 8 * 3_600_000, resource="vm", reason="user"
        )
    )
    return lines


def rows_of(running: Pipeline) -> dict[str, Sequence[Any]]:
    """Every row of every table and view, without Kafka's coordinates."""
    written = {table.name: table.columns for table in TABLES} | JOURNALED
    columns = {table: [name for name in names if name not in COORDINATES] for table, names in written.items()}
    # How late a batch was is another story each time; a view with parameters is no relation.
    views = [
        row[0]
        for row in running.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' "
            "AND name != 'freshness' AND create_table_query NOT LIKE '%{account:String}%'"
        )
    ]
    assert len(views) >= 17
    return {
        name: running.query(f"SELECT {', '.join(f'`{c}`' for c in wanted)} FROM {name} FINAL ORDER BY ALL")
        for name, wanted in columns.items()
    } | {view: sorted(map(str, running.query(f"SELECT * FROM {view}"))) for view in views}


def test_an_emptied_database_comes_back_row_by_row(running: Pipeline, tmp_path: Path) -> None:
    running.emit(tmp_path, story())
    running.reconcile()
    before = rows_of(running)

    for table in REBUILT:
        running.query(f"TRUNCATE TABLE {table}")
    gone = running.reconcile(check=False)
    said = running.run("replay", "--yes").stdout

    assert not gone["clean"]
    assert "charges" in said
    after = rows_of(running)
    assert {name for name in before if before[name] != after[name]} == set()
    assert all(
        before[name]
        for name in ("charges", "entries", "hourly_costs", "daily_costs", "rejections", "notices", "requests")
    )
    running.reconcile()


def test_check_compares_without_changing_anything(running: Pipeline) -> None:
    said = running.run("replay", "--check").stdout

    assert said.endswith("the same rows as the journal gives, in every table\n")
    databases = [row[0] for row in running.query("SHOW DATABASES")]
    assert not [name for name in databases if name.endswith("_replay")]


def test_check_says_whose_rows_differ(running: Pipeline, tmp_path: Path) -> None:
    running.emit(tmp_path, [opened("odd-one", "flexai", START_MS + 6 * DAY_MS)])
    running.reconcile()
    running.query("ALTER TABLE entries DELETE WHERE account = 'odd-one' SETTINGS mutations_sync = 2")

    done = running.run("replay", "--check", check=False)

    assert done.returncode == 1
    assert "entries: odd-one: 0 rows here, 1 from the journal, not the same" in done.stderr
    running.run("replay", "--yes")


def test_it_asks_before_it_empties_anything(running: Pipeline) -> None:
    done = running.run("replay", check=False)

    assert done.returncode == 2
    assert "--yes" in done.stderr
