"""What one record of the journal does to the accounts of its partition. Pure orchestration of `streams.core`.

The record's clock first: timers due at or before it fire, in due order. Then its events, in order. An account
whose state already holds the record (its journal offset is not lower) is left as it is, but counts as touched:
after a crash its derived records may be missing, so they are written again. That makes folding a record twice
the same as folding it once, and it is all that exactness needs from this side.
"""

from __future__ import annotations

import msgspec

from schemas.events import CLOCK_TICK
from schemas.journal import NO_CLOCK, JournalRecord, decode_record
from schemas.journaled import read_journaled
from streams.codec import pack_account, read_position, unpack_account
from streams.core.errors import BrokenInvariant
from streams.core.state import Account, Outbox
from streams.worker.due import DueIndex
from streams.worker.ports import Fold


class OpenRecord:
    """A record that is being folded in steps: the timers first, then the events."""

    __slots__ = ("ahead", "clock_ms", "events", "folded", "offset", "taken")

    def __init__(self, offset: int, record: JournalRecord) -> None:
        self.offset = offset
        self.clock_ms = record.clock
        self.events = record.events
        # Accounts that are due, but whose state is already past this record: they wait for the next one.
        self.ahead: list[tuple[str, int]] = []
        # How many of the events are folded in, and the accounts that they were about.
        self.taken = 0
        self.folded: dict[str, Account] = {}


class PartitionFolder:
    """The accounts of one partition: frames in the table, the busy ones decoded in a cache.

    `rows`: the table's frames, read here and written by the checkpoint. `offset_in_state=False` is for tests only,
    to see that skipping by offset is needed.
    """

    def __init__(self, fold: Fold, rows: dict[str, bytes], *, offset_in_state: bool = True) -> None:
        self._fold = fold
        self._rows = rows
        self._cache: dict[str, Account] = {}
        self._due = DueIndex((read_position(frame)[1], account) for account, frame in rows.items())
        self._offset_in_state = offset_in_state
        self._clock_ms = NO_CLOCK
        self._offset = -1
        # Accounts with changes that the tables do not have, in the order of their first change.
        self.unsaved: dict[str, Account] = {}
        self.unpublished: dict[str, Account] = {}

    @property
    def timers(self) -> int:
        """Accounts that wait for a timer."""
        return len(self._due)

    def open(self, offset: int, value: bytes) -> OpenRecord:
        """The record in `value`; BrokenInvariant where a later record has an earlier clock."""
        record = decode_record(value)
        if offset > self._offset:
            if record.clock < self._clock_ms:
                raise BrokenInvariant(
                    f"the clock of journal record {offset} runs back: {record.clock} < {self._clock_ms}"
                )
            self._offset, self._clock_ms = offset, record.clock
        return OpenRecord(offset, record)

    def fire(self, record: OpenRecord, out: Outbox, limit: int) -> bool:
        """Fire the timers of at most `limit` accounts due by the record's clock; True when more may be due.

        Between two calls every account is whole, so its state may be saved: firing again does nothing, because
        its due time is then past the clock.
        """
        for _ in range(limit):
            account_id = self._due.take(record.clock_ms)
            if account_id is None:
                self._note_ahead(record)
                return False
            self._fire_one(account_id, record, out)
        return True

    def _fire_one(self, account_id: str, record: OpenRecord, out: Outbox) -> None:
        account = self._cache.get(account_id)
        if account is None:
            due_ms = read_position(self._rows[account_id])[1]
            if due_ms > record.clock_ms:
                self._due.note(account_id, due_ms)
                return
            account = self._load(account_id)
        elif account.due_ms > record.clock_ms:
            self._due.note(account_id, account.due_ms)
            return
        if account.journal_offset >= record.offset and self._offset_in_state:
            # Folded further than this record: its timers fire where they did the first time.
            record.ahead.append((account_id, account.due_ms))
            return
        self._fold.advance(account, record.clock_ms, self._fold.book, out)
        if account.due_ms <= record.clock_ms:
            raise BrokenInvariant(
                f"account {account_id} is still due at {account.due_ms} after {record.clock_ms}"
            )
        self._touch(account_id, account)

    def _note_ahead(self, record: OpenRecord) -> None:
        for account_id, due_ms in record.ahead:
            self._due.note(account_id, due_ms)
        record.ahead.clear()

    def apply(self, record: OpenRecord, out: Outbox, limit: int) -> bool:
        """Fold the record's next `limit` events in; True when more wait. To be called once `fire` returned False.

        Only after the last step do the accounts hold the record, so between two of them nothing may be saved.
        """
        offset, clock_ms = record.offset, record.clock_ms
        apply, book = self._fold.apply, self._fold.book
        cache, skips = self._cache, self._offset_in_state
        folded = record.folded
        step = record.events[record.taken : record.taken + limit]
        record.taken += len(step)
        for raw in step:
            try:
                event = read_journaled(raw)
            except (msgspec.DecodeError, ValueError) as error:
                raise BrokenInvariant(f"journal record {offset} holds no event: {error}") from error
            if event.type == CLOCK_TICK:
                # The record's clock has done its work.
                continue
            account_id = event.account
            account = folded.get(account_id)
            if account is None:
                account = cache.get(account_id) or self._load(account_id)
                folded[account_id] = account
            if account.journal_offset < offset or not skips:
                apply(account, event, clock_ms, book, out)
        if record.taken < len(record.events):
            return True
        for account_id, account in folded.items():
            account.journal_offset = max(account.journal_offset, offset)
            self._touch(account_id, account)
        return False

    def _load(self, account_id: str) -> Account:
        frame = self._rows.get(account_id)
        account = self._fold.new_account(account_id) if frame is None else unpack_account(frame)
        self._cache[account_id] = account
        return account

    def _touch(self, account_id: str, account: Account) -> None:
        self.unsaved[account_id] = account
        self.unpublished[account_id] = account
        self._due.note(account_id, account.due_ms)

    def take_unpublished(self) -> dict[str, Account]:
        """Accounts whose derived rows (balance, open hour and day) must be written."""
        touched, self.unpublished = self.unpublished, {}
        return touched

    def take_unsaved(self) -> dict[str, Account]:
        """Accounts whose state must be written."""
        touched, self.unsaved = self.unsaved, {}
        return touched

    def evict(self, saved: dict[str, Account], limit: int) -> None:
        """After a checkpoint of `saved`: keep at most `limit` decoded accounts, the ones used last."""
        cache = self._cache
        if len(cache) <= limit:
            return
        for account_id in saved:
            cache[account_id] = cache.pop(account_id)
        for account_id in list(cache)[: len(cache) - limit]:
            if account_id not in self.unsaved:
                del cache[account_id]


def frame_of(account: Account) -> bytes:
    """What the table keeps of `account`."""
    return pack_account(account)
