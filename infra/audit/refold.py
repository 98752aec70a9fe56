"""One partition of the journal, folded again by the pure engine. Pure: whoever calls reads the journal.

It is the worker's own folder (`streams.worker.folder`), so that the audit cannot drift from what it audits in
anything but what Faust, Kafka and crashes do. Memory: a frame an account, and the busy accounts decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from streams.codec import pack_account, unpack_account
from streams.core import fold as core
from streams.core.book import Book
from streams.core.state import Account, Outbox
from streams.worker.folder import PartitionFolder
from streams.worker.ports import Fold

# Accounts with changes that are kept decoded before they are packed away.
BUSY_MAX = 20_000
_STEP = 10_000

Touched = Callable[[Mapping[str, Account]], None]


def core_fold(book: Book) -> Fold:
    """The engine's functions with the price book, as the worker has them."""
    return Fold(book, core.new_account, core.apply, core.advance, core.balance_record, core.open_windows)


def _ignore(_accounts: Mapping[str, Account]) -> None:
    """Nobody asks for states."""


class Refold:
    """The accounts of one partition, from nothing. Records are taken in the order of the journal."""

    def __init__(self, book: Book) -> None:
        self._fold = core_fold(book)
        self._rows: dict[str, bytes] = {}
        self._folder = PartitionFolder(self._fold, self._rows)
        self.events = 0
        self.records = 0

    def take(self, offset: int, value: bytes, touched: Touched = _ignore) -> Outbox:
        """What the journal record at `offset` gives.

        `touched` is told the accounts that changed: after the timers, then after the events, as a worker may save
        an account at either moment.
        """
        out = Outbox()
        record = self._folder.open(offset, value)
        while self._folder.fire(record, out, _STEP):
            self._make_room()
        if self._folder.unpublished:
            touched(self._folder.take_unpublished())
        while self._folder.apply(record, out, _STEP):
            pass
        self.events += len(record.events)
        self.records += 1
        touched(self._folder.take_unpublished())
        self._make_room()
        return out

    def accounts(self) -> Iterator[Account]:
        """Every account as it stands, by name."""
        for name in sorted(self._rows.keys() | self._folder.unsaved.keys()):
            yield self._folder.unsaved.get(name) or unpack_account(self._rows[name])

    def balance(self, account: Account) -> Any:
        """The balance record of `account`, None while it is not open."""
        return self._fold.balance_record(account, self._fold.book)

    def open_windows(self, account: Account) -> tuple[list[Any], list[Any]]:
        """The open hour's and the open day's costs of `account`."""
        return self._fold.open_windows(account, self._fold.book)

    def _make_room(self) -> None:
        if len(self._folder.unsaved) >= BUSY_MAX:
            saved = self._folder.take_unsaved()
            self._rows.update((name, pack_account(account)) for name, account in saved.items())
            self._folder.evict(saved, BUSY_MAX)
