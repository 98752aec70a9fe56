"""`meterstream demo`, as a user runs it: a month, a crash, and everything adds up."""

import re

import pytest

from infra.demo.script import Script
from infra.demo.stories import tell_all
from tests.integration.running import Pipeline
from tests.servers import free_port

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow, pytest.mark.timeout(400)]


def accounts_told() -> list[str]:
    """The accounts of all stories."""
    script = Script(0, 1)
    tell_all(script)
    return script.accounts


def test_the_demo_plays_a_month_kills_the_worker_and_adds_up(running: Pipeline) -> None:
    """Beside a running pipeline on the same base, which it leaves alone."""
    before = {part: running.pid(part) for part in ("worker-0", "ingest", "sink-clickhouse")}
    show = Pipeline(running.settings.model_copy(update={
        "namespace": "show", "clickhouse_database": "show_meterstream", "http_port": free_port(),
    }))  # fmt: skip

    try:
        done = show.run("demo", "--until", "2026-11-20", timeout_s=350)
        answer = show.reconcile()
    finally:
        show.run("down", check=False)

    shown = done.stdout
    assert "✓ journal = worker = ledger = ClickHouse, to the last digit" in shown
    assert "✗" not in shown
    assert re.search(r"kill -9 \d+: the worker dies in the middle", shown)
    assert "the worker is back" in shown
    for reason in (
        "below_minimum",
        "method_not_accepted",
        "duplicate_conflict",
        "schema_invalid",
        "insufficient_balance",
    ):
        assert reason in shown
    assert re.search(r"^\d+ mails to the owners", shown, re.MULTILINE)
    assert "METERSTREAM_NAMESPACE=show make down" in shown
    assert answer["accounts"] == len(accounts_told())
    assert {part: running.pid(part) for part in before} == before


def test_it_wipes_no_namespace_that_it_has_not_made(running: Pipeline) -> None:
    done = running.run("demo", check=False)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "meterstream: namespace whole holds data that no demo made"
    )
    running.reconcile()
