"""`reconcile` is clean where all is well, and finds a single row that is missing, doubled or changed."""

import json
from pathlib import Path

import pytest

from tests.integration.running import DAY_MS, START_MS, Pipeline, opened, paid, request

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow, pytest.mark.timeout(300)]


# What is done to the table that bears the name in a difference.
HARMS = {
    "ClickHouse charges": "ALTER TABLE charges DELETE WHERE id = (SELECT max(id) FROM charges WHERE account = '{0}')",
    "ClickHouse entries": "ALTER TABLE entries DELETE WHERE account = '{0}' AND seq = 7",
    "ClickHouse daily_costs": "ALTER TABLE daily_costs UPDATE amount = amount + 0.000000000001 WHERE account = '{0}'",
    "ClickHouse balances": "ALTER TABLE balances UPDATE balance = balance + 1 WHERE account = '{0}'",
}


def story(account: str, day: int) -> list[bytes]:
    start_ms = START_MS + day * DAY_MS
    lines = [opened(account, "flexai", start_ms), paid(account, "p", "20.00", start_ms)]
    lines += [
        request(account, number, start_ms + number * 1_000, 10_000 + number) for number in range(1, 200)
    ]
    # A duplicate and a conflict: both are counted by ingest, neither is billed.
    return [*lines, lines[-1], lines[-1].replace(b"10199", b"99999")]


def test_a_pipeline_at_rest_is_clean_and_its_counters_add_up(running: Pipeline, tmp_path: Path) -> None:
    running.emit(tmp_path, story("at-rest", 3))

    answer = running.reconcile()

    usd = answer["sums"]["USD"]
    sums = {name: (holder["charged"], holder["posted"], holder["balance"]) for name, holder in usd.items()}
    folded = sums["journal, folded again"]
    assert sums["ClickHouse"] == folded
    assert sums["topics"] == (*folded[:2], None)
    assert sums["worker state"] == sums["balances topic"] == (None, None, folded[2])
    counted = answer["input"]
    assert counted["read"] == counted["accepted"] + counted["duplicates"] + counted["rejected"]
    assert (counted["duplicates"] >= 1, counted["rejected"] >= 1) == (True, True)
    assert counted["accepted"] == answer["events"]


def test_the_table_says_it_in_one_green_line(running: Pipeline) -> None:
    shown = running.run("reconcile").stdout

    assert shown.splitlines()[-1] == "✓ journal = worker = ledger = ClickHouse, to the last digit"


def test_single_rows_that_are_not_right_are_found_and_replay_mends_them(
    running: Pipeline, tmp_path: Path
) -> None:
    """One account, and in each table one row that is missing or a trillionth too high."""
    account = "harmed"
    running.emit(tmp_path, story(account, 4))
    running.reconcile()
    for harm in HARMS.values():
        running.query(harm.format(account) + " SETTINGS mutations_sync = 2")

    done = running.run("reconcile", "--json", check=False)

    found = json.loads(done.stdout)["differences"]
    assert done.returncode == 1
    assert {difference["where"] for difference in found if difference["account"] == account} == set(HARMS)
    running.run("replay", "--yes")
    running.reconcile()
