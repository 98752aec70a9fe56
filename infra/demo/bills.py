"""What each provider billed, and which rule made its dearest line: exact, from the charges in ClickHouse."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from clickhouse_connect.driver.client import Client
from rich.table import Table
from rich.text import Text

from infra.audit.observed import ask
from schemas.values import money_text, plain
from streams.core.amounts import EXACT, ZERO
from streams.core.book import Book

_BILLED: Final = """
    SELECT profile, currency, toString(sum(toDecimal256(amount, 12))), count()
    FROM charges FINAL GROUP BY profile, currency ORDER BY profile, currency"""
# What is left of a package is no line but a posting; other refunds go out of an account.
_BACK: Final = """
    SELECT profile, currency, toString(sum(toDecimal256(amount, 12)))
    FROM (SELECT account, currency, amount FROM entries FINAL WHERE type = 'refund' AND amount > 0) AS back
    INNER JOIN (SELECT account, profile FROM balances FINAL) AS known USING (account)
    GROUP BY profile, currency"""
# Of several of one amount the first.
_DEAREST: Final = """
    SELECT profile, currency, toString(amount), rule, account, resource, sku, toString(quantity), unit, toString(unit_price)
    FROM charges FINAL ORDER BY profile, currency, amount DESC, time, id LIMIT 1 BY profile, currency"""


@dataclass(frozen=True)
class Line:
    """One charge, as its bill tells it."""

    amount: Decimal
    rule: str
    account: str
    resource: str
    sku: str
    quantity: Decimal
    unit: str
    unit_price: Decimal

    def __str__(self) -> str:
        """Quantity, price, what and whose."""
        what = f"{self.sku} {self.resource}" if self.resource not in ("", self.sku) else self.sku
        return f"{plain(self.quantity)} {self.unit} × {money_text(self.unit_price)}: {what} of {self.account}"


@dataclass(frozen=True)
class Bill:
    """What one provider billed in one currency, corrections included; `back`: of it, what packages gave back."""

    profile: str
    currency: str
    billed: Decimal
    back: Decimal
    charges: int
    dearest: Line


def bills(client: Client) -> list[Bill]:
    """A bill a provider and currency, by name. Raises CommandFailed where ClickHouse does not answer."""
    dearest = {(row[0], row[1]): _line(*row[2:]) for row in ask(client, _DEAREST)}
    back = {(row[0], row[1]): Decimal(row[2]) for row in ask(client, _BACK)}
    return [
        Bill(
            profile,
            currency,
            Decimal(billed),
            back.get((profile, currency), ZERO),
            charges,
            dearest[profile, currency],
        )
        for profile, currency, billed, charges in ask(client, _BILLED)
    ]


def _line(
    amount: str, rule: str, account: str, resource: str, sku: str, quantity: str, unit: str, price: str
) -> Line:
    return Line(Decimal(amount), rule, account, resource, sku, Decimal(quantity), unit, Decimal(price))


def displayed(book: Book, profile: str, amount: Decimal) -> str:
    """`amount` in the unit that the profile shows its customers (`1,050 credits`); empty where that is its currency."""
    offer = book.offers.get(profile)
    display = offer.profile.display if offer else None
    if display is None:
        return ""
    units = EXACT.multiply(amount, display.per_currency).normalize(EXACT)
    return f"{units:,f} {display.unit}s"


def bills_table(found: list[Bill], book: Book) -> Table:
    """A row a bill."""
    table = Table(
        box=None,
        pad_edge=False,
        title="what each provider billed",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("provider")
    for heading in ("lines", "billed"):
        table.add_column(heading, justify="right")
    table.add_column("")
    table.add_column("given back", justify="right")
    table.add_column("dearest line", justify="right")
    for heading in ("by rule", ""):
        table.add_column(heading)
    for bill in found:
        shown = displayed(book, bill.profile, bill.billed)
        table.add_row(
            bill.profile,
            f"{bill.charges:,}",
            money_text(bill.billed),
            f"{bill.currency} = {shown}" if shown else bill.currency,
            money_text(bill.back) if bill.back else "",
            money_text(bill.dearest.amount),
            bill.dearest.rule,
            Text(str(bill.dearest)),
        )
    return table
