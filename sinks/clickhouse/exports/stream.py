"""A statement of this folder run in ClickHouse, its answer handed on piece by piece as ClickHouse formats it.

Nothing is held: the memory of an export does not depend on its rows. Only rows without a heading are asked for at length:
the engine of one machine (chDB) makes an answer that has a beginning or an end of its own as a whole first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.client import translated

PIECE_BYTES: Final = 1 << 18
# Numbers and times as this product writes them everywhere; rows read in the order of the table's key.
SETTINGS: Final[Mapping[str, Any]] = {
    "output_format_decimal_trailing_zeros": 0,
    "optimize_read_in_order": 1,
    "format_csv_null_representation": "",
    "output_format_parquet_string_as_string": 1,
    "output_format_csv_crlf_end_of_line": 0,
    "join_algorithm": "grace_hash",
}
CREDIT_NAME: Final = "Credits"


class Form(StrEnum):
    """ClickHouse's names of formats: of the rows, and of an empty answer that tells their names or types."""

    ROWS = "CSV"
    NAMES = "CSVWithNames"
    TYPES = "Parquet"


@dataclass(frozen=True)
class Span:
    """Whole days of UTC, [`start`, `end`), by the time at which a line fell due."""

    start: date
    end: date

    def parameters(self) -> dict[str, Any]:
        """The two parameters that every statement has."""
        return {"from": _midnight(self.start), "to": _midnight(self.end)}


@dataclass(frozen=True)
class Seller:
    """What FOCUS wants to know of a profile: its title, and how many credits a unit of currency buys, if any."""

    name: str
    title: str
    credits_per_unit: Decimal | None = None


@dataclass(frozen=True)
class Export:
    """A statement and its parameters."""

    statement: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, client: Client) -> Iterator[bytes]:
        """The rows as CSV without a heading; raises `ClickHouseError`, also while they are on their way."""
        return _pieces(client, self.statement, self.parameters, Form.ROWS)

    def empty(self, client: Client, form: Form) -> bytes:
        """What `form` says of the columns where there is no row."""
        without = f"SELECT * FROM ({self.statement}) LIMIT 0"  # noqa: S608 - a file of this folder
        return b"".join(_pieces(client, without, self.parameters, form))


def _pieces(client: Client, sql: str, parameters: Mapping[str, Any], form: Form) -> Iterator[bytes]:
    with (
        translated(),
        client.raw_stream(
            sql, parameters=dict(parameters), settings=dict(SETTINGS), fmt=form.value
        ) as answer,
    ):
        while piece := answer.read(PIECE_BYTES):
            yield piece


def charges(span: Span, *, guarded: bool) -> Export:
    """Every charge; `guarded` keeps spreadsheets from taking a name for a formula."""
    return Export(statement("charges"), {**span.parameters(), "guarded": guarded})


def ledger(span: Span, *, guarded: bool) -> Export:
    """Every posting; `guarded` as for `charges`."""
    return Export(statement("ledger"), {**span.parameters(), "guarded": guarded})


def focus(span: Span, sellers: Sequence[Seller]) -> tuple[Export, Export]:
    """FOCUS rows: those of the charges, and those of the ledger beside them; both have the same columns."""
    parameters = {
        **span.parameters(),
        **seller_parameters(sellers),
        "credit_name": CREDIT_NAME,
        "titles": [seller.title for seller in sellers],
    }
    return Export(statement("focus_charges"), parameters), Export(statement("focus_ledger"), parameters)


def seller_parameters(sellers: Sequence[Seller]) -> dict[str, Any]:
    """The parameters that tell who sells credits."""
    return {
        "profiles": [seller.name for seller in sellers],
        "per": [seller.credits_per_unit or Decimal(0) for seller in sellers],
    }


@cache
def statement(name: str) -> str:
    """The text of `name`.sql of this folder."""
    return (files("sinks.clickhouse.exports") / f"{name}.sql").read_text(encoding="utf-8")


def _midnight(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S")
