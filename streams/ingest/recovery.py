"""Where ingest left off: the committed positions, and the index brought to the end of the journal.

The journal's end is asked for after the committed positions are known to be stable, and including transactions
that are still open: what the previous owner was about to commit is waited for, read or seen aborted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from rocksdict import Cache

from schemas.journal import JournalRecord, decode_record
from schemas.wire import Event, read_event
from streams.ingest.config import IngestConfig
from streams.ingest.counters import Counters, counters_of
from streams.ingest.errors import LostInput, WrongIndex
from streams.ingest.identities import Identities
from streams.ingest.store import RocksStore, StoreIsBroken, destroy
from streams.ingest.topics import REQUEST_TIMEOUT_S, Ends, Place, starts_of

logger = logging.getLogger(__name__)

READ_MESSAGES = 200
READ_WAIT_S = 0.1
Positions = dict[int, list[tuple[int, Counters]]]


def committed_positions(
    consumer: Consumer, admin: AdminClient, config: IngestConfig, partitions: Sequence[int]
) -> Positions:
    """Next offset and counters of each input, by partition and rank; raises KafkaException while unstable."""
    places = [(topic, partition) for partition in partitions for topic in config.inputs]
    asked = [TopicPartition(topic, partition) for topic, partition in places]
    committed = {(tp.topic, tp.partition): tp for tp in consumer.committed(asked, timeout=REQUEST_TIMEOUT_S)}
    starts = starts_of(admin, places)
    positions: Positions = {partition: [] for partition in partitions}
    for place in places:
        found = committed[place]
        if found.error is not None:
            raise KafkaException(found.error)
        positions[place[1]].append(_position(place, found, starts[place]))
    return positions


def _position(place: Place, found: TopicPartition, start: int) -> tuple[int, Counters]:
    if found.offset < 0:
        return start, Counters()
    if found.offset < start:
        raise LostInput(
            f"{place[0]}[{place[1]}] was read to offset {found.offset}, but the topic now begins at {start}: "
            "events were deleted before they were read; to go on without them reset the group's offset"
        )
    return found.offset, counters_of(found.metadata)


def open_identities(
    directory: Path, cache: Cache, config: IngestConfig, *, journal_id: str, end: int
) -> Identities:
    """The index in `directory`, made anew where it cannot be read.

    Raises WrongIndex where it is of another journal, StoreIsTaken where another process has it.
    """
    try:
        identities = _opened(directory, cache, config)
    except (StoreIsBroken, msgspec.DecodeError) as error:
        logger.warning("index %s cannot be read, it is made anew from the journal: %s", directory, error)
        destroy(directory)
        identities = _opened(directory, cache, config)
    reached = identities.reached
    if reached.offset > end or reached.journal not in ("", journal_id):
        identities.close()
        raise WrongIndex(
            f"the index {directory} was made from another journal (it has reached offset {reached.offset}, the journal "
            f"ends at {end}): if topic {config.journal} was meant to be created anew, remove the directory"
        )
    return identities


def _opened(directory: Path, cache: Cache, config: IngestConfig) -> Identities:
    store = RocksStore(directory, cache)
    try:
        return Identities(store, horizon_ms=config.horizon_ms)
    except (StoreIsBroken, msgspec.DecodeError):
        # An open database holds its lock, and it is to be removed.
        store.close()
        raise


class CatchUp:
    """Brings views to the end of the journal, a few records at a time."""

    def __init__(
        self, admin: AdminClient, config: IngestConfig, journal_id: str, partitions: Sequence[int]
    ) -> None:
        self._config = config
        self._journal_id = journal_id
        places = [(config.journal, partition) for partition in partitions]
        ends = Ends(admin, places, IsolationLevel.READ_UNCOMMITTED).result()
        starts = starts_of(admin, places)
        self.ends = {partition: end for (_, partition), end in ends.items()}
        self.starts = {partition: start for (_, partition), start in starts.items()}

    def run(self, views: dict[int, Identities]) -> Iterator[None]:
        """Apply what the views lack; yields between slices, so that the caller can keep its place in the group."""
        behind = {p for p, view in views.items() if max(view.reached.offset, self.starts[p]) < self.ends[p]}
        if not behind:
            return
        reader = Consumer(_reader_config(self._config))
        try:
            reader.assign(
                [
                    TopicPartition(self._config.journal, p, max(views[p].reached.offset, self.starts[p]))
                    for p in behind
                ]
            )
            while behind:
                reached = self._apply(reader.consume(READ_MESSAGES, timeout=READ_WAIT_S), views)
                behind -= {
                    partition for partition, offset in reached.items() if offset >= self.ends[partition]
                }
                yield
        finally:
            reader.close()

    def _apply(self, messages: Sequence[Message], views: dict[int, Identities]) -> dict[int, int]:
        reached: dict[int, int] = {}
        touched: dict[int, int] = {}
        for message in messages:
            partition, offset = message.partition(), message.offset()
            if partition is None or offset is None:
                _check(message.error())
            elif message.error() is None:
                replay(views[partition], decode_record(message.value() or b""))
                reached[partition] = touched[partition] = offset + 1
            elif _check(message.error()):
                reached[partition] = offset
        for partition, offset in touched.items():
            views[partition].commit(views[partition].reach(self._journal_id, offset))
        return reached


def replay(view: Identities, record: JournalRecord) -> None:
    """Apply one record of the journal, as it was judged when it was written."""
    view.begin_record(record.clock)
    events = [read for raw in record.events if type(read := read_event(bytes(raw))) is Event]
    if len(events) != len(record.events):
        raise WrongIndex(
            "the journal holds an event that this version cannot read: an older or newer one wrote it"
        )
    for identity, event in zip(view.prefetch(events), events, strict=True):
        view.note_accepted(identity, event)
    for identity_hex, content_hex in record.refused:
        view.note_refused(bytes.fromhex(identity_hex), int(content_hex, 16))


def _check(error: KafkaError | None) -> bool:
    """True for an end of partition; raises for what waiting does not cure."""
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:
        return True
    if error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:
        raise LostInput(f"the journal cannot be read: {error.str()}")
    logger.warning("reading the journal: %s", error.str())
    return False


def _reader_config(config: IngestConfig) -> dict[str, Any]:
    return {
        **config.kafka,
        # It is assigned by hand and commits nothing; the client wants a name all the same.
        "group.id": f"{config.group}-index",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
    }
