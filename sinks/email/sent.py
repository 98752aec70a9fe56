"""Which notices were mailed, kept in a file, and those that no server takes, kept in another."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import msgspec


class SentIds:
    """Ids of notices whose mail a server has accepted; durable when `add` returns.

    Grows by one short row for each mail and is never cleaned: whoever sets the group's offsets back must not
    mail a year of receipts again.
    """

    def __init__(self, path: Path) -> None:
        """Open (or make) the file; one process at a time writes it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened by whoever builds the mailer, used by the one thread that runs it.
        self._file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode = WAL")
        # With FULL a row is on the disk when the statement returns.
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.execute("CREATE TABLE IF NOT EXISTS sent (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def __contains__(self, notice_id: str) -> bool:
        return self._file.execute("SELECT 1 FROM sent WHERE id = ?", (notice_id,)).fetchone() is not None

    def add(self, notice_id: str) -> None:
        """Remember that the mail of `notice_id` is out."""
        self._file.execute("INSERT OR IGNORE INTO sent VALUES (?)", (notice_id,))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Undeliverable:
    """A file of JSON lines: mails that a server refused for good, and notices that no mail can be made of.

    A line is ``{"id", "reason", "notice"}``; `notice` is the record as it came, so that it can be sent again.
    The file holds addresses: only its owner may read it.
    """

    def __init__(self, path: Path) -> None:
        """The file is made with the first line."""
        self._path = path

    def add(self, notice_id: str, reason: str, value: bytes) -> None:
        """Write one line; it is on the disk when this returns."""
        line = {"id": notice_id, "reason": reason, "notice": value.decode("utf-8", "backslashreplace")}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
