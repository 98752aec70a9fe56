"""The end of the demo: what each account cost and each provider billed, that every sum agrees, what was refused, and
where to look.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.audit.observed import ask, open_client
from infra.audit.report import AccountSums, Report
from infra.books import load_book
from infra.demo.bills import bills, bills_table, displayed
from infra.settings import Settings
from infra.smtp_catcher import MailStore
from schemas.values import money_text
from sinks.clickhouse.reports import Reports

SPARKS: Final = "▁▂▃▄▅▆▇█"
SPANS: Final = (7, 14, 30)
MAILS_TIMEOUT_S: Final = 20.0
_UNSETTLED: Final = """
    SELECT count() FROM notices FINAL
    WHERE id NOT IN (SELECT notice FROM deliveries FINAL WHERE channel = 'email' AND state != 'delayed')"""
_CORRECTING: Final = (
    "SELECT id FROM charges FINAL WHERE corrects != '' AND cause.1 != 'timer' ORDER BY time, id LIMIT 1"
)
_REFUSED: Final = """
    SELECT reason, account, any(detail), count() FROM rejections FINAL GROUP BY reason, account ORDER BY reason, account"""


class Curtain:
    """Shows the result on `console`."""

    def __init__(self, settings: Settings, console: Console, last_day: date) -> None:
        self._settings = settings
        self._console = console
        self._client = open_client(settings)
        self._reports = Reports(self._client)
        self._book = load_book(settings.profiles_dir)
        self._last_day = last_day

    def costs(self, report: Report) -> None:
        """7, 14 and 30 days of every account, with a bar a day."""
        table = Table(
            box=None,
            pad_edge=False,
            title="what it cost, by each account's own days",
            title_justify="left",
            title_style="bold",
        )
        table.add_column("account")
        table.add_column("profile", style="dim")
        for days in SPANS:
            table.add_column(f"{days} days", justify="right")
        table.add_column("")
        table.add_column(f"{max(SPANS)} days to {self._last_day}")
        for account in _in_order(report):
            amounts = self._by_day(account.account)
            totals = [money_text(sum(amounts[-days:], Decimal(0))) for days in SPANS]
            table.add_row(
                account.account, account.profile, *totals, account.currency, Text(sparks(amounts), "cyan")
            )
        self._console.print(table)

    def bills(self) -> None:
        """What each provider billed and which rule made its dearest line."""
        self._console.print(bills_table(bills(self._client), self._book))

    def _by_day(self, account: str) -> list[Decimal]:
        found = self._reports.costs(account, max(SPANS), as_of=self._last_day)
        return [Decimal(day["amount"]) for day in found["days"]] if found else [Decimal(0)] * max(SPANS)

    def balances(self, report: Report) -> None:
        """The balance of each account as ledger, ClickHouse and the journal have it."""
        table = Table(
            box=None, pad_edge=False, title="what is left", title_justify="left", title_style="bold"
        )
        table.add_column("account")
        for heading in ("ledger", "ClickHouse", "journal, folded again", "postings"):
            table.add_column(heading, justify="right")
        table.add_column("")
        table.add_column("")
        for account in _in_order(report):
            sums = (account.ledger, account.clickhouse, account.refolded)
            mark = Text("✓", "green") if account.agrees else Text("✗", "red")
            shown = displayed(self._book, account.profile, account.refolded)
            currency = f"{account.currency} = {shown}" if shown else account.currency
            table.add_row(account.account, *map(money_text, sums), f"{account.entries:,}", currency, mark)
        self._console.print(table)

    def refusals(self) -> None:
        """What was refused and why."""
        table = Table(
            box=None, pad_edge=False, title="what was refused", title_justify="left", title_style="bold"
        )
        for heading in ("reason", "account", "why", ""):
            table.add_column(heading)
        for reason, account, detail, count in ask(self._client, _REFUSED):
            table.add_row(reason, account or "–", Text(detail), f"{count} ×" if count > 1 else "")
        self._console.print(table)

    def mails(self, since_ns: int) -> int:
        """How many mails of this demo have come; waits until every notice is settled, bounded."""
        deadline_s = time.monotonic() + MAILS_TIMEOUT_S
        while ask(self._client, _UNSETTLED)[0][0] and time.monotonic() < deadline_s:
            time.sleep(0.1)
        # Names begin with the time of arrival in nanoseconds.
        paths = MailStore(self._settings.mails_dir).paths()
        return sum(int(path.name.partition("-")[0]) >= since_ns for path in paths)

    def where_to_look(self) -> None:
        """Addresses and commands for those who want to see for themselves."""
        settings, namespace = self._settings, self._settings.namespace
        query = "SELECT x_Day, SubAccountId, SkuId, BilledCost FROM costs_by_sku ORDER BY ALL LIMIT 20 FORMAT PrettyCompact"
        correcting = ask(self._client, _CORRECTING)
        own = f"METERSTREAM_NAMESPACE={namespace}"
        lines = [
            ("dashboard", f"http://{settings.http_host}:{settings.http_port}/"),
            ("mails", f"{settings.mails_dir}"),
            (
                "views",
                f"curl -s '{settings.clickhouse_url}/?database={settings.clickhouse_database}' -d '{query}'",
            ),
            ("a report", f"{own} .venv/bin/meterstream report render-farm --days 30 --by resource"),
            ("a charge", f"{own} .venv/bin/meterstream explain {correcting[0][0]}" if correcting else ""),
            ("logs", f"{settings.state_dir / 'logs'}"),
            ("stop it", f"{own} make down"),
        ]
        for name, text in lines:
            if text:
                self._console.print(f"  {name:<10} {text}", markup=False, highlight=False)


def _in_order(report: Report) -> list[AccountSums]:
    return sorted(report.accounts, key=lambda sums: (sums.profile, sums.account))


def sparks(amounts: Sequence[Decimal]) -> str:
    """A bar for each amount, from rounded numbers; a day without costs is a blank."""
    greatest = max(amounts, default=Decimal(0))
    return "".join(_spark(amount, greatest) for amount in amounts)


def _spark(amount: Decimal, greatest: Decimal) -> str:
    if amount <= 0 or greatest <= 0:
        return " "
    return SPARKS[min(len(SPARKS) - 1, int(amount * len(SPARKS) / greatest))]


def last_day_of(end: date) -> date:
    """The last whole day before `end`."""
    return end - timedelta(days=1)
