"""History billed again with another price book, beside how it was billed. Reads the journal, writes nothing.

Both sides are the same fold over the same events, so they differ by the profile alone. What ran is taken as a fact:
a dearer book makes balances run out sooner, and the commands that would have followed are not acted upon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from infra.audit.progress import journal_ends
from infra.audit.refold import Refold
from infra.audit.topics import Record, Topics
from infra.errors import CommandFailed
from schemas.profile import Profile, ProfileFault, load_profile
from schemas.topics import JOURNAL_TOPIC
from streams.core.amounts import EXACT, ZERO
from streams.core.book import Book


class Sold(NamedTuple):
    """What is compared: a sku of an account."""

    account: str
    sku: str


@dataclass
class Compared:
    """Charges by account and sku, as they were and as they would have been, in `currency`."""

    profile: str
    currency: str
    billed: dict[Sold, Decimal] = field(default_factory=dict)
    instead: dict[Sold, Decimal] = field(default_factory=dict)

    def rows(self) -> list[tuple[Sold, Decimal, Decimal, Decimal]]:
        """(what, billed, instead, difference) in order of account and sku."""
        names = sorted(self.billed.keys() | self.instead.keys())
        return [
            (name, was, would, EXACT.subtract(would, was))
            for name in names
            for was, would in [(self.billed.get(name, ZERO), self.instead.get(name, ZERO))]
        ]

    def totals(self) -> tuple[Decimal, Decimal, Decimal]:
        """(billed, instead, difference) of everything."""
        was, would = _sum(self.billed.values()), _sum(self.instead.values())
        return was, would, EXACT.subtract(would, was)


def load_instead(path: Path, book: Book) -> Profile:
    """The profile in the file `path`, which must stand for one of `book`, in the same currency.

    Raises `CommandFailed`.
    """
    try:
        profile = load_profile(path)
    except ProfileFault as fault:
        raise CommandFailed(str(fault).replace("\n", "; ")) from fault
    offer = book.offers.get(profile.name)
    if offer is None:
        known = ", ".join(sorted(book.offers))
        raise CommandFailed(
            f"{path}: no account can be on {profile.name!r}; the file is named after one of {known}"
        )
    if offer.currency != profile.currency:
        raise CommandFailed(f"{path}: currency {profile.currency}; the accounts hold {offer.currency}")
    return profile


def journal_of(topics: Topics, say: Callable[[str], None]) -> Iterator[Iterable[Record]]:
    """The records of each partition of the journal, up to its present end."""
    partitions = topics.partitions(JOURNAL_TOPIC)
    ends = journal_ends(topics, partitions)
    for partition in range(partitions):
        say(f"folding partition {partition + 1} of {partitions}")
        yield topics.read(JOURNAL_TOPIC, partition, ends[partition])


def compare(
    partitions: Iterable[Iterable[Record]], book: Book, instead: Profile, span: tuple[str, str]
) -> Compared:
    """Fold all records with both books; charges due in `span`, [from, to) as instants in text, are summed."""
    others = [offer.profile for name, offer in book.offers.items() if name != instead.name]
    books = (book, Book([*others, instead]))
    found = Compared(instead.name, instead.currency)
    for records in partitions:
        sides = list(zip(map(Refold, books), (found.billed, found.instead), strict=True))
        for record in records:
            for refold, sums in sides:
                _add(sums, refold.take(record.offset, record.value).charges, instead.name, span)
    return found


def _add(sums: dict[Sold, Decimal], charges: Iterable[Any], profile: str, span: tuple[str, str]) -> None:
    start, end = span
    for charge in charges:
        if charge.profile == profile and start <= charge.time < end:
            name = Sold(charge.account, charge.sku)
            sums[name] = EXACT.add(sums.get(name, ZERO), Decimal(charge.amount))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
