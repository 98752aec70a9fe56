"""Connecting to ClickHouse, and its errors in our words.

ClickHouseError                anything ClickHouse did not do
├── ClickHouseDown             it cannot be reached or is not able to; the same may work later
├── SchemaMissing              the database or a table is not there (yet)
└── DataRefused                it read the data and cannot take them; the same will fail again
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error as DriverError
from clickhouse_connect.driver.exceptions import OperationalError

CONNECT_TIMEOUT_S: Final = 5
ANSWER_TIMEOUT_S: Final = 120
# What ClickHouse answers to text it cannot read as the column's type: cannot parse (6, 25, 26, 27, 33, 38, 41,
# 72, 130), out of bounds (69, 407), no conversion (70, 53), incorrect data (117), null (349), constraint (469).
DATA_CODES: Final = frozenset({6, 25, 26, 27, 33, 38, 41, 53, 69, 70, 72, 117, 130, 349, 407, 469})
# Unknown table, unknown database.
SCHEMA_CODES: Final = frozenset({60, 81})
_ERRNO: Final = re.compile(r"\[Errno -?\d+\] ([\w ]+)")


class ClickHouseError(Exception):
    """ClickHouse did not do what was asked."""


class ClickHouseDown(ClickHouseError):
    """It cannot be reached, or cannot do it now."""


class SchemaMissing(ClickHouseError):
    """The database or a table is not there; `migrate` makes them."""


class DataRefused(ClickHouseError):
    """The data are not what the table holds."""


@contextmanager
def translated() -> Iterator[None]:
    """Inside the block the driver's errors become ours."""
    try:
        yield
    except OperationalError as error:
        raise ClickHouseDown(_reason(error)) from None
    except DriverError as error:
        if error.code in DATA_CODES:
            raise DataRefused(_first_line(error)) from None
        if error.code in SCHEMA_CODES:
            raise SchemaMissing(_first_line(error)) from None
        raise ClickHouseError(_first_line(error)) from None


def _reason(error: Exception) -> str:
    """Of a chain of messages about one broken connection, the system's words."""
    system = _ERRNO.search(str(error))
    return f"cannot be reached: {system[1].strip()}" if system else _first_line(error)


def _first_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    # The driver puts the code twice before ClickHouse's words, and the URL after them.
    return line.rpartition("DB::Exception: ")[2].partition(" (for url ")[0][:500]


def connect(dsn: str, database: str) -> Client:
    """A client of `database`; it may be used by several threads.

    Raises `ClickHouseDown` where nothing answers, `ClickHouseError` where the user or the database is refused.
    """
    # What the driver logs on a broken connection is raised too, and told once by whoever asked.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    with translated():
        return clickhouse_connect.get_client(
            dsn=dsn,
            database=database,
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=ANSWER_TIMEOUT_S,
            # Without a session requests do not exclude each other.
            autogenerate_session_id=False,
        )
