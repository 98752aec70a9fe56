"""Commands `export focus|csv|parquet|beancount`: what ClickHouse holds, as a file for somebody else's tool.

Rows stream: memory does not grow with them. A file appears under its name only when it is whole.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from infra.commands.output import connected

if TYPE_CHECKING:
    from sinks.clickhouse.exports.stream import Export, Seller, Span

DAY_FORMATS = ["%Y-%m-%d"]


class Table(StrEnum):
    """What can be exported as it is."""

    CHARGES = "charges"
    LEDGER = "ledger"


First = Annotated[datetime, typer.Option("--from", formats=DAY_FORMATS, help="First day, UTC.")]
After = Annotated[datetime, typer.Option("--to", formats=DAY_FORMATS, help="Day after the last one, UTC.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write; without it the standard output.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    exports = typer.Typer(help="Write charges and postings for another tool: FOCUS, CSV, Parquet, beancount.")
    exports.command()(focus)
    exports.command("csv")(csv_file)
    exports.command()(parquet)
    exports.command()(beancount)
    app.add_typer(exports, name="export")


def focus(
    start: First,
    end: After,
    as_parquet: Annotated[bool, typer.Option("--parquet", help="Write Parquet instead of CSV.")] = False,
    output: Output = None,
) -> None:
    """Write FOCUS 1.2 rows: usage, purchases, credit that was given, corrections."""
    from sinks.clickhouse.exports import stream

    write = _write_parquet if as_parquet else _write_csv
    write(stream.focus(_span(start, end), _sellers()), output)


def csv_file(table: Table, start: First, end: After, output: Output = None) -> None:
    """Write charges or the ledger as CSV; names that a spreadsheet would take for a formula are guarded."""
    _write_csv([_table(table, start, end, guarded=True)], output)


def parquet(table: Table, start: First, end: After, output: Output = None) -> None:
    """Write charges or the ledger as Parquet."""
    _write_parquet([_table(table, start, end, guarded=False)], output)


def beancount(start: First, end: After, output: Output = None) -> None:
    """Write the ledger as a beancount book that asserts the balances at its end."""
    from sinks.clickhouse.exports.book import lines

    span = _span(start, end)
    with connected() as client, _target(output) as target:
        for line in lines(client, span, _sellers()):
            target.write(line.encode())


def _table(table: Table, start: datetime, end: datetime, *, guarded: bool) -> "Export":
    from sinks.clickhouse.exports import stream

    exports = {Table.CHARGES: stream.charges, Table.LEDGER: stream.ledger}
    return exports[table](_span(start, end), guarded=guarded)


def _span(start: datetime, end: datetime) -> "Span":
    from sinks.clickhouse.exports.stream import Span

    if end <= start:
        raise typer.BadParameter("must be after --from; it is the day after the last one", param_hint="--to")
    return Span(start.date(), end.date())


def _sellers() -> "list[Seller]":
    from infra.books import load_book
    from infra.settings import load_settings
    from sinks.clickhouse.exports.stream import Seller

    profiles = [offer.profile for offer in load_book(load_settings().profiles_dir).offers.values()]
    return [
        Seller(each.name, each.title, each.display.per_currency if each.display else None)
        for each in profiles
    ]


def _write_csv(exports: "Sequence[Export]", output: Path | None) -> None:
    from sinks.clickhouse.exports import csv_text

    with connected() as client, _target(output) as target:
        for piece in csv_text.pieces(client, exports):
            target.write(piece)


def _write_parquet(exports: "Sequence[Export]", output: Path | None) -> None:
    from sinks.clickhouse.exports import parquet

    with connected() as client, _target(output) as target:
        parquet.write(client, exports, target)


@contextmanager
def _target(output: Path | None) -> Iterator[IO[bytes]]:
    """Where the bytes go; a file is renamed to its name at the end, and gone where it was not finished."""
    if output is None:
        yield sys.stdout.buffer
        return
    part = output.with_name(f"{output.name}.part")
    try:
        with part.open("wb") as target:
            yield target
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
