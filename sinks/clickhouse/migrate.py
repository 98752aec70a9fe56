"""Brings a database to the schema of this release: numbered files of `migrations/`, each applied once.

Done by clickhouse-migrations over HTTP (it keeps what was applied in `schema_versions`, with a checksum of
each file). Every statement can be repeated (`IF NOT EXISTS`, `OR REPLACE`), so a run that died half-way is
simply run again, and two at the same time do no harm; the library's own lock needs Keeper, which one node lacks.
"""

import logging
from pathlib import Path
from typing import Final

from clickhouse_migrations.clickhouse_cluster import ClickhouseCluster
from clickhouse_migrations.exceptions import MigrationException

from sinks.clickhouse.client import ClickHouseError, translated

MIGRATIONS_DIR: Final = Path(__file__).parent / "migrations"

log = logging.getLogger(__name__)


def migrate(dsn: str, database: str) -> list[int]:
    """Create `database` at `dsn` (``http[s]://[user:password@]host:port``) where it is missing and bring it up to date.

    Returns the numbers of the files that were applied by this call. Raises `ClickHouseError` where ClickHouse
    cannot be reached or refuses, and where the database was made by another release than this one's past.
    """
    with translated():
        cluster = ClickhouseCluster(db_url=dsn, driver="clickhouse-connect")
        try:
            applied = cluster.migrate(database, MIGRATIONS_DIR, migration_log_format="compact")
        except MigrationException as error:
            raise ClickHouseError(f"database {database}: {error}") from None
    numbers = [migration.version for migration in applied or []]
    if numbers:
        log.info("database %s: applied migrations %s", database, numbers)
    return numbers
