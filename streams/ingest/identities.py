"""What a partition has seen: identities with their content, and its clocks. A pure view of the journal.

Contract 8.2: the same identity with the same content is dropped, with other content it is a conflict, once for
each distinct content; `too_old` and `too_new` leave a trace too. 8.3: identity comes before age.
Each entry is stamped with the greatest time known when its record was begun, and is void once that is a horizon
behind the ticks: by then the event itself is `too_old`, so nothing is billed twice. Because a void entry counts
as absent, when it is deleted makes no difference, and an index rebuilt from the journal judges as the old one.

Keys differ by length: 16 bytes an identity, 24 an identity and a refused content, 17 an account, 4 what was reached.
An account's greatest event time is kept only where it is ahead of the ticks: elsewhere its clock is the ticks'.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from hashlib import blake2b
from struct import Struct
from typing import Protocol

import msgspec

from schemas.journal import NO_CLOCK, identity_of
from schemas.wire import Event

HOUR_MS = 3_600_000
AHEAD_MAX_MS = 300_000
REACHED_KEY = b"meta"
IDENTITY_BYTES, CONFLICT_BYTES, ACCOUNT_BYTES = 16, 24, 17
_ENTRY = Struct(">Qi")  # content, hour of the stamp rounded up
_TIME = Struct(">q")
_NEVER_H = -(2**31)
_LAST_H = 2**31 - 1
_UNKNOWN = b""


class Store(Protocol):
    """Where a view lives: ordered keys and values, written all or nothing."""

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        """The values of `keys`, None where there is none."""

    def write(self, changes: dict[bytes, bytes | None]) -> None:
        """Put every value, delete where it is None; all of it or nothing."""

    def scan(self, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Up to `limit` entries from `start` on, in the order of keys."""

    def close(self) -> None:
        """Give up the files."""


class Reached(msgspec.Struct, frozen=True):
    """How far a view has come: the next journal offset to apply, the ticks and the greatest time."""

    journal: str = ""
    offset: int = 0
    clock: int = NO_CLOCK
    latest: int = NO_CLOCK


class Verdict(Enum):
    """What becomes of an event, in the order of precedence."""

    ACCEPT = auto()
    DUPLICATE = auto()
    CONFLICT = auto()
    TOO_OLD = auto()
    TOO_NEW = auto()


class Identities:
    """The view of one partition. Changes are in memory until `commit`, and forgotten by `rollback`."""

    def __init__(self, store: Store, *, horizon_ms: int) -> None:
        self._store = store
        self._horizon_ms = horizon_ms
        self._pending: dict[bytes, bytes | None] = {}
        self._fetched: dict[bytes, bytes | None] = {}
        self._sweep_from = b""
        stored = store.get([REACHED_KEY])[0]
        self.reached = Reached() if stored is None else msgspec.json.decode(stored, type=Reached)
        self.rollback()

    def rollback(self) -> None:
        """Forget everything since the last `commit`."""
        self._pending, self._fetched = {}, {}
        self.clock, self._latest = self.reached.clock, self.reached.latest
        self._set_stamp()

    def commit(self, reached: Reached) -> None:
        """Keep the changes: they are in the journal before `reached.offset`."""
        self._pending[REACHED_KEY] = msgspec.json.encode(reached)
        self._store.write(self._pending)
        self.reached = reached
        self._pending, self._fetched = {}, {}

    def reach(self, journal: str, offset: int) -> Reached:
        """What `commit` takes for the present clocks."""
        return Reached(journal, offset, self.clock, self._latest)

    def close(self) -> None:
        """Give up the store."""
        self._store.close()

    # --- judging, in the order of the journal ---------------------------------------------------------

    def prefetch(self, events: Sequence[Event]) -> list[bytes]:
        """The identities of `events`, looked up in one go, with the clocks of accounts ahead of the ticks."""
        keys = [identity_of(event.account, event.source, event.id) for event in events]
        clock = self.clock
        ahead = {_account_key(event.account) for event in events if event.time_ms > clock}
        wanted = [*keys, *ahead] if ahead else keys
        if wanted:
            self._fetched.update(zip(wanted, self._store.get(wanted), strict=True))
        return keys

    def begin_record(self, clock: int) -> None:
        """The journal's next record begins, at `clock`; clocks never go back."""
        self.clock = max(self.clock, clock)
        self._latest = max(self._latest, self.clock)
        self._set_stamp()

    def judge(self, identity: bytes, event: Event, told_ms: int | None) -> Verdict:
        """What becomes of `event`. `told_ms`: when it was told by the wall clock, None where there is none."""
        # As `_get`, written out: one of two lines that every event passes.
        entry = self._pending.get(identity) or self._fetched.get(identity, _UNKNOWN)
        if entry is _UNKNOWN:
            entry = self._get(identity)
        if entry is not None and self._is_alive(entry):
            if _ENTRY.unpack(entry)[0] == event.content:
                return Verdict.DUPLICATE
            again = self._get(_conflict_key(identity, event.content))
            return Verdict.CONFLICT if again is None or not self._is_alive(again) else Verdict.DUPLICATE
        if self._is_too_old(event):
            return Verdict.TOO_OLD
        if told_ms is not None and event.time_ms > told_ms + AHEAD_MAX_MS:
            return Verdict.TOO_NEW
        return Verdict.ACCEPT

    def note_accepted(self, identity: bytes, event: Event) -> None:
        """`event` stands in the journal's present record."""
        time_ms = event.time_ms
        stamp = self._stamp_h if time_ms <= self._stamp_ms else _hour_up(time_ms)
        self._pending[identity] = _ENTRY.pack(event.content, stamp)
        self._latest = max(self._latest, time_ms)
        if time_ms > self.clock and time_ms > self.clock_of(event.account):
            self._pending[_account_key(event.account)] = _TIME.pack(time_ms)

    def note_refused(self, identity: bytes, content: int) -> None:
        """An identity, with the content it came with, is among the refused of the journal's present record."""
        entry = self._get(identity)
        if entry is None or not self._is_alive(entry):
            self._pending[identity] = _ENTRY.pack(content, self._stamp_h)
            return
        first = _ENTRY.unpack(entry)[0]
        # The first content lives as long as any that was refused for its sake.
        self._pending[identity] = _ENTRY.pack(first, max(self._stamp_h, _ENTRY.unpack(entry)[1]))
        if first != content:
            self._pending[_conflict_key(identity, content)] = _ENTRY.pack(content, self._stamp_h)

    def clock_of(self, account: str) -> int:
        """The account's clock: the greatest tick or event time (contract 8.1); NO_CLOCK before any."""
        entry = self._get(_account_key(account))
        return self.clock if entry is None else max(self.clock, _TIME.unpack(entry)[0])

    # --- the sweep ------------------------------------------------------------------------------------

    def sweep(self, limit: int) -> int:
        """Look at the next `limit` entries and delete those that are void; how many were. Between commits only."""
        entries = self._store.scan(self._sweep_from, limit)
        void: dict[bytes, bytes | None] = {key: None for key, value in entries if self._is_void(key, value)}
        if void:
            self._store.write(void)
        self._sweep_from = entries[-1][0] + b"\0" if len(entries) == limit else b""
        return len(void)

    def _is_void(self, key: bytes, value: bytes) -> bool:
        match len(key):
            case 16 | 24:
                return not self._is_alive(value)
            case 17:
                return bool(_TIME.unpack(value)[0] <= self.reached.clock)
            case _:
                return False

    # --- inside ---------------------------------------------------------------------------------------

    def _is_too_old(self, event: Event) -> bool:
        oldest = event.time_ms + self._horizon_ms
        if oldest >= self._latest or oldest < self.clock:
            # No account's clock is beyond the greatest time, none is behind the ticks: no need to look it up.
            return oldest < self.clock
        return oldest < self.clock_of(event.account)

    def _is_alive(self, entry: bytes) -> bool:
        return bool(_ENTRY.unpack(entry)[1] * HOUR_MS >= self.clock - self._horizon_ms)

    def _set_stamp(self) -> None:
        self._stamp_ms = max(self.clock, self._latest)
        self._stamp_h = _hour_up(self._stamp_ms)

    def _get(self, key: bytes) -> bytes | None:
        if key in self._pending:
            return self._pending[key]
        if key not in self._fetched:
            self._fetched[key] = self._store.get([key])[0]
        return self._fetched[key]


def _hour_up(time_ms: int) -> int:
    return max(_NEVER_H, min(_LAST_H, -(-time_ms // HOUR_MS)))


def _conflict_key(identity: bytes, content: int) -> bytes:
    return identity + content.to_bytes(8, "big")


def _account_key(account: str) -> bytes:
    return b"a" + blake2b(account.encode("utf-8", "surrogatepass"), digest_size=16).digest()
