"""What the peers share with ours: the same fold, the same accounts, the same events.

Imports neither Faust nor `infra`: quixstreams runs it in an environment of its own.
"""

from __future__ import annotations

from pathlib import Path

import schemas
from bench import load
from schemas.journal import NO_CLOCK
from schemas.profile import load_profile
from schemas.wire import Event, read_event
from streams.codec import pack_account, unpack_account
from streams.core import fold as core
from streams.core.book import Book
from streams.core.errors import BrokenInvariant
from streams.core.state import Account, Outbox
from streams.worker.ports import Fold


def new_fold() -> Fold:
    """The fold with the shipped price book."""
    profiles = Path(schemas.__file__).parent / "profiles"
    book = Book(load_profile(path) for path in sorted(profiles.glob("*.toml")))
    return Fold(book, core.new_account, core.apply, core.advance, core.balance_record, core.open_windows)


def event_of(raw: bytes) -> Event:
    """The event in `raw`."""
    event = read_event(raw)
    if not isinstance(event, Event):
        raise BrokenInvariant(event.detail)
    return event


class Template:
    """An account as it is after opening, top-up and a few requests; every measured account begins so."""

    def __init__(self, fold: Fold) -> None:
        account = fold.new_account(load.account_name(0))
        for _, raw in [*load.openings(1), *load.requests(4, 1)]:
            fold.apply(account, event_of(raw), load.START_MS, fold.book, Outbox())
        self._frame = pack_account(account)

    def account(self, account_id: str) -> Account:
        """A fresh account of this name."""
        account = unpack_account(self._frame)
        account.id = account_id
        account.journal_offset = -1
        return account

    def frame(self, account_id: str) -> bytes:
        """Its value in the accounts table."""
        return pack_account(self.account(account_id))


def serve(fold: Fold, account: Account, raw: bytes) -> Outbox:
    """Fold one event in, as any of them does."""
    out = Outbox()
    fold.apply(account, event_of(raw), NO_CLOCK, fold.book, out)
    return out
