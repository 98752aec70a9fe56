"""The store from the command line: what ClickHouse does not do is one line that says where it is and what helps."""

from collections.abc import Iterator
from contextlib import contextmanager

from infra.errors import CommandFailed
from infra.settings import Settings


@contextmanager
def store_errors(settings: Settings) -> Iterator[None]:
    """Inside the block errors of ClickHouse become CommandFailed."""
    from sinks.clickhouse.client import ClickHouseDown, ClickHouseError, SchemaMissing

    try:
        yield
    except SchemaMissing:
        raise CommandFailed(
            f"ClickHouse has no database {settings.clickhouse_database} yet; start the pipeline with meterstream up"
        ) from None
    except ClickHouseDown as error:
        raise CommandFailed(
            f"ClickHouse at {settings.clickhouse_url}: {error}; is it up (meterstream status)?"
        ) from None
    except ClickHouseError as error:
        raise CommandFailed(f"ClickHouse at {settings.clickhouse_url}: {error}") from None
