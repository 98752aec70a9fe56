"""The queue: a file of SQLite. What `put` has taken is on the disk; what ended is remembered, so that it is not sent again.

Every change of state is one transaction with its report, so the topic `deliveries` tells what happened, no more and no
less. The file holds addresses and texts: only its owner may read it. One process works a queue off; `put` may be called
by others too.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from schemas.records import DeliveryState
from schemas.values import instant_text
from schemas.wire import Cause, Delivery, encode
from sinks.outbox.items import Item, Queued, Received, Report, Settled

BUSY_S: Final = 30.0
GIVEN_UP: Final = frozenset({DeliveryState.REFUSED, DeliveryState.DEAD})
SENT_AGAIN: Final = "to be sent again, on demand"
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS waiting (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, record TEXT, type TEXT, account TEXT, source TEXT,
    cause TEXT, lane TEXT, grp TEXT, target TEXT, body BLOB, bundle TEXT, due_s REAL, attempts INTEGER, version INTEGER,
    since_s REAL, put_s REAL);
CREATE INDEX IF NOT EXISTS waiting_due ON waiting (grp, due_s, position);
CREATE INDEX IF NOT EXISTS waiting_lane ON waiting (lane, position);
CREATE TABLE IF NOT EXISTS done (id TEXT PRIMARY KEY, lane TEXT, state TEXT, at_s REAL, version INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS done_lane ON done (lane, at_s) WHERE state = 'sent';
CREATE TABLE IF NOT EXISTS reports (position INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, value BLOB);
"""
_COLUMNS: Final = "position, id, record, type, account, source, cause, lane, grp, target, body, bundle, attempts, version, since_s"


class QueueTaken(Exception):
    """Another process works this queue off."""


class Outbox:
    """A queue in `path`, for `channel`. Times are seconds since 1970, given by the caller."""

    def __init__(self, path: Path, channel: str, *, exclusive: bool = True) -> None:
        """Open (or make) the file; `exclusive` for the one process that works it off. Raises `QueueTaken`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._channel = channel
        self._lock = _locked(path.with_suffix(".lock")) if exclusive else None
        # Nobody else may ever read it, not even while it is being made.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._file = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = WAL")
        # With FULL a row is on the disk when the transaction is.
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file and let another process have it."""
        self._file.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # --- in

    def put(self, received: Iterable[Received], now_s: float) -> int:
        """Take what is new; the number of those. What is waiting or has ended already is left as it is."""
        with self._transaction():
            return sum(self._put(each, now_s) for each in received)

    def put_again(self, items: Iterable[Item], now_s: float) -> int:
        """Take `items` although they have ended, which is reported; those that wait are due now. The number of items."""
        count = 0
        with self._transaction():
            for item in items:
                self._file.execute("UPDATE waiting SET due_s = ? WHERE id = ?", (now_s, item.id))
                self._put_again(item, now_s)
                count += 1
        return count

    def put_given_up_again(self, items: Iterable[Item], now_s: float) -> int:
        """Take those of `items` that were refused or given up, which is reported; the number of those."""
        with self._transaction():
            given_up = [item for item in items if self._ended_as(item) in GIVEN_UP]
            for item in given_up:
                self._put_again(item, now_s)
            return len(given_up)

    def adopt(self, sent: Path) -> None:
        """Take over the ids of the file of sent notices that an earlier release kept."""
        if not sent.exists():
            return
        with closing(sqlite3.connect(sent)) as old, self._transaction():
            ids = old.execute("SELECT id FROM sent")
            rows = ((each[0], "", "sent", 0.0, 0) for each in ids)
            self._file.executemany("INSERT OR IGNORE INTO done VALUES (?, ?, ?, ?, ?)", rows)
        sent.rename(sent.with_suffix(".adopted"))

    def _put(self, received: Received, now_s: float) -> bool:
        item, settled = received
        if self._one("SELECT 1 FROM done WHERE id = ? OR id = ?", item.id, item.record):
            return False
        is_new = self._insert(item, now_s, now_s + item.quiet_s, version=0)
        if is_new and settled is not None:
            position = self._one("SELECT position FROM waiting WHERE id = ?", item.id)[0]
            self._end(Queued(position, item, 0, 0, None), settled, now_s)
        return is_new

    def _put_again(self, item: Item, now_s: float) -> None:
        ended = self._one("SELECT version FROM done WHERE id = ?", item.id)
        version = ended[0] + 1 if ended else 0
        self._file.execute("DELETE FROM done WHERE id = ?", (item.id,))
        if self._insert(item, now_s, now_s, version=version) and ended:
            self._report(item, Settled(DeliveryState.DELAYED, SENT_AGAIN), 0, version, now_s)

    def _ended_as(self, item: Item) -> DeliveryState | None:
        ended = self._one("SELECT state FROM done WHERE id = ?", item.id)
        return DeliveryState(ended[0]) if ended else None

    def _insert(self, item: Item, now_s: float, due_s: float, *, version: int) -> bool:
        row = (
            item.id, item.record, item.type, item.account, item.cause.source, item.cause.id, item.lane, item.group,
            item.target, item.body, item.bundle, due_s, 0, version, None, now_s,
        )  # fmt: skip
        places = ", ".join("?" * len(row))
        sql = f"INSERT OR IGNORE INTO waiting VALUES (NULL, {places})"  # noqa: S608 - places only
        return bool(self._file.execute(sql, row).rowcount)

    # --- out

    def groups(self) -> list[tuple[str, float]]:
        """Groups with something waiting, and when the first of it is due."""
        found: list[tuple[str, float]] = []
        # From one to the next by the index: a backlog of a million items is not read through.
        while name := self._one("SELECT min(grp) FROM waiting WHERE grp > ?", found[-1][0] if found else "")[
            0
        ]:
            due_s = self._one("SELECT min(due_s) FROM waiting WHERE grp = ?", name)[0]
            found.append((str(name), float(due_s)))
        return found

    def due(
        self, group: str, busy: Sequence[str], now_s: float, limit: int, *, ordered: bool
    ) -> list[Queued]:
        """Up to `limit` items of `group` that are due, the longest due first, none of a lane in `busy`.

        `ordered`: only the oldest item of a lane, due or not, may go.
        """
        places = ", ".join("?" * len(busy))
        first = "AND NOT EXISTS (SELECT 1 FROM waiting x WHERE x.lane = w.lane AND x.position < w.position)"
        sql = f"""SELECT {_COLUMNS} FROM waiting w WHERE grp = ? AND due_s <= ? AND lane NOT IN ({places})
            {first if ordered else ""} ORDER BY due_s, position LIMIT ?"""  # noqa: S608 - our own names
        return [_queued(row) for row in self._file.execute(sql, (group, now_s, *busy, limit))]

    def mates(self, queued: Queued, limit: int) -> list[Queued]:
        """Other items of the same lane and bundle, the oldest first."""
        sql = f"""SELECT {_COLUMNS} FROM waiting WHERE lane = ? AND bundle = ? AND position != ?
            ORDER BY position LIMIT ?"""  # noqa: S608 - our own names
        found = (queued.item.lane, queued.item.bundle, queued.position, limit)
        return [_queued(row) for row in self._file.execute(sql, found)] if queued.item.bundle else []

    def sent_since(self, lane: str, since_s: float) -> list[float]:
        """When something was sent on `lane` after `since_s`, the earliest first."""
        sql = "SELECT at_s FROM done WHERE lane = ? AND at_s > ? AND state = 'sent' ORDER BY at_s"
        return [row[0] for row in self._file.execute(sql, (lane, since_s))]

    def waiting(self) -> int:
        """How many items wait."""
        return int(self._one("SELECT count(*) FROM waiting")[0])

    # --- how it went

    def end(self, ended: Iterable[tuple[Queued, Settled]], now_s: float) -> None:
        """These have ended."""
        with self._transaction():
            for queued, settled in ended:
                self._end(queued, settled, now_s)

    def put_off(self, queued: Sequence[Queued], due_s: float, reason: str, now_s: float) -> None:
        """These were tried and are to be tried again at `due_s`."""
        with self._transaction():
            for each in queued:
                attempts, version = each.attempts + 1, each.version + 1
                self._file.execute(
                    """UPDATE waiting SET due_s = ?, attempts = ?, version = ?, since_s = ifnull(since_s, ?)
                    WHERE position = ?""",
                    (due_s, attempts, version, now_s, each.position),
                )
                self._report(each.item, Settled(DeliveryState.DELAYED, reason), attempts, version, now_s)

    def put_off_lane(self, lane: str, due_s: float, reason: str, now_s: float) -> None:
        """All that waits on `lane` waits until `due_s`; each account's is told together then."""
        with self._transaction():
            sql = f"SELECT {_COLUMNS} FROM waiting WHERE lane = ? AND due_s < ?"  # noqa: S608 - our own names
            for each in [_queued(row) for row in self._file.execute(sql, (lane, due_s))]:
                self._file.execute(
                    "UPDATE waiting SET due_s = ?, version = ?, bundle = ? WHERE position = ?",
                    (due_s, each.version + 1, f"later|{each.item.account}", each.position),
                )
                settled = Settled(DeliveryState.DELAYED, reason)
                self._report(each.item, settled, each.attempts, each.version + 1, now_s)

    def hurry(self, group: str, now_s: float) -> None:
        """What waits in `group` is due now."""
        self._file.execute("UPDATE waiting SET due_s = ? WHERE grp = ? AND due_s > ?", (now_s, group, now_s))

    def expired(self, group: str, before_s: float) -> list[Queued]:
        """Items of `group` that came before `before_s` and still wait."""
        sql = f"SELECT {_COLUMNS} FROM waiting WHERE grp = ? AND put_s < ?"  # noqa: S608 - our own names
        return [_queued(row) for row in self._file.execute(sql, (group, before_s))]

    def _end(self, queued: Queued, settled: Settled, now_s: float) -> None:
        item, version = queued.item, queued.version + 1
        self._file.execute("DELETE FROM waiting WHERE position = ?", (queued.position,))
        self._file.execute(
            "INSERT OR REPLACE INTO done VALUES (?, ?, ?, ?, ?)",
            (item.id, item.lane, settled.state.value, now_s, version),
        )
        tried = settled.state not in {DeliveryState.SUPPRESSED, DeliveryState.COALESCED}
        self._report(item, settled, queued.attempts + tried, version, now_s)

    # --- reports

    def reports(self, limit: int) -> list[Report]:
        """What the topic `deliveries` has not been told, the oldest first."""
        sql = "SELECT position, account, value FROM reports ORDER BY position LIMIT ?"
        return [Report(*row) for row in self._file.execute(sql, (limit,))]

    def reported(self, last: int) -> None:
        """Everything up to position `last` is in the topic."""
        self._file.execute("DELETE FROM reports WHERE position <= ?", (last,))

    def _report(self, item: Item, settled: Settled, attempts: int, version: int, now_s: float) -> None:
        record = Delivery(
            id=item.id,
            account=item.account,
            time=instant_text(int(now_s * 1000)),
            cause=item.cause,
            notice=item.record,
            type=item.type,
            channel=self._channel,
            target=item.target,
            state=settled.state.value,
            attempts=attempts,
            version=version,
            detail=settled.detail,
        )
        self._file.execute("INSERT INTO reports VALUES (NULL, ?, ?)", (item.account, encode(record)))

    # --- SQLite

    def _transaction(self) -> _Transaction:
        return _Transaction(self._file)

    def _one(self, sql: str, *values: object) -> Any:
        return self._file.execute(sql, values).fetchone()


class _Transaction:
    """All of the block or nothing of it."""

    def __init__(self, file: sqlite3.Connection) -> None:
        self._file = file

    def __enter__(self) -> None:
        self._file.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.execute("COMMIT" if kind is None else "ROLLBACK")


def _queued(row: Sequence[Any]) -> Queued:
    (position, item_id, record, kind, account, source, cause, lane, group, target, body, bundle, *state) = row
    item = Item(
        item_id, record, kind, account, Cause(source=source, id=cause), lane, group, target, body, bundle
    )
    return Queued(position, item, *state)


def _locked(path: Path) -> int:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise QueueTaken(f"{path}: another process works this queue off") from None
    return file
