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


def emit(out: Outbox, partition: int, names: Names, send: Send) -> None:
    """Send everything in `out` to `partition` of its topics."""
    if out.charges:
        _send_array(out.charges, partition, names.charges, send)
    if out.entries:
        _send_array(out.entries, partition, names.entries, send)
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


def window_key(window: Any) -> str:
    """The key under which a window's costs are compacted."""
    return f"{window.account}|{window.start}"


def _send_array(records: list[Any], partition: int, topic: str, send: Send) -> None:
    value = encode(records)
    if len(value) <= ARRAY_BYTES_MAX or len(records) == 1:
        send(topic, partition, None, value)
        return
    middle = len(records) // 2
    _send_array(records[:middle], partition, topic, send)
    _send_array(records[middle:], partition, topic, send)
