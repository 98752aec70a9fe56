"""Brings a database to the schema of this release: numbered files of `migrations/`, then every file of `views/`.

Tables are made and changed by migrations, each applied once by clickhouse-migrations over HTTP (it keeps what was
applied in `schema_versions`, with a checksum of each file: one that has landed never changes). Views hold nothing, so
each is a file that says what it is now, made again at every run. (`002_views.sql` is from before that.)

Every statement can be repeated (`IF NOT EXISTS`, `OR REPLACE`), so a run that died half-way is simply run again, and two
at the same time do no harm; the library's own lock needs Keeper, which one node lacks.
"""

import logging
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

from clickhouse_migrations.clickhouse_cluster import ClickhouseCluster
from clickhouse_migrations.exceptions import MigrationException

from sinks.clickhouse.client import ClickHouseError, connect, translated

MIGRATIONS_DIR: Final = Path(__file__).parent / "migrations"
VIEWS_DIR: Final = Path(__file__).parent / "views"
_NAMES_READ: Final = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")

log = logging.getLogger(__name__)


def migrate(dsn: str, database: str) -> list[int]:
    """Create `database` at `dsn` (``http[s]://[user:password@]host:port``) where it is missing and bring it up to date.

    Returns the numbers of the migrations that were applied by this call. Raises `ClickHouseError` where ClickHouse
    cannot be reached or refuses, and where the database was made by another release than this one's past.
    """
    with translated():
        cluster = ClickhouseCluster(db_url=dsn, driver="clickhouse-connect")
        try:
            applied = cluster.migrate(database, MIGRATIONS_DIR, migration_log_format="compact")
        except MigrationException as error:
            raise ClickHouseError(f"database {database}: {error}") from None
    _make_views(dsn, database)
    numbers = [migration.version for migration in applied or []]
    if numbers:
        log.info("database %s: applied migrations %s", database, numbers)
    return numbers


def views() -> dict[str, str]:
    """The statement of each view by its name, those that others read first."""
    statements = {path.stem: path.read_text(encoding="utf-8") for path in sorted(VIEWS_DIR.glob("*.sql"))}
    reads = {name: set(_NAMES_READ.findall(sql)) & statements.keys() for name, sql in statements.items()}
    order = TopologicalSorter({name: read - {name} for name, read in reads.items()}).static_order()
    return {name: statements[name] for name in order}


def _make_views(dsn: str, database: str) -> None:
    client = connect(dsn, database)
    try:
        with translated():
            for statement in views().values():
                client.command(statement)
    finally:
        client.close()
