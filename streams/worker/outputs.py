"""How the records of an outbox become Kafka messages. Pure.

`charges` and `ledger.entries` are packed: one JSON array for each journal record, split where it would not fit.
The others are one record a message, keyed by account (contract 8.2; windows by account and start).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.wire import encode
from streams.core.state import Outbox
from streams.worker.ports import Names

ARRAY_BYTES_MAX = 900_000
Send = Callable[[str, int, str | None, bytes], None]


class Outputs:
    """The way out of one partition while a journal record is folded in steps, an outbox each.

    What a step gave is encoded at once, so that the records need not be kept; `finish` sends the arrays.
    """

    def __init__(self, partition: int, names: Names, send: Send) -> None:
        self._partition = partition
        self._names = names
        self._send = send
        self._charges = _Array(partition, names.charges, send)
        self._entries = _Array(partition, names.entries, send)

    def take(self, out: Outbox) -> None:
        """Encode everything in `out`, and send what is not packed."""
        names, partition, send = self._names, self._partition, self._send
        self._charges.extend(out.charges)
        self._entries.extend(out.entries)
        for window in out.hourly:
            send(names.hourly, partition, window_key(window), encode(window))
        for window in out.daily:
            send(names.daily, partition, window_key(window), encode(window))
        for topic, records in (
            (names.notices, out.notices),
            (names.commands, out.commands),
            (names.rejections, out.rejections),
        ):
            for record in records:
                send(topic, partition, record.account, encode(record))

    def finish(self) -> None:
        """Send what is packed."""
        self._charges.send()
        self._entries.send()


def emit(out: Outbox, partition: int, names: Names, send: Send) -> None:
    """Send everything in `out` to `partition` of its topics."""
    outputs = Outputs(partition, names, send)
    outputs.take(out)
    outputs.finish()


def window_key(window: Any) -> str:
    """The key under which a window's costs are compacted."""
    return f"{window.account}|{window.start}"


class _Array:
    """A JSON array of records that grows until it is sent, at the latest when it would pass `ARRAY_BYTES_MAX`."""

    def __init__(self, partition: int, topic: str, send: Send) -> None:
        self._partition = partition
        self._topic = topic
        self._send = send
        self._parts: list[bytes] = []
        # Of the array as it would be sent: its brackets, the parts and what parts them.
        self._size = 1

    def extend(self, records: list[Any]) -> None:
        """Add `records`."""
        if not records:
            return
        part = encode(records)[1:-1]
        if self._size + len(part) + 1 > ARRAY_BYTES_MAX:
            self.send()
            if len(part) + 2 > ARRAY_BYTES_MAX and len(records) > 1:
                middle = len(records) // 2
                self.extend(records[:middle])
                self.extend(records[middle:])
                return
        self._parts.append(part)
        self._size += len(part) + 1

    def send(self) -> None:
        """Send what there is and begin anew."""
        if self._parts:
            self._send(self._topic, self._partition, None, b"[%b]" % b",".join(self._parts))
            self._parts, self._size = [], 1
