"""Commands `projection`, `top-requests`, `suggestions`, `accounts`, `freshness`: where the money goes and where it leads."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from infra.commands.output import (
    Account,
    AsCsv,
    AsJson,
    ask,
    ask_about,
    one_form,
    print_csv,
    print_json,
)
from schemas.spreadsheet import cell

Row = dict[str, Any]
Days = Annotated[int, typer.Option("--days", min=1, max=366, help="Days to look at.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many to show.")]


class Sort(StrEnum):
    """In which order accounts come."""

    ACCOUNT = "account"
    BURN = "burn"
    RISK = "risk"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(projection)
    app.command("top-requests")(top_requests)
    app.command()(suggestions)
    app.command()(accounts)
    app.command()(freshness)


def projection(account: Account, as_json: AsJson = False) -> None:
    """Show what the month will come to: so far, by the present burn, and by the last seven days."""
    found = ask_about(account, lambda reports: reports.projection(account))
    if as_json:
        print_json(found)
        return
    currency, week = found["currency"], found["by_last_7_days"]
    runway = "" if found["runway_hours"] is None else f"; the balance lasts {found['runway_hours']} h"
    lines = [
        ["month", f"{found['month']} ({found['zone']}), as of {found['as_of']}"],
        ["so far", f"{found['month_to_date']} {currency}"],
        ["burn now", f"{found['burn_per_hour']} {currency}/h{runway}"],
        ["projected", f"{found['projected']} {currency} by the present burn"],
        ["", f"{week['projected']} {currency} by the last seven days ({week['per_hour']} {currency}/h)"],
    ]
    lines += [
        ["runs", f"{row['resource']} ({row['sku']}): {row['per_hour']} {currency}/h"]
        for row in found["running"]
    ]
    _print_table((), lines)


def top_requests(
    account: Account, days: Days = 30, limit: Limit = 10, as_csv: AsCsv = False, as_json: AsJson = False
) -> None:
    """Show the dearest requests, with their share of the hours of the deployment that served them."""
    one_form(as_csv=as_csv, as_json=as_json)
    found = ask_about(account, lambda reports: reports.top_requests(account, days, limit))
    header = ["time", "request", "model", "key", "resource", "own", "share", "cost"]
    names = ("request", "model", "key", "resource")
    if as_json:
        print_json(found)
    elif as_csv:
        print_csv(
            [*header, "currency"],
            [
                [
                    row["time"],
                    *(cell(row[name]) for name in names),
                    row["own"],
                    row["share"],
                    row["cost"],
                    cell(found["currency"]),
                ]
                for row in found["requests"]
            ],
        )
    else:
        _print_table(header, [[row[name] for name in header] for row in found["requests"]])
        used = found["deployments"]
        if used["stretches"]:
            sys.stdout.write(
                f"\ndeployments: {used['cost']} {found['currency']} in {used['hours']} paid hours, "
                f"{used['share']} shared among {used['requests']} requests, {used['idle']} idle\n"
            )


def suggestions(account: Account, days: Days = 30, as_json: AsJson = False) -> None:
    """Show what could be saved, and what that rests on."""
    found = ask_about(account, lambda reports: reports.suggestions(account, days))
    if as_json:
        print_json(found)
        return
    if not found["suggestions"]:
        sys.stdout.write(f"nothing to suggest from {found['from']} to {found['to']}\n")
        return
    rows = [
        [each["type"], f"{each['saving_per_month']} {each['currency']}", each["text"]]
        for each in found["suggestions"]
    ]
    _print_table(("suggestion", "saves a month", ""), rows)


def accounts(
    sort: Annotated[Sort, typer.Option("--sort", help="Order: by id, greatest burn, shortest runway.")] = (
        Sort.ACCOUNT
    ),
    limit: Limit = 50,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show all accounts with balance, spend of the month, burn and runway."""
    one_form(as_csv=as_csv, as_json=as_json)
    found = ask(lambda reports: reports.overview(sort.value, limit=limit))
    header = [
        "account",
        "profile",
        "balance",
        "currency",
        "month_to_date",
        "burn_per_hour",
        "runway_hours",
        "now",
    ]
    rows = [
        [row[name] if row[name] is not None else "" for name in header]
        for row in found
    ]  # fmt: skip
    if as_json:
        print_json(found)
    elif as_csv:
        print_csv(header, [[cell(row[0]), cell(row[1]), *row[2:]] for row in rows])
    else:
        _print_table(header, rows)


def freshness(as_json: AsJson = False) -> None:
    """Show how soon charges can be seen (FA-09), what was refused, and who owes."""
    found = ask(lambda reports: reports.operations())
    if as_json:
        print_json(found)
        return
    fresh, clock = found["freshness"], found["clock"]
    seen = "no charges yet"
    if fresh["charges"]:
        seen = (
            f"{fresh['charges']} charges up to {fresh['last']}: seen {fresh['age_mean_s']} s after they fell due in the mean, "
            f"{fresh['age_max_s']} s at most; {fresh['waited_max_s']} s at most after Kafka had them"
        )
    lines = [
        ["clock", f"{clock['slowest']} to {clock['fastest']} in {clock['partitions']} partitions"],
        ["freshness", seen],
        ["dead letters", str(found["dead_letters"])],
    ]
    lines += [["refused", f"{row['rejections']} {row['reason']}"] for row in found["rejections"]]
    lines += [
        ["owed", f"{row['owed']} {row['currency']} by {row['accounts']} accounts for {row['age']}"]
        for row in found["arrears"]
    ]
    _print_table((), lines)


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=bool(header))
    for name in header or ("", ""):
        # An amount is never cut short, however narrow the terminal.
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(value) for value in row))
    Console().print(table)
