"""Part `clickhouse`: the engine of chDB behind ClickHouse's HTTP interface."""

from infra.clickhouse.server import run
from infra.host import check_directory, check_port
from infra.parts.ready import mark_ready
from infra.settings import Settings


def main(settings: Settings) -> None:
    """Serve until told to stop.

    Raises `CommandFailed` where the port or the directory cannot be used.
    """
    check_clickhouse(settings)
    run(
        settings.data_dir / "clickhouse",
        memory_mb=settings.clickhouse_memory_mb,
        host=settings.clickhouse_host,
        port=settings.clickhouse_port,
        credentials=settings.clickhouse_credentials,
        on_ready=lambda: mark_ready(settings, "clickhouse"),
    )


def check_clickhouse(settings: Settings) -> None:
    """Everything the engine needs is there."""
    check_directory(settings.data_dir / "clickhouse")
    check_port(settings.clickhouse_host, settings.clickhouse_port, "METERSTREAM_CLICKHOUSE_DSN")
