"""A file of what will not go out: refused for good, given up, or not readable."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class DeadLetters:
    """JSON lines ``{"id", "reason", "notice"}``; `notice` is the record as it came, so that it can be sent again.

    The file holds addresses: only its owner may read it.
    """

    def __init__(self, path: Path) -> None:
        """The file is made with the first line."""
        self._path = path

    def add(self, record_id: str, reason: str, value: bytes) -> None:
        """Write one line; it is on the disk when this returns."""
        line = {"id": record_id, "reason": reason, "notice": value.decode("utf-8", "backslashreplace")}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
