"""Events on their way, the oldest first: those on disk, then those in memory. For one thread at a time.

On disk an event is a line. What is sent is forgotten by its place, and the file is emptied when all of it is sent: a
process that dies before that sends some again, which is harmless.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path


class Queue:
    """Holds up to `memory_events` in memory; with `path`, moves them to that file when more come, up to `disk_bytes_max`."""

    def __init__(self, memory_events: int, path: Path | None, disk_bytes_max: int) -> None:
        self._memory: deque[bytes] = deque()
        self._memory_events, self._disk_bytes_max = memory_events, disk_bytes_max
        self._file = path.open("a+b") if path else None
        self._start = self._end = self._on_disk = 0
        if self._file is not None:
            self._file.seek(0)
            whole = [line for line in self._file if line.endswith(b"\n")]
            self._on_disk, self._end = len(whole), sum(map(len, whole))
            # A line that does not end was being written when a process died: it had not been taken yet.
            self._file.truncate(self._end)

    def __len__(self) -> int:
        return self._on_disk + len(self._memory)

    def put(self, event: bytes) -> bool:
        """Take `event`; False where there is no room. Raises OSError where the disk does not take it."""
        if len(self._memory) >= self._memory_events and not self._move_to_disk():
            return False
        self._memory.append(event)
        return True

    def first(self, count: int, bytes_max: int) -> list[bytes]:
        """The first `count` events, or as many as there are or as fit into `bytes_max`, but one at least."""
        found: list[bytes] = []
        for event in islice(self._events(count), count):
            bytes_max -= len(event) + 1
            if found and bytes_max < 0:
                break
            found.append(event)
        return found

    def forget(self, count: int) -> None:
        """The first `count` events are sent. Some may have moved to disk since `first` gave them: they stay the first."""
        on_disk = min(count, self._on_disk)
        for line in self._lines(on_disk):
            self._start += len(line)
        self._on_disk -= on_disk
        if self._file is not None and self._start and not self._on_disk:
            self._file.truncate(0)
            self._start = self._end = 0
        for _ in range(count - on_disk):
            self._memory.popleft()

    def close(self) -> list[bytes]:
        """Keep on disk what is left; what cannot be kept is given back."""
        if self._file is not None:
            self._move_to_disk(limited=False)
            self._file.close()
        return list(self._memory)

    def _move_to_disk(self, *, limited: bool = True) -> bool:
        if self._file is None or (limited and self._end > self._disk_bytes_max):
            return False
        block = b"".join(event + b"\n" for event in self._memory)
        self._file.write(block)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._end += len(block)
        self._on_disk += len(self._memory)
        self._memory.clear()
        return True

    def _events(self, count: int) -> Iterator[bytes]:
        for line in self._lines(min(count, self._on_disk)):
            yield line.rstrip(b"\n")
        yield from self._memory

    def _lines(self, count: int) -> Iterator[bytes]:
        if self._file is not None and count:
            self._file.seek(self._start)
            for _ in range(count):
                yield self._file.readline()
