"""Kafka messages become the rows of one batch, as the JSON lines that ClickHouse reads. Pure.

The bytes of a record go to ClickHouse as they are, with Kafka's coordinates put before the first field; the
engine parses the decimal strings itself, exactly; Python only checks them (`checks`). Alternatives, 200,000
charges of 470 bytes in batches of 50,000 on two shared cores, microseconds of processor time a row here and in
the engine; all three are exact:

    JSON lines from Kafka's bytes, checked     3.3 + 5.6     (2.2 on an idle core)
    Arrow, by pyarrow's JSON reader           13.  + 2.8     (4.5 with both cores free; not checked)
    columns of Python values                  16.  + 2.4

The sink itself must not need a core: it shares the machine with ingest and workers, so the first one it is.

Balances and windows are absolute, so within a batch only the greatest version of each is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from schemas.topics import JOURNAL_TOPIC
from schemas.values import instant_text
from sinks.clickhouse import tables
from sinks.clickhouse.accepted import clock_row, rows_of
from sinks.clickhouse.checks import (
    DECIMAL_LINES,
    DECIMALS,
    INSTANT_LINES,
    INSTANTS,
    BadRecord,
    check,
    check_texts,
    decode,
)
from sinks.clickhouse.tables import Table

EPOCH_TEXT: Final = instant_text(0)
REASON_LENGTH_MAX: Final = 500

# Between two records of an array as our encoder writes it; no JSON string can hold it, as it has a bare quote.
_SEAM: Final = b'},{"id":"'
_raw_list: Final = msgspec.json.Decoder(list[msgspec.Raw])
_encode: Final = msgspec.json.encode


class Message(msgspec.Struct, frozen=True):
    """One Kafka message of an output topic; `topic` is the name without the namespace."""

    topic: str
    partition: int
    offset: int
    time_ms: int
    value: bytes | None


class Landing(msgspec.Struct, frozen=True):
    """The charges of a batch: how many, between which times, and when the oldest of their messages came to Kafka."""

    charges: int
    oldest: str
    newest: str
    sent: str

    def joined(self, other: Landing) -> Landing:
        """Both as one."""
        return Landing(
            self.charges + other.charges,
            min(self.oldest, other.oldest),
            max(self.newest, other.newest),
            min(self.sent, other.sent),
        )


class Batch:
    """Rows on their way to ClickHouse, by table, and the dead letters among them."""

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self._lines: dict[str, list[bytes]] = {}
        self._counts: dict[str, int] = {}
        # (table, key of the absolute value) → (version, lines, rows)
        self._latest: dict[tuple[str, str], tuple[tuple[int, str], bytes, int]] = {}
        self.dead = 0
        self._landing: Landing | None = None

    def take(self, message: Message) -> list[str]:
        """Add the rows of `message`; returns the reasons of what became dead letters, none for a good one."""
        value = message.value or b""
        self.bytes += len(value)
        if message.topic == JOURNAL_TOPIC:
            return self._take_journal(message, value)
        table = tables.BY_TOPIC[message.topic]
        try:
            if table.packed:
                lines, records = _packed_rows(table, message, value)
                self._add(table.name, lines, len(records))
                if table is tables.CHARGES and records:
                    self._note(message, records)
            elif table.name in _ABSOLUTE:
                key, version, lines, rows = _ABSOLUTE[table.name](table, message, value)
                self._replace(table.name, key, version, lines, rows)
            else:
                self._add(table.name, _ONE[table.name](table, message, value), 1)
        except BadRecord as bad:
            return self._bury(table, message, value, str(bad))
        return []

    def bodies(self) -> list[tuple[str, tuple[str, ...], bytes, int]]:
        """For each table with rows: its name, columns, JSON lines and number of rows; dead letters last."""
        lines = {name: list(parts) for name, parts in self._lines.items()}
        counts = dict(self._counts)
        for (name, _), (_, part, rows) in self._latest.items():
            if rows:
                lines.setdefault(name, []).append(part)
                counts[name] = counts.get(name, 0) + rows
        if self._landing is not None:
            lines[tables.LANDINGS], counts[tables.LANDINGS] = [_encode(self._landing)], 1
        return [
            (name, columns, b"\n".join(lines[name]), counts[name])
            for name, columns in tables.COLUMNS.items()
            if name in lines
        ]

    def _take_journal(self, message: Message, value: bytes) -> list[str]:
        try:
            found = rows_of(message.partition, message.offset, value)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            self._add_dead(message, 0, value, str(error))
            return [str(error)]
        self._add(tables.REQUESTS, b"\n".join(found.requests), len(found.requests))
        self._add(tables.RESOURCE_EVENTS, b"\n".join(found.resource_events), len(found.resource_events))
        if found.clock_ms is not None:
            row = clock_row(message.partition, message.offset, found.clock_ms)
            self._replace(tables.CLOCKS, str(message.partition), (found.clock_ms, ""), row, 1)
        return []

    def _note(self, message: Message, charges: Sequence[Any]) -> None:
        times = [charge.time for charge in charges]
        sent = instant_text(max(message.time_ms, 0))
        found = Landing(len(times), min(times), max(times), sent)
        self._landing = found if self._landing is None else self._landing.joined(found)

    def _add(self, table: str, lines: bytes, rows: int) -> None:
        if rows:
            self._lines.setdefault(table, []).append(lines)
            self._counts[table] = self._counts.get(table, 0) + rows
            self.rows += rows

    def _replace(self, table: str, key: str, version: tuple[int, str], lines: bytes, rows: int) -> None:
        before = self._latest.get((table, key))
        # Of equal versions the later one, as the engine has it.
        if before is None or before[0] <= version:
            self._latest[table, key] = (version, lines, rows)
            self.rows += rows - (before[2] if before else 0)

    def _bury(self, table: Table, message: Message, value: bytes, reason: str) -> list[str]:
        """Keep the good records of a bad message and make dead letters of the others."""
        if not table.packed:
            self._add_dead(message, 0, value, reason)
            return [reason]
        try:
            raws = [bytes(raw) for raw in _raw_list.decode(value)]
        except (msgspec.DecodeError, RecursionError) as error:
            self._add_dead(message, 0, value, str(error))
            return [str(error)]
        reasons = []
        for position, raw in enumerate(raws):
            try:
                lines, records = _packed_rows(table, message, b"[%b]" % raw)
                self._add(table.name, lines, len(records))
            except BadRecord as bad:
                self._add_dead(message, position, raw, str(bad))
                reasons.append(str(bad))
        return reasons

    def _add_dead(self, message: Message, position: int, value: bytes, reason: str) -> None:
        self.dead += 1
        line = dead_letter(
            message.topic, message.partition, message.offset, position, message.time_ms, value, reason
        )
        self._add(tables.DEAD_LETTERS, line, 1)


def dead_letter(
    topic: str, partition: int, offset: int, position: int, time_ms: int, value: bytes, reason: str
) -> bytes:
    """The row of `dead_letters` for bytes that could not be stored."""
    row = {
        "topic": topic,
        "kafka_partition": partition,
        "kafka_offset": offset,
        "position": position,
        "time": instant_text(max(time_ms, 0)),
        "reason": reason[:REASON_LENGTH_MAX],
        "value": value.decode("utf-8", "backslashreplace"),
    }
    return _encode(row)


# --- rows ----------------------------------------------------------------------------------------------


def _head(message: Message) -> bytes:
    return b'{"kafka_partition":%d,"kafka_offset":%d,' % (message.partition, message.offset)


def _line(raw: bytes) -> bytes:
    """`raw` without line ends between its tokens: a row is a line."""
    stripped = raw.strip()
    if b"\n" in stripped or b"\r" in stripped or not stripped.startswith(b'{"'):
        return _encode(msgspec.json.decode(stripped))
    return stripped


def _packed_rows(table: Table, message: Message, value: bytes) -> tuple[bytes, Sequence[Any]]:
    """The lines of an array of records, and the records."""
    records = decode(table, value)
    check(table, records)
    head = _head(message)
    # The encoder's own form is cut by one replacement; anything else record by record.
    if value.startswith(b'[{"id":"') and value.endswith(b"}]") and value.count(_SEAM) + 1 == len(records):
        return head + value[2:-1].replace(_SEAM, b"}\n" + head + b'"id":"'), records
    lines = [head + _line(bytes(raw))[1:] for raw in _raw_list.decode(value)]
    return b"\n".join(lines), records


def _one_row(table: Table, message: Message, value: bytes) -> bytes:
    record = decode(table, value)
    check(table, [record])
    return _head(message) + _line(value)[1:]


class _RawEvent(msgspec.Struct):
    event: msgspec.Raw


_event_decoder: Final = msgspec.json.Decoder(_RawEvent)


def _rejection_row(table: Table, message: Message, value: bytes) -> bytes:
    record = decode(table, value)
    if record.time is not None:
        check(table, [record])
    text = (
        record.event if isinstance(record.event, str) else bytes(_event_decoder.decode(value).event).decode()
    )
    row = {
        "id": record.id,
        "account": record.account or "",
        "time": record.time or EPOCH_TEXT,
        "cause": record.cause,
        "reason": record.reason,
        "detail": record.detail,
        "event": text,
    }
    return _head(message) + _encode(row)[1:]


def _balance_row(table: Table, message: Message, value: bytes) -> tuple[str, tuple[int, str], bytes, int]:
    record = decode(table, value)
    check(table, [record])
    check_texts("decimal", DECIMAL_LINES, list(record.buckets.values()))
    return record.account, (record.seq, record.time), _head(message) + _line(value)[1:], 1


def _window_rows(table: Table, message: Message, value: bytes) -> tuple[str, tuple[int, str], bytes, int]:
    window = decode(table, value)
    for field in INSTANTS[table.name]:
        check_texts("time", INSTANT_LINES, [str(field(window))])
    for number in DECIMALS[table.name]:
        check_texts("decimal", DECIMAL_LINES, [str(number(line)) for line in window.lines])
    shared = {
        name: getattr(window, name, None) or "" for name in ("account", "time", "profile", "currency", "zone")
    }
    shared |= {"start": window.start, "end": window.end, "version": window.version}
    if table is tables.DAILY:
        shared["day"] = local_day(window.start, str(shared["zone"]))
    head = _head(message) + _encode(shared)[1:-1] + b","
    lines = [head + _encode(line)[1:] for line in window.lines]
    return f"{window.account}|{window.start}", (window.version, window.time), b"\n".join(lines), len(lines)


@lru_cache(maxsize=4096)
def local_day(start: str, zone: str) -> str:
    """The calendar day that begins at `start` (UTC) in `zone`, as ``2026-11-01``.

    Without a zone it is the UTC date of 12 hours later, which is the day for zones from UTC-11:59 to UTC+12.
    """
    begin = datetime.fromisoformat(start)
    local = begin.astimezone(ZoneInfo(zone)) if zone else begin + timedelta(hours=12)
    return local.date().isoformat()


_ONE: Final = {
    tables.NOTICES.name: _one_row,
    tables.COMMANDS.name: _one_row,
    tables.REJECTIONS.name: _rejection_row,
    tables.DELIVERIES.name: _one_row,
}
_ABSOLUTE: Final = {
    tables.BALANCES.name: _balance_row,
    tables.HOURLY.name: _window_rows,
    tables.DAILY.name: _window_rows,
}
