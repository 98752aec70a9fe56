"""The loop of ingest: receive, merge, judge, pack, commit.

One transaction a round. A round that fails leaves nothing behind: positions, journal and rejections stand or fall
together, and the index is written after the commit, or else forgotten and read from the journal again.
While the broker commits a round, the next one is received and parsed; it is judged only when the commit stands,
so there is never more than one transaction under way and none is judged against an index that might be undone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event as Signal
from typing import TypeVar

from confluent_kafka import IsolationLevel, KafkaException
from confluent_kafka.admin import AdminClient

from streams.ingest.config import IngestConfig
from streams.ingest.errors import StoreFailed
from streams.ingest.group import RETRY_S, Group
from streams.ingest.liveness import Liveness
from streams.ingest.reading import Incoming, Reader
from streams.ingest.store import StoreIsBroken
from streams.ingest.topics import Ends, Place, check_topics
from streams.ingest.transaction import Aborted, Stopped, Transactions

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 1.0
SWEEP_ENTRIES = 2_000
T = TypeVar("T")


def wall_ms() -> int:
    """This machine's clock."""
    return time.time_ns() // 1_000_000


def run(
    config: IngestConfig, stop: Signal, *, now_ms: Callable[[], int] = wall_ms, on_ready: Callable[[], None]
) -> None:
    """Ingest until `stop` is set. `on_ready` is called once, when the first partitions are being read.

    Raises IngestError where it cannot go on; nothing is lost, the next process goes on from what is committed.
    """
    try:
        with ThreadPoolExecutor(1, "ingest-commit") as committer:
            _Loop(config, stop, now_ms, on_ready, committer).run()
    except Stopped:
        logger.warning("ended while the broker was away; the open transaction will be aborted")


class _Loop:
    def __init__(
        self,
        config: IngestConfig,
        stop: Signal,
        now_ms: Callable[[], int],
        on_ready: Callable[[], None],
        committer: ThreadPoolExecutor,
    ) -> None:
        self._config, self._stop, self._now_ms, self._on_ready = config, stop, now_ms, on_ready
        self._committer = committer
        self._admin = AdminClient(dict(config.kafka))
        self._liveness = Liveness(config.liveness_s)
        self._under_way: tuple[Sequence[int], Future[dict[int, int]]] | None = None
        self._is_ready = False
        self._swept_s = time.monotonic()

    def run(self) -> None:
        count, self._journal_id = self._wait_for(lambda: check_topics(self._admin, self._config))
        self._reader = Reader(self._config.inputs, count, self._config.spec_skus)
        self._transactions = Transactions(self._config, self._stop)
        self._group = Group(self._config, self._admin, self._stop, before_leaving=self._finish)
        try:
            while not self._stop.is_set():
                self._round()
            self._finish()
        finally:
            self._group.close()

    def _wait_for(self, question: Callable[[], T]) -> T:
        while True:
            try:
                return question()
            except KafkaException as error:
                logger.warning("waiting for the broker: %s", error.args[0].str())
            if self._stop.wait(RETRY_S):
                raise Stopped

    def _round(self) -> None:
        incoming = self._group.receive()
        if self._group.needs_opening():
            self._group.open(self._journal_id)
            self._liveness.forget()
            return
        if not self._is_ready and self._group.is_settled():
            self._is_ready = True
            self._on_ready()
        try:
            self._work(incoming)
        except Aborted as error:
            logger.warning("back to what is committed: %s", error)
            self._group.drop()
        except StoreIsBroken as error:
            self._group.destroy_indexes()
            raise StoreFailed(
                f"an index cannot be read, it will be made anew from the journal: {error}"
            ) from None

    def _work(self, incoming: Sequence[Incoming]) -> None:
        now_ms = self._now_ms()
        parts, merges = self._group.parts, self._group.merges
        came = {message.partition for message in incoming}
        look_at_all = self._liveness.is_due()
        asking = [p for p in parts if look_at_all or p in came or merges[p] or parts[p].is_tick_due(now_ms)]
        if not asking:
            self._settle()
            return
        places = [(topic, p) for p in asking for topic in self._config.inputs]
        question = Ends(self._admin, places, IsolationLevel.READ_COMMITTED)
        # Parsing takes longer than the broker's answer, and than most commits.
        for message, letter in zip(incoming, self._reader.read(incoming), strict=True):
            merges[message.partition].put(letter)
        ends = self._answer(question)
        self._settle()
        if ends is None:
            self._liveness.forget()
        else:
            ends_of = {p: [ends[topic, p] for topic in self._config.inputs] for p in asking}
            for p in asking:
                self._liveness.look(p, merges[p].reached, ends_of[p])
            self._commit([p for p in asking if self._advance(p, ends_of[p], now_ms)])
        self._group.hold_back()

    def _answer(self, question: Ends) -> dict[Place, int] | None:
        try:
            return question.result()
        except KafkaException as error:
            logger.warning("the inputs' ends are not known: %s", error.args[0].str())
            self._stop.wait(RETRY_S)
            return None

    def _advance(self, p: int, ends: list[int], now_ms: int) -> bool:
        """Take what may be taken of partition `p`; True where there is something to commit."""
        part, merge = self._group.parts[p], self._group.merges[p]
        letters = merge.take(ends)
        if letters:
            part.take(letters, now_ms)
        if merge.is_drained(ends) and part.is_tick_due(now_ms):
            part.tick(now_ms)
            return True
        return bool(letters)

    def _commit(self, partitions: Sequence[int]) -> None:
        if partitions:
            outputs = [self._group.parts[p].output() for p in partitions]
            member = self._group.consumer.consumer_group_metadata()
            self._under_way = partitions, self._committer.submit(self._transactions.write, outputs, member)

    def _settle(self) -> None:
        """Wait for the commit that is under way and bring the indexes up to it; raises what `write` raises."""
        if self._under_way is None:
            self._sweep()
            return
        (partitions, commit), self._under_way = self._under_way, None
        ends = commit.result()
        for p in partitions:
            self._group.parts[p].commit(self._journal_id, ends.get(p))
        self._sweep()

    def _finish(self) -> None:
        """As `_settle`, before partitions are given up: what was aborted is read again by the next owner."""
        try:
            self._settle()
        except Aborted as error:
            logger.warning("the last batch was not written: %s", error)

    def _sweep(self) -> None:
        now_s = time.monotonic()
        if now_s - self._swept_s >= SWEEP_EVERY_S:
            self._swept_s = now_s
            for part in self._group.parts.values():
                part.identities.sweep(SWEEP_ENTRIES)
