"""`what-if` on a running pipeline: the difference is told and nothing has changed."""

import json
from pathlib import Path

import pytest

from infra.books import SHIPPED
from tests.integration.running import DAY_MS, START_MS, Pipeline, opened, paid, request

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_difference_is_told_and_the_ledger_is_as_it_was(running: Pipeline, tmp_path: Path) -> None:
    start_ms = START_MS + 6 * DAY_MS
    lines = [opened("asked", "flexai", start_ms), paid("asked", "p", "20.00", start_ms)]
    lines += [request("asked", number, start_ms + number * 1_000, 1_000_000) for number in range(1, 6)]
    running.emit(tmp_path, lines)
    # It waits until all of it has come to ClickHouse.
    running.reconcile()
    before = running.run("ledger", "asked", "--json").stdout
    book = tmp_path / "flexai.toml"
    book.write_text((SHIPPED / "flexai.toml").read_text().replace('tokens_in = "0.20"', 'tokens_in = "0.25"'))

    told = running.run("what-if", str(book), "--from", "2020-01-01", "--to", "2030-01-01", "--json").stdout

    (row,) = [row for row in json.loads(told)["rows"] if row["account"] == "asked"]
    assert (row["billed"], row["instead"], row["difference"]) == ("1.00", "1.25", "0.25")
    assert running.run("ledger", "asked", "--json").stdout == before
    running.reconcile()
