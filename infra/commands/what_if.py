"""Command `what-if`: history billed again with another price book, and the difference."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.commands.output import print_json

if TYPE_CHECKING:
    from infra.audit.what_if import Compared

HEADER = ("account", "sku", "billed", "instead", "difference")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(what_if)


def what_if(
    profile: Annotated[
        Path, typer.Argument(help="The other price book, named after the profile it stands for.")
    ],
    start: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, UTC.")],
    end: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Day after the last one, UTC.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Bill history again with another price book and show the difference by account and sku; nothing is changed."""
    from infra.audit.topics import Topics
    from infra.audit.what_if import compare, journal_of, load_instead
    from infra.books import load_book
    from infra.settings import load_settings

    if end <= start:
        raise typer.BadParameter("must be after --from; it is the day after the last one", param_hint="--to")
    settings = load_settings()
    book = load_book(settings.profiles_dir)
    span = (f"{start:%Y-%m-%d}T00:00:00.000Z", f"{end:%Y-%m-%d}T00:00:00.000Z")
    instead = load_instead(profile, book)
    found = compare(journal_of(Topics(settings), _say), book, instead, span)
    if as_json:
        print_json(_answer(found))
    else:
        _print_table(found)


def _table(found: "Compared") -> list[tuple[str, ...]]:
    from schemas.values import money_text

    return [(*name, *(money_text(amount) for amount in amounts)) for name, *amounts in found.rows()]


def _totals(found: "Compared") -> tuple[str, ...]:
    from schemas.values import money_text

    return tuple(money_text(amount) for amount in found.totals())


def _answer(found: "Compared") -> dict[str, object]:
    rows = [dict(zip(HEADER, row, strict=True)) for row in _table(found)]
    total = dict(zip(HEADER[2:], _totals(found), strict=True))
    return {"profile": found.profile, "currency": found.currency, "rows": rows, "total": total}


def _print_table(found: "Compared") -> None:
    from rich.table import Table
    from rich.text import Text

    from infra.audit.show import wide_console

    table = Table(box=None, pad_edge=False, show_footer=True)
    footers = ("total", "", *_totals(found))
    for heading, footer in zip(HEADER, footers, strict=True):
        table.add_column(heading, footer, justify="left" if heading in HEADER[:2] else "right")
    for row in _table(found):
        table.add_row(*(Text(cell) for cell in row))
    console = wide_console()
    console.print(Text(f"{found.profile}, {found.currency}", "bold"))
    console.print(table)


def _say(line: str) -> None:
    if sys.stderr.isatty():
        print(f"meterstream: {line}", file=sys.stderr, flush=True)
