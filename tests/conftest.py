"""Fixtures for all tests. The servers are real, started once a session and only when a test asks for them."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.servers import clickhouse_server, kafka_server, own_settings


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real broker, shared by the session."""
    with kafka_server(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def clickhouse_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DSN of a real ClickHouse engine, shared by the session."""
    with clickhouse_server(tmp_path_factory.mktemp("clickhouse")) as dsn:
        yield dsn


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test has: topics, groups and database are a test's own."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def local_settings(tmp_path: Path, namespace: str) -> Settings:
    """Settings with a data directory and free ports of its own; nothing is started."""
    return own_settings(tmp_path, namespace=namespace)


@pytest.fixture
def kafka_settings(local_settings: Settings, kafka_bootstrap: str) -> Settings:
    """Settings that reach the session's broker."""
    return local_settings.model_copy(update={"kafka_bootstrap": kafka_bootstrap})


@pytest.fixture
def clickhouse_settings(tmp_path: Path, namespace: str, clickhouse_dsn: str) -> Settings:
    """Settings that reach the session's ClickHouse; the database is not created."""
    return own_settings(tmp_path, namespace=namespace, clickhouse_dsn=clickhouse_dsn)


@pytest.fixture
def settings(clickhouse_settings: Settings, kafka_bootstrap: str) -> Settings:
    """Settings that reach the session's broker and ClickHouse, in a fresh namespace."""
    return clickhouse_settings.model_copy(update={"kafka_bootstrap": kafka_bootstrap})
