"""How commands ask the store and print what it says: for a person, as CSV or as JSON.

Amounts are printed as the decimal strings they are; only bars are drawn from rounded numbers.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.errors import CommandFailed

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from sinks.clickhouse.reports import Reports

BAR_WIDTH = 24

Account = Annotated[str, typer.Argument(help="The account's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]


def ask(question: Callable[["Reports"], Any]) -> Any:
    """The answer of the store that is configured; raises CommandFailed where it has none."""
    from infra.books import load_profiles
    from infra.settings import load_settings
    from sinks.clickhouse.reports import Reports

    profiles = load_profiles(load_settings().profiles_dir)
    with connected() as client:
        return question(Reports(client, profiles))


@contextmanager
def connected() -> Iterator["Client"]:
    """A client of the store that is configured; what ClickHouse refuses inside the block becomes CommandFailed."""
    from infra.settings import load_settings
    from infra.store import store_errors
    from sinks.clickhouse.client import connect

    settings = load_settings()
    with store_errors(settings):
        yield connect(settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database)


def ask_about(account: str, question: Callable[["Reports"], Any]) -> Any:
    """As `ask`; CommandFailed also where the answer is None, which means that there is no such account."""
    found = ask(question)
    if found is None:
        raise unknown(account)
    return found


def unknown(account: str) -> CommandFailed:
    """The error of an account that is not there."""
    return CommandFailed(f"no account {account!r} in this namespace")


def one_form(*, as_csv: bool, as_json: bool) -> None:
    """Raises BadParameter where both are wanted."""
    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json exclude each other")


def print_json(value: Any) -> None:
    """Print `value`, names as they are."""
    import json

    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table as RFC 4180 has it."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)


def bar(amount: str, greatest: Any) -> str:
    """A bar whose length is the share of `amount` in `greatest`; nothing for 0 and less, at least a sliver above."""
    from decimal import Decimal

    value = Decimal(amount)
    if value <= 0 or greatest <= 0:
        return ""
    eighths = max(1, int(value * BAR_WIDTH * 8 / greatest))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
