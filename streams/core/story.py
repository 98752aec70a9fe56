"""The pure engine over a whole story: what `meterstream simulate` runs and what the pipeline must agree with. Pure.

Lines are taken in their order; every account's clock then runs to the end, through every timer that falls due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec

from schemas.envelope import Item, read_message
from schemas.events import CLOCK_TICK
from schemas.journal import identity_of
from schemas.records import Balance as BalanceRecord
from schemas.records import Reason
from schemas.values import instant_text
from schemas.wire import Cause, Event, Rejection, Unreadable
from streams.core import fold
from streams.core.book import Book
from streams.core.intake import shape_fault
from streams.core.state import NEVER, Account, Outbox
from streams.core.turn import in_one_line, record_id


class Story:
    """Events in order of arrival, folded as they come."""

    def __init__(self, book: Book, until_ms: int | None = None) -> None:
        self._book = book
        self._until_ms = NEVER if until_ms is None else until_ms
        self._end_ms = -NEVER
        self._tick_ms = -NEVER
        self._seen: dict[bytes, set[int]] = {}
        self._position = 0
        self.accounts: dict[str, Account] = {}
        self.out = Outbox()

    def feed(self, line: bytes) -> None:
        """One line: an event or a batch."""
        for item in read_message(line):
            self._position += 1
            self._take(item)

    def _take(self, item: Item) -> None:
        event = item.read
        if event.time_ms is not None and event.time_ms > self._until_ms:
            return
        if isinstance(event, Unreadable):
            self._refuse(
                item,
                event.account,
                event.source,
                event.id,
                Reason.SCHEMA_INVALID,
                event.detail,
                self._position,
            )
            return
        fault = shape_fault(event, self._book.spec_skus)
        if fault is not None:
            self._refuse(
                item, event.account, event.source, event.id, Reason.SCHEMA_INVALID, fault, self._position
            )
            return
        contents = self._seen.setdefault(identity_of(event.account, event.source, event.id), set())
        if event.content in contents:
            return
        contents.add(event.content)
        if len(contents) > 1:
            detail = "an event with this source and id came with other content"
            self._refuse(
                item, event.account, event.source, event.id, Reason.DUPLICATE_CONFLICT, detail, event.content
            )
            return
        self._fold(event)

    def _fold(self, event: Event) -> None:
        if event.type == CLOCK_TICK:
            self._tick(event.time_ms)
            return
        account = self.accounts.get(event.account)
        if account is None:
            account = self.accounts[event.account] = fold.new_account(event.account)
        fold.apply(account, event, self._tick_ms, self._book, self.out)
        self._end_ms = max(self._end_ms, event.time_ms)

    def _tick(self, time_ms: int) -> None:
        self._tick_ms = max(self._tick_ms, time_ms)
        self._end_ms = max(self._end_ms, time_ms)
        for name in sorted(self.accounts):
            fold.advance(self.accounts[name], self._tick_ms, self._book, self.out)

    def _refuse(
        self,
        item: Item,
        account: str | None,
        source: str,
        event_id: str,
        reason: Reason,
        detail: str,
        unique: int,
    ) -> None:
        known = self.accounts.get(account) if account is not None else None
        clock_ms = known.clock_ms if known is not None else self._end_ms
        self.out.rejections.append(
            Rejection(
                id=record_id("rej", account, source, event_id, unique),
                account=account,
                time=None if clock_ms == -NEVER else instant_text(clock_ms),
                cause=Cause(source=source, id=event_id),
                reason=reason.value,
                detail=detail,
                event=as_it_came(item.raw),
            )
        )

    def finish(self) -> None:
        """Run every account's clock to the end: `until`, else the greatest event time of the whole story."""
        end_ms = self._end_ms if self._until_ms == NEVER else self._until_ms
        for name in sorted(self.accounts):
            account = self.accounts[name]
            fold.advance(account, end_ms, self._book, self.out)
            fold.finish(account, self.out)
            fold.check(account)

    def balances(self) -> list[BalanceRecord]:
        """The balance of every open account, by name."""
        records = [fold.balance_record(self.accounts[name], self._book) for name in sorted(self.accounts)]
        return [record for record in records if record is not None]


def as_it_came(raw: bytes) -> object:
    """An event for a rejection: JSON as it is, else a string of the bytes."""
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return raw.decode("utf-8", "backslashreplace")
    return in_one_line(raw)


# Order at one instant: what was charged, what that did to the ledger, what follows from it.
KINDS = ("rejection", "charge", "entry", "notice", "command")


def records_in_order(out: Outbox) -> Iterator[tuple[str, Any]]:
    """(kind, record) of everything in `out` in order of time; at one instant by kind, then as they came."""
    by_kind = (out.rejections, out.charges, out.entries, out.notices, out.commands)
    kinds = {type(records[0]): kind for kind, records in zip(KINDS, by_kind, strict=True) if records}
    # What is refused before any clock has no time: it comes first.
    early = [record for record in out.rejections if record.time is None]
    timed = [record for records in by_kind for record in records if record.time is not None]
    timed.sort(key=attrgetter("time"))
    for record in chain(early, timed):
        yield kinds[type(record)], record


def run(lines: Iterable[bytes], book: Book, until_ms: int | None = None) -> Story:
    """The whole story of `lines`."""
    story = Story(book, until_ms)
    for line in lines:
        if line.strip():
            story.feed(line)
    story.finish()
    return story
