"""Brings the tables of ClickHouse up to date by the migrations of the sink."""

from infra.errors import CommandFailed
from infra.settings import Settings


def migrate(settings: Settings) -> int:
    """Apply what is missing; the number of migrations applied.

    Raises `CommandFailed` where ClickHouse does not answer or a migration is refused.
    """
    from sinks.clickhouse.client import ClickHouseError
    from sinks.clickhouse.migrate import migrate as apply

    try:
        return len(apply(settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database))
    except ClickHouseError as error:
        raise CommandFailed(f"ClickHouse at {settings.clickhouse_url}: {error}") from None
