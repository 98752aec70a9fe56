"""A book that beancount reads: the customers' balances as liabilities, their charges as income. Pure.

The provider's side. A top-up is money in `Assets:Payments` owed to a customer; a charge turns what is owed into
`Income`; credit that was given is `Expenses`. The book opens with the balances at its first day and ends by asserting
those at its last, so `bean-check` fails where the postings do not add up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Final, NamedTuple

PAYMENTS: Final = "Assets:Payments"
GIVEN: Final = "Expenses:Credit-Given"
OPENING: Final = "Equity:Opening-Balances"
TERMS_RETURNED: Final = "Income:Usage:Terms-Returned"
_COMPONENT: Final = re.compile(r"[A-Z0-9][A-Za-z0-9-]*")
_NOT_IN_COMPONENT: Final = re.compile(r"[^A-Za-z0-9-]+")


class Posting(NamedTuple):
    """One posting of the ledger; `amount` is signed, in `currency`, from the customer's point of view."""

    account: str
    seq: int
    day: date
    kind: str
    bucket: str
    amount: Decimal
    currency: str
    charge: str
    payment: str
    sku: str
    returns_term: bool


class Held(NamedTuple):
    """What a bucket holds."""

    account: str
    bucket: str
    currency: str
    balance: Decimal


def book(
    first: date, last: date, opening: Iterable[Held], postings: Iterable[Posting], closing: Iterable[Held]
) -> Iterator[str]:
    """The directives, each with its line ends. `opening` at the begin of `first`, `closing` at the begin of `last`."""
    opened = _Opened(first)
    yield 'option "title" "meterstream"\n'
    yield from opened.needed(PAYMENTS, GIVEN, OPENING)
    for held in opening:
        account = _customer(held.account, held.bucket)
        yield from opened.needed(account)
        yield _transaction(first, "opening balance", (), account, OPENING, held.balance, held.currency)
    for posting in postings:
        yield from _posted(posting, opened)
    for held in closing:
        account = _customer(held.account, held.bucket)
        yield from opened.needed(account)
        yield f"{last} balance {account} {_plain(-held.balance)} {held.currency}\n"


def component(name: str) -> str:
    """`name` as a part of an account's name; two names never become one."""
    capital = name[:1].upper() + name[1:]
    if _COMPONENT.fullmatch(capital) and capital[0] == name[0]:
        return capital
    readable = _NOT_IN_COMPONENT.sub("-", capital).strip("-") or "X"
    mark = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{readable[:1].upper()}{readable[1:]}-{mark}"


class _Opened:
    """Accounts of the book that have been opened."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._names: set[str] = set()

    def needed(self, *accounts: str) -> Iterator[str]:
        for account in accounts:
            if account not in self._names:
                self._names.add(account)
                yield f"{self._day} open {account}\n"


def _posted(posting: Posting, opened: _Opened) -> Iterator[str]:
    customer, other = _customer(posting.account, posting.bucket), _other(posting)
    yield from opened.needed(customer, other)
    told = (("seq", str(posting.seq)), ("charge", posting.charge), ("payment", posting.payment))
    amount, currency = posting.amount, posting.currency
    yield _transaction(
        posting.day, f"{posting.account} {posting.kind}", told, customer, other, amount, currency
    )


def _customer(account: str, bucket: str) -> str:
    return f"Liabilities:Customers:{component(account)}:{bucket.capitalize()}"


def _other(posting: Posting) -> str:
    if posting.kind in {"charge", "correction"}:
        return f"Income:Usage:{component(posting.sku or 'unknown')}"
    if posting.kind in {"grant", "coupon"}:
        return GIVEN
    return TERMS_RETURNED if posting.returns_term else PAYMENTS


def _transaction(
    day: date,
    text: str,
    told: Iterable[tuple[str, str]],
    customer: str,
    other: str,
    amount: Decimal,
    currency: str,
) -> str:
    metadata = "".join(f'  {name}: "{_quoted(value)}"\n' for name, value in told if value)
    # What a customer has is owed to him: a credit, which beancount writes with a minus.
    return (
        f'{day} * "{_quoted(text)}"\n{metadata}'
        f"  {customer}  {_plain(-amount)} {currency}\n"
        f"  {other}  {_plain(amount)} {currency}\n"
    )


def _quoted(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", text).replace("\\", "\\\\").replace('"', '\\"')


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}" if amount else "0"
