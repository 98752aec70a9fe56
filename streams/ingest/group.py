"""Which partitions are ours, and everything that is open for them: from assignment to revocation.

Partitions are opened between two rounds, not in the callback: an index that must be rebuilt takes minutes, and
the group is polled all the while. Until then nothing is fetched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event as Signal
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from rocksdict import Cache

from streams.ingest.config import IngestConfig
from streams.ingest.counters import Counters
from streams.ingest.errors import Fenced, LostInput, WrongTopics
from streams.ingest.identities import Identities
from streams.ingest.merge import Merge
from streams.ingest.partition import PartitionIngest
from streams.ingest.reading import Incoming
from streams.ingest.recovery import CatchUp, Positions, committed_positions, open_identities
from streams.ingest.store import StoreIsTaken, destroy

logger = logging.getLogger(__name__)

RETRY_S = 0.5
# Letters that wait for another input to be read to its end; beyond this their inputs pause.
WAITING_MAX = 50_000


class Group:
    """This process's place in the consumer group. `before_leaving` ends what is under way, before a revocation."""

    def __init__(
        self, config: IngestConfig, admin: AdminClient, stop: Signal, before_leaving: Callable[[], None]
    ) -> None:
        self._config, self._admin, self._stop, self._before_leaving = config, admin, stop, before_leaving
        self._cache = Cache(config.cache_bytes)
        self._rank = {topic: rank for rank, topic in enumerate(config.inputs)}
        self._partitions: list[int] | None = None
        self._paused: set[int] = set()
        self.parts: dict[int, PartitionIngest] = {}
        self.merges: dict[int, Merge] = {}
        self.consumer = Consumer(_consumer_config(config))
        self.consumer.subscribe(
            list(config.inputs), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def needs_opening(self) -> bool:
        """True where partitions are assigned that are not open."""
        return bool(self._partitions) and not self.parts

    def is_settled(self) -> bool:
        """True where every partition that was assigned (possibly none) is open."""
        return self._partitions is not None and not self.needs_opening()

    def open(self, journal_id: str) -> None:
        """Open what is assigned, from what is committed; where something is not ready yet, nothing is opened.

        Raises WrongIndex or LostInput where waiting does not help.
        """
        config, partitions = self._config, self._partitions or []
        opened: dict[int, Identities] = {}
        try:
            positions = committed_positions(self.consumer, self._admin, config, partitions)
            catch_up = CatchUp(self._admin, config, journal_id, partitions)
            for p in partitions:
                _check_journal(p, positions[p], catch_up.ends[p])
                directory, end = config.index_dir / str(p), catch_up.ends[p]
                opened[p] = open_identities(directory, self._cache, config, journal_id=journal_id, end=end)
            for _ in catch_up.run(opened):
                self.consumer.consume(1, timeout=0)
                if self._partitions is not partitions or self._stop.is_set():
                    return
            self._start(positions, opened)
            opened = {}
        except (KafkaException, StoreIsTaken) as error:
            logger.warning("not ready to go on yet: %s", error)
            self._stop.wait(RETRY_S)
        finally:
            for identities in opened.values():
                identities.close()

    def drop(self) -> None:
        """Close everything; what is not committed is forgotten and will be read again."""
        for part in self.parts.values():
            part.identities.close()
        self.parts, self.merges, self._paused = {}, {}, set()

    def destroy_indexes(self) -> None:
        """An index turned out to be unreadable: whoever is next makes those of this process anew."""
        partitions = list(self.parts)
        self.drop()
        for p in partitions:
            destroy(self._config.index_dir / str(p))

    def close(self) -> None:
        """Leave the group."""
        self.drop()
        self.consumer.close()

    def receive(self) -> list[Incoming]:
        """The next batch: full, or what came in `batch_wait_ms`. Assignments happen in here.

        Raises LostInput and Fenced.
        """
        messages = self.consumer.consume(
            self._config.batch_messages, timeout=self._config.batch_wait_ms / 1000
        )
        incoming = []
        for m in messages:
            error = m.error()
            if error is not None:
                self._told(m, error)
            elif (partition := m.partition()) in self.parts:
                rank, stamp = self._rank[m.topic()], m.timestamp()[1]  # type: ignore[index]  # without error it has one
                incoming.append(Incoming(rank, partition, m.offset(), stamp, m.key(), m.value(), m.headers()))  # type: ignore[arg-type]
        return incoming

    def hold_back(self) -> None:
        """Pause inputs of partitions where too much waits for another input, and let them go again."""
        for p, merge in self.merges.items():
            if p not in self._paused and len(merge) > WAITING_MAX:
                self.consumer.pause(
                    [TopicPartition(topic, p) for topic in merge.waiting(self._config.inputs)]
                )
                self._paused.add(p)
            elif p in self._paused and len(merge) < WAITING_MAX // 2:
                self.consumer.resume([TopicPartition(topic, p) for topic in self._config.inputs])
                self._paused.discard(p)

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        by_rank = [sorted(p.partition for p in places if p.topic == topic) for topic in self._config.inputs]
        if any(partitions != by_rank[0] for partitions in by_rank):
            raise WrongTopics(
                f"the group gave other partitions of each input: {by_rank}; all members must be ingest"
            )
        self._partitions = by_rank[0]
        # Nothing is fetched until it is known from where. With inputs that were assigned and paused at first, one was seen
        # to bring nothing for ever (`liveness`).
        consumer.assign([])

    def _revoked(self, _consumer: Consumer, _places: list[TopicPartition]) -> None:
        self._before_leaving()
        self.drop()
        self._partitions = None

    def _start(self, positions: Positions, opened: dict[int, Identities]) -> None:
        config = self._config
        for p, identities in opened.items():
            self.parts[p] = PartitionIngest(
                partition=p,
                topics=config.inputs,
                identities=identities,
                positions=positions[p],
                horizon_ms=config.horizon_ms,
                tick_ms=config.tick_ms if config.is_wall_clock else None,
            )
            self.merges[p] = Merge([offset for offset, _ in positions[p]])
        places = [
            TopicPartition(topic, p, offset)
            for p in opened
            for topic, (offset, _) in zip(config.inputs, positions[p], strict=True)
        ]
        self.consumer.assign(places)

    def _told(self, message: Message, error: KafkaError) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            partition, topic, offset = message.partition(), message.topic(), message.offset()
            if partition in self.merges and topic is not None and offset is not None:
                self.merges[partition].at_end(self._rank[topic], offset)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise LostInput(f"input is gone before it was read: {error.str()}")
        elif error.fatal():
            raise Fenced(f"the consumer cannot go on: {error.str()}")
        else:
            logger.warning("consuming: %s", error.str())


def _check_journal(p: int, positions: Sequence[tuple[int, Counters]], end: int) -> None:
    accepted = sum(counters.accepted for _, counters in positions)
    if accepted and not end:
        raise LostInput(
            f"journal[{p}] is empty, but {accepted} events were committed to it: it was deleted or created anew; "
            "restore it, or reset the group's offsets to ingest the inputs again"
        )


def _consumer_config(config: IngestConfig) -> dict[str, Any]:
    own: dict[str, Any] = {
        "group.id": config.group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        # Positions are always given; a position that is gone must be seen, not skipped.
        "auto.offset.reset": "error",
        # Partition p of all three topics to one process.
        "partition.assignment.strategy": "range",
        "session.timeout.ms": config.session_timeout_ms,
        "heartbeat.interval.ms": max(config.session_timeout_ms // 4, 100),
        "fetch.wait.max.ms": 100,
        "fetch.queue.backoff.ms": 10,
    }
    if config.instance_id is not None:
        own["group.instance.id"] = config.instance_id
    return {**config.kafka, **own}
