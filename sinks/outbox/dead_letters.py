"""A file of what will not go out: refused for good, given up, or not readable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec


class DeadLetter(msgspec.Struct, frozen=True):
    """`id` and `notice`: the record's id ("" where it was not readable) and the record as it came."""

    id: str
    reason: str
    notice: str


_decoder = msgspec.json.Decoder(DeadLetter)


class DeadLetters:
    """JSON lines ``{"id", "reason", "notice"}``; `notice` is the record as it came, so that it can be sent again.

    The file holds addresses: only its owner may read it.
    """

    def __init__(self, path: Path) -> None:
        """The file is made with the first line."""
        self._path = path

    def add(self, record_id: str, reason: str, value: bytes) -> None:
        """Write one line; it is on the disk when this returns."""
        letter = DeadLetter(record_id, reason, value.decode("utf-8", "backslashreplace"))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
            # A full disk may have left half a line; what is added now is whole.
            lead = b"\n" if _is_torn(file) else b""
            file.write(lead + msgspec.json.encode(letter) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> Iterator[DeadLetter]:
        """The letters, the oldest first; half a line is passed over, as what it is about was never ended."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            for line in file:
                try:
                    yield _decoder.decode(line)
                except msgspec.DecodeError:
                    continue


def _is_torn(file: BinaryIO) -> bool:
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return False
    file.seek(size - 1)
    return file.read(1) != b"\n"
