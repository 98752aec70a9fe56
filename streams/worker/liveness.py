"""Ends a worker that stands still although there is something to read.

aiokafka's consumer can hang after a broker restart without any sign (aiokafka#1154). When a partition makes no
progress for `liveness_s`, a connection of our own looks whether it has a committed record after the last one
folded. If it does and still nothing moves, the worker fails. Only a quiet partition is looked at, ticks included,
so a running pipeline never is.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.cimpl import OFFSET_BEGINNING

if TYPE_CHECKING:
    from streams.worker.app import Worker

_PROBE_S = 5.0
_GRACE_S = 10.0


class StoodStill(Exception):
    """There are records to fold, and none was folded for too long."""


class Liveness:
    """Watches one worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._limit_s = worker.config.liveness_s
        self._seen: dict[int, tuple[int, float]] = {}

    async def watch(self) -> None:
        """Raises StoodStill when the worker does."""
        while True:
            await asyncio.sleep(min(5.0, self._limit_s / 2))
            for partition, offset in self._quiet():
                unread = await asyncio.to_thread(self._has_unread, partition, offset)
                if unread:
                    # After a quiet hour the probe may see a record in the moment in which it comes: the worker
                    # gets its time to fold it, and all the time it needs for one that it is folding.
                    await asyncio.sleep(min(_GRACE_S, self._limit_s))
                if unread and self._offset(partition) == offset and not self._worker.is_folding:
                    raise StoodStill(
                        f"partition {partition} stands at {offset} for {self._limit_s:.0f} s, though there is more"
                    )
                self._seen.pop(partition, None)

    def _quiet(self) -> list[tuple[int, int]]:
        """Partitions without progress for too long, with the last offset folded."""
        now = monotonic()
        quiet = []
        for partition in self._worker.engine.partitions:
            offset = self._offset(partition)
            if self._seen.get(partition, (None, 0.0))[0] != offset:
                self._seen[partition] = (offset, now)
            elif now - self._seen[partition][1] > self._limit_s:
                quiet.append((partition, offset))
        return quiet

    def _offset(self, partition: int) -> int:
        progress = self._worker.progress.partitions.get(partition)
        return progress.offset if progress is not None else -1

    def _has_unread(self, partition: int, offset: int) -> bool:
        config = self._worker.config
        own = {"group.id": config.group, "enable.auto.commit": False, "isolation.level": "read_committed"}
        consumer = Consumer({**config.kafka, **own})
        try:
            start = TopicPartition(config.names.journal, partition, offset + 1)
            if offset < 0:
                # Nothing folded since the start: it should have begun where the group has committed.
                committed = consumer.committed([start], _PROBE_S)[0].offset
                start.offset = committed if committed >= 0 else OFFSET_BEGINNING
            consumer.assign([start])
            message = consumer.poll(_PROBE_S)
            return message is not None and message.error() is None
        finally:
            consumer.close()
