"""Everything here needs real servers; most fixtures are those of `tests/conftest.py`."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from infra.demo.script import Script
from infra.demo.stories import tell_all
from infra.settings import Clock
from schemas.values import instant_text
from schemas.wire import Unreadable, read_event
from tests.integration.running import Pipeline
from tests.integration.stored import Stored
from tests.servers import own_settings


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A whole pipeline on the clock `events`, shared by tests that use accounts of their own and leave it whole."""
    directory = tmp_path_factory.mktemp("running")
    pipeline = Pipeline(
        own_settings(directory, namespace="whole", clock=Clock.EVENTS, clickhouse_memory_mb=1_024)
    )
    pipeline.run("up")
    yield pipeline
    pipeline.run("down", check=False)


@pytest.fixture(scope="session")
def month(clickhouse_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """The first twelve days of the demo's five providers, every row of it twice."""
    first = datetime(2026, 10, 21, tzinfo=UTC)
    script = Script(int(first.timestamp()) * 1000, 1)
    tell_all(script)
    days = list(script.days())[:12]
    steps = [step for day in days for step in day.steps if step.type]
    # What is no event of the contract, or has other content than before, ends at ingest.
    events = [step.raw for step in steps if not isinstance(read_event(step.raw), Unreadable)]
    settings = own_settings(
        tmp_path_factory.mktemp("month"), namespace="analysis_month", clickhouse_dsn=clickhouse_dsn
    )
    return Stored(settings).tell(events, instant_text(days[-1].end_ms))
