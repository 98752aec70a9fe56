"""What the tests of ingest share: events as bytes, letters without Kafka, and a store that is a dict."""

import json
from bisect import bisect_left

from schemas.journal import JournalRecord, decode_record
from schemas.values import instant_of, instant_text
from schemas.wire import Event, read_event
from streams.ingest.counters import Counters
from streams.ingest.identities import Identities
from streams.ingest.partition import Output, PartitionIngest
from streams.ingest.reading import Incoming, Letter, Reader

TOPICS = ("account.events", "payment.events", "usage.events")
NOON = instant_of("2026-11-22T12:00:00Z")
DAY_MS = 86_400_000
HORIZON_MS = 35 * DAY_MS


class MemoryStore:
    """A `streams.ingest.identities.Store` that forgets when the process ends."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.entries.get(key) for key in keys]

    def write(self, changes: dict[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = value

    def scan(self, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        keys = sorted(self.entries)
        return [(key, self.entries[key]) for key in keys[bisect_left(keys, start) :][:limit]]

    def close(self) -> None:
        pass


def event_bytes(
    event_id: str = "e1",
    *,
    kind: str = "request.served",
    account: str = "acct-1",
    time_ms: int = NOON,
    source: str = "test",
    **data: object,
) -> bytes:
    """A structured CloudEvent; without `data` a small one that fits `kind`."""
    body = data or {"request.served": {"request": "r", "model": "m"}, "clock.tick": {}}.get(
        kind, {"resource": "r"}
    )
    envelope = {"specversion": "1.0", "id": event_id, "source": source, "type": kind, "subject": account}
    return json.dumps(envelope | {"time": instant_text(time_ms), "data": body}).encode()


def event(event_id: str = "e1", **fields: object) -> Event:
    """The event that `event_bytes` makes, read."""
    read = read_event(event_bytes(event_id, **fields))  # type: ignore[arg-type]
    assert isinstance(read, Event)
    return read


def incoming(
    value: bytes | None, *, offset: int = 0, rank: int = 2, append_ms: int = NOON, **more: object
) -> Incoming:
    """A message with the key `acct-1` on the one partition of a topic."""
    fields = {"partition": 0, "key": b"acct-1"} | more
    return Incoming(rank=rank, offset=offset, append_ms=append_ms, value=value, **fields)  # type: ignore[arg-type]


def letters(*messages: Incoming) -> list[Letter]:
    """`messages`, read as those of topics with one partition."""
    return Reader(TOPICS, 1).read(messages)


class World:
    """One partition of ingest in the wall clock (or `events`), its journal and its rejections, without Kafka."""

    def __init__(self, *, tick_ms: int | None = 1_000, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.journal: list[JournalRecord] = []
        self.rejections: list[dict[str, object]] = []
        self.part = PartitionIngest(
            partition=0,
            topics=TOPICS,
            identities=Identities(self.store, horizon_ms=HORIZON_MS),
            positions=[(0, Counters())] * 3,
            horizon_ms=HORIZON_MS,
            tick_ms=tick_ms,
        )
        self._offset = 0

    def tell(self, *values: bytes | None, rank: int = 2, append_ms: int = NOON, **more: object) -> Output:
        """Each of `values` in a message of its own, all in one transaction that is committed."""
        messages = []
        for value in values:
            messages.append(incoming(value, offset=self._offset, rank=rank, append_ms=append_ms, **more))
            self._offset += 1
        self.part.take(letters(*messages), append_ms)
        return self.commit()

    def commit(self) -> Output:
        """Commit what was taken."""
        output = self.part.output()
        self.journal += [decode_record(record) for record in output.journal]
        self.rejections += [json.loads(refused.value) for refused in output.rejections]
        self.part.commit("journal-id", len(self.journal))
        return output

    def accepted(self) -> list[str]:
        """The ids of the journal's events, in its order."""
        return [json.loads(bytes(raw))["id"] for record in self.journal for raw in record.events]

    def reasons(self) -> list[object]:
        """The reasons of the rejections, in their order."""
        return [rejection["reason"] for rejection in self.rejections]
