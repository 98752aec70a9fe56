"""Asking ClickHouse one of the questions in `queries/`, and answers as JSON has them.

Promises: values travel as server-side parameters, never inside the SQL; amounts come out as exact decimal strings
(`schemas.values.money_text`), times as RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from schemas.values import instant_text, money_text, plain
from sinks.clickhouse.client import translated

Row = dict[str, Any]

QUERIES_DIR: Final = Path(__file__).parent / "queries"
LIMIT_MAX: Final = 10_000
# Quantities are shown as short as they are; everything else that is a decimal is money.
QUANTITIES: Final = frozenset({"quantity", "unit_price", "seconds", "hours", "paid_hours", "unused_hours"})
# Wider than Decimal(76, 12): a sum that would be rounded raises.
EXACT: Final = Context(prec=100, traps=[Inexact, InvalidOperation])
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@cache
def query(name: str) -> str:
    """The SQL of `queries/<name>.sql`."""
    return (QUERIES_DIR / f"{name}.sql").read_text(encoding="utf-8")


class Asker:
    """Asks over one client that may be used by several threads.

    Every method raises `ClickHouseDown` or `ClickHouseError` where ClickHouse does not answer.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def rows(self, name: str, **parameters: object) -> list[Row]:
        """The rows that answer question `name`, as the driver gives them."""
        with translated():
            result = self._client.query(query(name), parameters=parameters)
        return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    def value(self, name: str, **parameters: object) -> Any:
        """The one value that answers question `name`, None where there is no row."""
        with translated():
            result = self._client.query(query(name), parameters=parameters)
        rows: Sequence[Sequence[Any]] = result.result_rows
        return rows[0][0] if rows else None


def bounded(limit: int) -> int:
    """`limit`, but 1 to `LIMIT_MAX`."""
    return max(1, min(limit, LIMIT_MAX))


def total(rows: Sequence[Row], name: str = "amount") -> Decimal:
    """The exact sum of a column."""
    found = Decimal(0)
    for row in rows:
        found = EXACT.add(found, row[name])
    return found


def moment(value: datetime) -> datetime:
    """`value` with its zone: the driver gives times of UTC without one."""
    return value.replace(tzinfo=value.tzinfo or UTC)


def as_parameter(value: datetime) -> str:
    """A time as a DateTime64(3) parameter reads it, to the millisecond."""
    return f"{moment(value).astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def time_text(value: datetime) -> str:
    """A time as JSON has it."""
    return instant_text((moment(value) - _EPOCH) // _MILLISECOND)


def shown(row: Row) -> Row:
    """A row as JSON has it."""
    return {name: _json(name, value) for name, value in row.items()}


def _json(name: str, value: Any) -> Any:
    match value:
        case Decimal():
            return plain(value) if name in QUANTITIES else money_text(value)
        case datetime():
            return time_text(value)
        case date():
            return value.isoformat()
        case dict():
            return {key: _json(name, inner) for key, inner in value.items()}
        case _:
            return value
