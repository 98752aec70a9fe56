"""Everything here needs real servers; most fixtures are those of `tests/conftest.py`."""

from collections.abc import Iterator

import pytest

from infra.settings import Clock
from tests.integration.running import Pipeline
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
