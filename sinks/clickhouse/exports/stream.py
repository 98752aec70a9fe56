"""A statement of this folder run in ClickHouse, its answer handed on piece by piece as ClickHouse formats it.

Nothing is held: the memory of an export does not depend on its rows.
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
    """ClickHouse's names of the formats that are handed on."""

    CSV = "CSV"
    CSV_WITH_NAMES = "CSVWithNames"
    PARQUET = "Parquet"


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

    def pieces(self, client: Client, form: Form) -> Iterator[bytes]:
        """The answer in `form`; raises `ClickHouseError`, also while the answer is on its way."""
        with (
            translated(),
            client.raw_stream(
                self.statement, parameters=dict(self.parameters), settings=dict(SETTINGS), fmt=form.value
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


def together(first: Export, second: Export) -> Export:
    """Both in one answer, in no order: for formats that cannot be put one after the other."""
    return Export(
        f"SELECT * FROM ({first.statement}) UNION ALL SELECT * FROM ({second.statement})",  # noqa: S608 - files of this folder
        {**first.parameters, **second.parameters},
    )


@cache
def statement(name: str) -> str:
    """The text of `name`.sql of this folder."""
    return (files("sinks.clickhouse.exports") / f"{name}.sql").read_text(encoding="utf-8")


def _midnight(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S")
