"""Brings the tables of ClickHouse up to date by the migrations of the sink."""

from infra.settings import Settings
from infra.store import store_errors


def migrate(settings: Settings) -> int:
    """Apply what is missing; the number of migrations applied.

    Raises `CommandFailed` where ClickHouse does not answer or a migration is refused.
    """
    from sinks.clickhouse.migrate import migrate as apply

    with store_errors(settings):
        return len(apply(settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database))
