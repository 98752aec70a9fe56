"""Commands `report`, `balance`, `ledger`: what ClickHouse holds, for a person, as CSV or as JSON.

Amounts are printed as the decimal strings they are; only bars are drawn from rounded numbers. Heavy imports
happen when a command runs: `--help` must be quick.
"""

import sys
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.commands.output import (
    Account,
    AsCsv,
    AsJson,
    ask,
    bar,
    one_form,
    print_csv,
    print_json,
    unknown,
)
from schemas.spreadsheet import cell

if TYPE_CHECKING:
    from sinks.clickhouse.reports import Reports


class Dimension(StrEnum):
    """What costs are split by."""

    RESOURCE = "resource"
    MODEL = "model"
    SKU = "sku"
    KEY = "key"
    METER = "meter"


class Span(StrEnum):
    """How many days a report covers."""

    WEEK = "7"
    FORTNIGHT = "14"
    MONTH = "30"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(report)
    app.command()(balance)
    app.command()(ledger)


def report(
    account: Account,
    days: Annotated[Span, typer.Option("--days", help="Days to show.")] = Span.WEEK,
    by: Annotated[Dimension | None, typer.Option("--by", help="Split each day.")] = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="Last day; by default the latest with a charge."),
    ] = None,
    plot: Annotated[
        bool | None, typer.Option("--plot/--no-plot", help="Draw it; by default on a terminal only.")
    ] = None,
) -> None:
    """Show what an account cost, day by day."""
    one_form(as_csv=as_csv, as_json=as_json)
    last = as_of.date() if as_of else None
    found = ask(lambda reports: reports.costs(account, int(days), by=by.value if by else None, as_of=last))
    if found is None:
        raise unknown(account)
    if as_json:
        print_json(found)
    elif as_csv:
        print_csv(*_report_table(found))
    else:
        if sys.stdout.isatty() if plot is None else plot:
            from infra.commands.plot import drawn

            sys.stdout.write(drawn(found))
        _print_report(found)


def balance(account: Account, as_json: AsJson = False) -> None:
    """Show an account's balance and what it is made of."""
    found = ask(lambda reports: reports.balance(account))
    if found is None:
        raise unknown(account)
    if as_json:
        print_json(found)
        return
    buckets = ", ".join(f"{name} {amount}" for name, amount in found["buckets"].items())
    flags = f" [{', '.join(found['flags'])}]" if found["flags"] else ""
    sys.stdout.write(f"{found['balance']} {found['currency']}{flags}\n")
    sys.stdout.write(
        f"{buckets}; after posting {found['seq']} at {found['time']}, profile {found['profile']}\n"
    )


def ledger(
    account: Account,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Newest postings to show; CSV and JSON give all without it."),
    ] = None,
) -> None:
    """Show an account's postings, the oldest first."""
    one_form(as_csv=as_csv, as_json=as_json)
    # A person reads a screenful; a file is complete unless asked otherwise.
    wanted = limit or (None if as_csv or as_json else 50)
    entries = ask(lambda reports: _entries(reports, account, wanted))
    if entries is None:
        raise unknown(account)
    if as_json:
        print_json(entries)
    elif as_csv:
        print_csv(*_ledger_table(entries))
    else:
        _print_ledger(account, entries)


def _entries(reports: "Reports", account: str, wanted: int | None) -> list[dict[str, Any]] | None:
    """The newest `wanted` postings (all for None), the oldest first; None for an unknown account."""
    found: list[dict[str, Any]] = []
    before = None
    while wanted is None or len(found) < wanted:
        page = reports.ledger(account, limit=10_000 if wanted is None else wanted - len(found), before=before)
        found += page
        if not page or page[-1]["seq"] <= 1:
            break
        before = page[-1]["seq"]
    if not found and not reports.is_known(account):
        return None
    return found[::-1]


# --- printing ------------------------------------------------------------------------------------------


def _report_table(found: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a report: a row for each day, with `--by` for each day and name."""
    currency = cell(found["currency"])
    if not found["by"]:
        return ["day", "amount", "currency", "charges"], [
            [day["day"], day["amount"], currency, str(day["charges"])] for day in found["days"]
        ]
    header = ["day", found["by"], "amount", "currency", "charges"]
    # A day without a charge keeps its row.
    empty: list[dict[str, Any]] = [{"name": "", "amount": "0.00", "charges": 0}]
    lines = [(day, line) for day in found["days"] for line in day["lines"] or empty]
    return header, [
        [day["day"], cell(line["name"]), line["amount"], currency, str(line["charges"])]
        for day, line in lines
    ]


def _ledger_table(entries: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a ledger; amounts are decimals of ours and stay numbers, also negative ones."""
    names, numbers = ("type", "bucket"), ("amount", "balance")
    header = ["seq", "time", *names, *numbers, "currency", "charge", "payment", "id"]
    texts = ("currency", "charge", "payment", "id")
    rows = [
        [
            str(entry["seq"]),
            entry["time"],
            *(cell(entry[name]) for name in names),
            *(entry[name] for name in numbers),
            *(cell(entry[name]) for name in texts),
        ]
        for entry in entries
    ]
    return header, rows


def _print_report(found: dict[str, Any]) -> None:
    from decimal import Decimal

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    greatest = max(Decimal(day["amount"]) for day in found["days"])
    table = Table(box=None, pad_edge=False, show_footer=True)
    table.add_column("day", "total")
    table.add_column(found["currency"], found["total"], justify="right")
    table.add_column("charges", str(found["charges"]), justify="right")
    table.add_column("")
    for day in found["days"]:
        table.add_row(
            day["day"], day["amount"], str(day["charges"]), Text(bar(day["amount"], greatest), "cyan")
        )
        for line in day.get("lines", ()):
            name = line["name"] or f"(no {found['by']})"
            table.add_row(
                Text(f"  {name}", "dim"), Text(line["amount"], "dim"), Text(str(line["charges"]), "dim"), ""
            )
    console = Console()
    console.print(
        Text(f"{found['account']}: {len(found['days'])} days, {found['from']} to {found['to']}", "bold")
    )
    console.print(table)
    if found["by"]:
        _print_groups(console, found)


def _print_groups(console: Any, found: dict[str, Any]) -> None:
    from decimal import Decimal

    from rich.table import Table
    from rich.text import Text

    groups = sorted(found["groups"], key=lambda group: Decimal(group["amount"]), reverse=True)
    greatest = max((Decimal(group["amount"]) for group in groups), default=Decimal(0))
    table = Table(box=None, pad_edge=False)
    table.add_column(f"by {found['by']}")
    table.add_column(found["currency"], justify="right")
    table.add_column("charges", justify="right")
    table.add_column("")
    for group in groups:
        name = Text(group["name"] or f"(no {found['by']})")
        table.add_row(
            name, group["amount"], str(group["charges"]), Text(bar(group["amount"], greatest), "cyan")
        )
    console.print()
    console.print(table)


def _print_ledger(account: str, entries: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("seq", "time", "type", "bucket", "amount", "balance", ""):
        table.add_column(heading, justify="right" if heading in {"seq", "amount", "balance"} else "left")
    for entry in entries:
        shown = (
            str(entry["seq"]),
            entry["time"],
            entry["type"],
            entry["bucket"],
            entry["amount"],
            entry["balance"],
            entry["currency"],
        )
        table.add_row(*(Text(text) for text in shown))
    console = Console()
    console.print(Text(f"{account}: {len(entries)} postings", "bold"))
    console.print(table)
