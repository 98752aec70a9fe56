"""How a charge came about: found in ClickHouse, folded again from the journal, shown with all that led to it.

Only the account's own events are folded, from its first one: an account is alone in its state, so this gives the
very charge again. That it does, byte for byte, is the proof; it is held against the topic and against ClickHouse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.client import Client

from infra.audit.observed import ask
from infra.audit.refold import Refold
from infra.audit.topics import Record, Topics
from infra.errors import CommandFailed
from schemas.journal import decode_record, encode_record
from schemas.topics import CHARGES, JOURNAL_TOPIC
from schemas.values import instant_of, instant_text
from schemas.wire import Event, encode, read_event
from sinks.clickhouse.tables import CHARGES as STORED
from sinks.clickhouse.tables import COORDINATES
from streams.core.book import Book
from streams.ingest.partitioner import partition_of

HEARTBEAT: Final = "instance.heartbeat"
_COLUMNS: Final = tuple(name for name in STORED.columns if name not in COORDINATES)
_FIND: Final = f"SELECT {', '.join(_COLUMNS)}, kafka_offset FROM charges FINAL WHERE id = {{id:String}}"  # noqa: S608 - our own names
# More than a journal record has events: each gets a place of its own.
_STEPS: Final = 100_000
_raws = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass
class Explanation:
    """A charge and where it comes from. `events` are those of its request or session, in order of arrival."""

    charge: Any
    partition: int
    journal_offset: int
    # Offset in the topic `charges`, None where the topic no longer has it.
    topic_offset: int | None
    same_bytes: bool
    stored_differences: list[str]
    events: list[Event] = field(default_factory=list)
    heartbeats: int = 0
    entries: list[Any] = field(default_factory=list)
    corrected: Any = None
    corrections: list[Any] = field(default_factory=list)

    @property
    def is_proven(self) -> bool:
        """True where ClickHouse and, if it still has it, the topic hold just this charge."""
        return not self.stored_differences and (self.topic_offset is None or self.same_bytes)


def explain(client: Client, topics: Topics, book: Book, charge_id: str) -> Explanation:
    """Explain charge `charge_id`. Raises CommandFailed where ClickHouse has none, or the journal does not give it."""
    rows = ask(client, _FIND, id=charge_id)
    if not rows:
        raise CommandFailed(f"no charge has the id {charge_id!r}")
    row = dict(zip((*_COLUMNS, "kafka_offset"), rows[0], strict=True))
    account = str(row["account"])
    partition = partition_of(account.encode(), topics.partitions(JOURNAL_TOPIC))
    found = _Search(charge_id, account)
    found.run(topics, book, partition)
    if found.charge is None:
        raise CommandFailed(
            f"ClickHouse has {charge_id}, but the journal does not give it: run meterstream reconcile"
        )
    record, raw = _in_topic(topics, partition, charge_id, int(row["kafka_offset"]))
    return Explanation(
        charge=found.charge,
        partition=partition,
        journal_offset=found.offset,
        topic_offset=record.offset if record else None,
        same_bytes=raw == encode(found.charge),
        stored_differences=_differing(found.charge, row),
        events=found.events_shown(),
        heartbeats=found.heartbeats,
        entries=found.entries,
        corrected=found.by_id.get(found.charge.corrects or ""),
        corrections=found.corrections,
    )


class _Search:
    """The account's story, folded again; keeps what has to do with one charge."""

    def __init__(self, charge_id: str, account: str) -> None:
        self._id = charge_id
        self._account = account
        # Most events of a partition are of others: these bytes tell them without decoding.
        self._mark = encode(account)
        self._events: list[Event] = []
        self.charge: Any = None
        self.offset = -1
        self.entries: list[Any] = []
        self.corrections: list[Any] = []
        self.by_id: dict[str, Any] = {}
        self.heartbeats = 0

    def run(self, topics: Topics, book: Book, partition: int) -> None:
        """Read and fold the whole partition of the journal."""
        refold = Refold(book)
        end = topics.ends([JOURNAL_TOPIC], partition + 1)[JOURNAL_TOPIC, partition]
        for record in topics.read(JOURNAL_TOPIC, partition, end):
            journal = decode_record(record.value)
            # The clock first, then each event by itself: so it is known what had come before the charge.
            self._look(record.offset, refold.take(record.offset * _STEPS, encode_record(journal.clock, [])))
            for number, raw in enumerate(journal.events, start=1):
                if (event := self._mine(bytes(raw))) is not None:
                    if self.charge is None:
                        self._events.append(event)
                    out = refold.take(
                        record.offset * _STEPS + number, encode_record(journal.clock, [event.raw])
                    )
                    self._look(record.offset, out)

    def _mine(self, raw: bytes) -> Event | None:
        if self._mark not in raw and b"\\u" not in raw:
            return None
        event = read_event(raw)
        return event if isinstance(event, Event) and event.account == self._account else None

    def _look(self, offset: int, out: Any) -> None:
        for charge in out.charges:
            if charge.id == self._id:
                self.charge, self.offset = charge, offset
            elif charge.corrects == self._id:
                self.corrections.append(charge)
            # Only what could still be asked for as the corrected one: requests never are.
            if charge.resource is not None and self.charge is None:
                self.by_id[charge.id] = charge
        self.entries += [entry for entry in out.entries if entry.charge == self._id]

    def events_shown(self) -> list[Event]:
        """What led to the charge: its cause, and the events of its resource since the session's start.

        Of heartbeats only the first and the last within the line's time; `heartbeats` says how many there were.
        """
        charge = self.charge
        related = [event for event in self._events if self._leads_to(event)]
        beats = [event for event in related if event.type == HEARTBEAT and not self._is_cause(event)]
        self.heartbeats = len(beats)
        hidden = {id(event) for event in beats[1:-1]}
        starts = [
            e.time_ms
            for e in related
            if e.type == "instance.started" and e.time_ms <= instant_of(charge.start)
        ]
        since_ms = max(starts, default=-(2**62))
        return [
            event
            for event in related
            if id(event) not in hidden
            and (event.time_ms >= since_ms or event.type == "instance.requested" or self._is_cause(event))
        ]

    def _is_cause(self, event: Event) -> bool:
        return (event.source, event.id) == (self.charge.cause.source, self.charge.cause.id)

    def _leads_to(self, event: Event) -> bool:
        charge = self.charge
        if self._is_cause(event):
            return True
        if charge.request is not None or getattr(event.data, "resource", None) != charge.resource:
            return False
        if event.type == HEARTBEAT:
            return instant_of(charge.start) <= event.time_ms <= instant_of(charge.end)
        return event.time_ms <= max(instant_of(charge.end), instant_of(charge.time))


# --- the proof --------------------------------------------------------------------------------------------


def _in_topic(topics: Topics, partition: int, charge_id: str, near: int) -> tuple[Record | None, bytes]:
    """The message of topic `charges` that holds the charge, and the charge's bytes in it.

    `near` is where ClickHouse says it is; after a replay that is another offset, and the topic is searched.
    """
    end = topics.ends([CHARGES], partition + 1)[CHARGES, partition]
    mark = encode(charge_id)
    for start, stop in ((near, min(near + 1, end)), (0, end)):
        for record, raw in _lines(topics, partition, start, stop, mark):
            if _id_of(raw) == charge_id:
                return record, raw
    return None, b""


def _lines(
    topics: Topics, partition: int, start: int, stop: int, mark: bytes
) -> Iterator[tuple[Record, bytes]]:
    for record in topics.read(CHARGES, partition, stop, start):
        if mark in record.value:
            for raw in _raws.decode(record.value):
                yield record, bytes(raw)


class _Named(msgspec.Struct):
    id: str


def _id_of(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=_Named).id


def _differing(charge: Any, row: dict[str, Any]) -> list[str]:
    """Columns of ClickHouse that are not what the charge says."""
    return [
        name
        for name in _COLUMNS
        if _plain(getattr(charge, name)) != _stored(row[name], getattr(charge, name))
    ]


def _plain(value: Any) -> Any:
    if value is None:
        return ""
    return (value.source, value.id) if hasattr(value, "source") else value


def _stored(value: Any, like: Any) -> Any:
    if isinstance(value, Decimal):
        # Compared as numbers: ClickHouse keeps 12 decimals, the record as few as it needs.
        return like if Decimal(like) == value else format(value, "f")
    if isinstance(value, datetime):
        return instant_text(round(value.replace(tzinfo=value.tzinfo or UTC).timestamp() * 1000))
    if isinstance(value, dict):
        return value["source"], value["id"]
    return tuple(value) if isinstance(value, (list, tuple)) else value
