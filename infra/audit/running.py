"""Running sums of an account, held against what others say they come to at a certain length. Pure.

What somebody else holds is a prefix of what the journal gives: so many charges, so many postings. The sums are
compared where the refold has made exactly as many. So the comparison is exact while events keep coming, and says
"too few" only where something that must have arrived is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from schemas.values import money_text
from streams.core.amounts import EXACT, ZERO


class Difference(NamedTuple):
    """Something that is not as the journal gives it."""

    account: str
    where: str
    what: str
    expected: str
    found: str


class Mark(NamedTuple):
    """Somebody's claim: the first `lines` lines of an account come to `total`."""

    where: str
    lines: int
    total: Decimal


@dataclass(slots=True)
class Running:
    """Number and sum of one account's lines so far, and the claims about them."""

    count: int = 0
    total: Decimal = ZERO
    # The claim about the fewest lines last, so that the next one to be met is popped.
    open_marks: list[Mark] = field(default_factory=list)
    floor: int = 0

    def add(self, amount: Decimal) -> Mark | None:
        """Count one line; a claim about this length that is wrong."""
        self.count += 1
        self.total = EXACT.add(self.total, amount)
        wrong = None
        while self.open_marks and self.open_marks[-1].lines == self.count:
            mark = self.open_marks.pop()
            if mark.total != self.total:
                wrong = mark
        return wrong


class Sums:
    """One kind of line (charges, postings) of all accounts of a partition."""

    def __init__(self, what: str, marks: dict[str, list[Mark]], sources: Iterable[str]) -> None:
        """`marks`: claims by account; `sources`: all who make claims, so that one who is silent is noticed."""
        self._what = what
        self._sources = tuple(sources)
        self._marks = marks
        self._running = {name: _started(claims) for name, claims in marks.items()}
        self.differences: list[Difference] = [
            self._wrong(name, mark, ZERO)
            for name, claims in marks.items()
            for mark in claims
            if not mark.lines and mark.total
        ]

    def add(self, account: str, amount: Decimal) -> None:
        """Count one line of `account`."""
        running = self._running.get(account)
        if running is None:
            running = self._running[account] = Running()
        wrong = running.add(amount)
        if wrong is not None:
            self.differences.append(self._wrong(account, wrong, running.total))

    def freeze(self) -> None:
        """Everything counted so far must be with everybody; what comes later may be."""
        for running in self._running.values():
            running.floor = running.count

    def finish(self) -> list[Difference]:
        """All differences, once the journal is at its end."""
        for account, running in sorted(self._running.items()):
            claims = {mark.where: mark for mark in self._marks.get(account, ())}
            for where in self._sources:
                held = claims[where].lines if where in claims else 0
                if held > running.count or held < running.floor:
                    wanted = running.count if held > running.count else running.floor
                    self.differences.append(
                        Difference(account, where, f"number of {self._what}", str(wanted), str(held))
                    )
        return self.differences

    def of(self, account: str) -> Running:
        """The sum of one account."""
        return self._running.get(account) or Running()

    @property
    def total(self) -> Running:
        """The sum over all accounts; amounts of different currencies are added all the same."""
        everything = Running()
        for running in self._running.values():
            everything.count += running.count
            everything.total = EXACT.add(everything.total, running.total)
        return everything

    def _wrong(self, account: str, mark: Mark, total: Decimal) -> Difference:
        what = f"sum of the first {mark.lines:,} {self._what}"
        return Difference(account, mark.where, what, money_text(total), money_text(mark.total))


def _started(claims: list[Mark]) -> Running:
    later = sorted((mark for mark in claims if mark.lines), key=lambda mark: mark.lines, reverse=True)
    return Running(open_marks=later)


def amount_of(record: Any) -> Decimal:
    """The amount of a charge or an entry."""
    return Decimal(record.amount)
