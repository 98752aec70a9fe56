"""Our own engine, also where containers are at hand: these tests are about it."""

from collections.abc import Iterator

import pytest

from infra.settings import Settings
from tests.servers import own_settings, running_part


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a running engine of our own, shared by the module."""
    settings = own_settings(tmp_path_factory.mktemp("engine"), clickhouse_memory_mb=768)
    with running_part(settings, "clickhouse"):
        yield settings
