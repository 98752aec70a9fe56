"""A broker, and workers that may be killed at every await: the real engine, folder, rows and codec on top of it.

What Kafka promises is kept (order within a partition of a topic; what was awaited is durable), everything else
is drawn from the seed: when a record gets through, in which order between topics and partitions, when
a worker dies or is paused and wakes too late, how partitions move, which records are delivered again.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any

from streams.worker.engine import Engine
from streams.worker.ports import Fold, Names
from streams.worker.rows import AccountRows, DerivedRows, Tables
from tests.chaos.journals import Journal

NAMES = Names()
Place = tuple[str, int]
Record = tuple[str | None, bytes]


@dataclass(frozen=True)
class Protections:
    """What the tests take out to see that it is needed."""

    barrier: bool = True
    offset_in_state: bool = True
    monotonic: bool = True


class Broker:
    """Journal, committed offsets and everything that became durable."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.committed = dict.fromkeys(journal, 0)
        self.logs: defaultdict[Place, list[Record]] = defaultdict(list)


class _Turn:
    """An await at which anything may happen."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class SimulatedSender:
    """Records on their way: a queue for each partition of each topic."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.under_way: dict[Place, deque[Record]] = {}

    def send(self, topic: str, partition: int, key: str | None, value: bytes) -> None:
        """Put a record on its way."""
        self.under_way.setdefault((topic, partition), deque()).append((key, value))

    async def room(self) -> None:
        """There is always room."""
        await _Turn()

    async def delivered(self) -> None:
        """Everything is through."""
        while self.under_way:
            await _Turn()

    def get_through(self, draw: random.Random, count: int) -> None:
        """The next `count` records of a queue become durable."""
        if not self.under_way:
            return
        place = draw.choice(list(self.under_way))
        queue = self.under_way[place]
        for _ in range(min(count, len(queue))):
            self._broker.logs[place].append(queue.popleft())
        if not queue:
            del self.under_way[place]

    def get_all_through(self) -> None:
        """Everything becomes durable."""
        for place, queue in self.under_way.items():
            self._broker.logs[place].extend(queue)
        self.under_way.clear()


class SimulatedWorker:
    """One life of a worker process."""

    def __init__(self, broker: Broker, fold: Fold, protections: Protections) -> None:
        self._broker = broker
        self.sender = SimulatedSender(broker)
        self.rows = AccountRows(NAMES.accounts, monotonic=protections.monotonic)
        derived = (DerivedRows(NAMES.balances), DerivedRows(NAMES.hourly), DerivedRows(NAMES.daily))
        self.engine = Engine(
            fold, Tables(self.rows, *derived), self.sender, NAMES,
            barrier=protections.barrier, offset_in_state=protections.offset_in_state,
            cache_accounts_max=1, step_accounts=1,
        )  # fmt: skip
        self.position: dict[int, int] = {}
        self.acknowledged: dict[int, int] = {}
        self._doing: Coroutine[Any, Any, None] | None = None

    def own(self, partitions: set[int], restore: set[int]) -> None:
        """As the tables do at a rebalance: forget, restore, begin at the committed offsets."""
        self.stop()
        self.engine.forget()
        self.rows.keep(partitions - restore)
        for partition in restore:
            for key, value in self._broker.logs[(NAMES.accounts, partition)]:
                self.rows.restore(partition, str(key), value)
        self.engine.own(partitions)
        self.position = {partition: self._broker.committed[partition] for partition in partitions}
        self.acknowledged = dict(self.position)

    def stop(self) -> None:
        """Whatever it is doing ends at the await where it is."""
        if self._doing is not None:
            self._doing.close()
            self._doing = None

    def step(self, draw: random.Random) -> None:
        """Go on to the next await, or begin something."""
        if self._doing is None:
            self._doing = self._begin(draw)
        try:
            self._doing.send(None)
        except StopIteration:
            self._doing = None

    def _begin(self, draw: random.Random) -> Coroutine[Any, Any, None]:
        left = [p for p, offset in self.position.items() if offset < len(self._broker.journal[p])]
        what = draw.random()
        if not left or what < 0.15:
            return self.engine.checkpoint()
        if what < 0.25:
            return self.engine.publish()
        return self._read(draw.choice(left))

    def _read(self, partition: int) -> Coroutine[Any, Any, None]:
        offset = self.position[partition]
        self.position[partition] = offset + 1
        value = self._broker.journal[partition][offset]
        return self.engine.take(partition, offset, value, lambda: self._acknowledge(partition, offset))

    def _acknowledge(self, partition: int, offset: int) -> None:
        self.acknowledged[partition] = max(self.acknowledged.get(partition, 0), offset + 1)

    def read_again(self, draw: random.Random) -> None:
        """The broker delivers some records a second time."""
        for partition, offset in self.position.items():
            self.position[partition] = draw.randint(min(self._broker.committed[partition], offset), offset)

    def commit(self) -> None:
        """Faust commits what is acknowledged."""
        for partition in self.position:
            self._broker.committed[partition] = max(
                self._broker.committed[partition], self.acknowledged[partition]
            )

    @property
    def is_done(self) -> bool:
        """True when everything is folded, acknowledged and through."""
        ends = {partition: len(self._broker.journal[partition]) for partition in self.position}
        return self._doing is None and self.acknowledged == ends and not self.sender.under_way


class Simulation:
    """Two workers, one broker, one seed."""

    def __init__(self, seed: int, journal: Journal, fold: Fold, protections: Protections) -> None:
        self._draw = random.Random(seed)
        self.broker = Broker(journal)
        self._fold = fold
        self._protections = protections
        self._workers = [self._new_worker(), self._new_worker()]
        # Workers that were paused and lost their partitions without knowing it; what they still have to say.
        self._paused: list[SimulatedWorker] = []
        self.faults = 0
        self._rebalance(keep_rows=False)

    def _new_worker(self) -> SimulatedWorker:
        return SimulatedWorker(self.broker, self._fold, self._protections)

    def run(self) -> None:
        """A few hundred steps with faults, then to the end without any."""
        for _ in range(self._draw.randint(30, 200)):
            self._anything()
        for worker in self._paused:
            worker.stop()
            worker.sender.get_all_through()
        self._rebalance(keep_rows=False)
        for worker in self._workers:
            self._finish(worker)

    def _finish(self, worker: SimulatedWorker) -> None:
        for _ in range(5_000):
            if worker.is_done:
                worker.commit()
                return
            worker.step(self._draw)
            worker.sender.get_through(self._draw, 10)
        raise AssertionError("the worker comes to no end")

    def _anything(self) -> None:
        what, worker = self._draw.random(), self._draw.choice(self._workers)
        if what < 0.60:
            worker.step(self._draw)
        elif what < 0.80:
            worker.sender.get_through(self._draw, self._draw.randint(1, 3))
        elif what < 0.88:
            worker.commit()
        elif what < 0.92:
            self._wake()
        else:
            self._fault(what, worker)

    def _fault(self, what: float, worker: SimulatedWorker) -> None:
        self.faults += 1
        if what < 0.94:
            worker.read_again(self._draw)
        elif what < 0.96:
            self._kill(worker)
        elif what < 0.98:
            self._pause(worker)
        else:
            self._rebalance(keep_rows=True)

    def _kill(self, worker: SimulatedWorker) -> None:
        """`kill -9`: a part of what was under way got through, the rest is lost. It starts again at once."""
        worker.stop()
        for _ in range(self._draw.randint(0, 4)):
            worker.sender.get_through(self._draw, self._draw.randint(0, 3))
        self._replace(worker)

    def _pause(self, worker: SimulatedWorker) -> None:
        """The worker stands still beyond its session; its partitions go to a new one. It may wake later."""
        self._paused.append(worker)
        self._replace(worker)

    def _replace(self, worker: SimulatedWorker) -> None:
        fresh = self._new_worker()
        partitions = set(worker.position)
        fresh.own(partitions, partitions)
        self._workers[self._workers.index(worker)] = fresh

    def _wake(self) -> None:
        """A paused worker goes on as if nothing had happened; the group takes no commit of it any more."""
        if not self._paused:
            return
        worker = self._draw.choice(self._paused)
        for _ in range(self._draw.randint(1, 8)):
            worker.sender.get_through(self._draw, self._draw.randint(1, 3))
            worker.step(self._draw)

    def _rebalance(self, *, keep_rows: bool) -> None:
        """Everyone forgets, what was under way gets through or not, the partitions are dealt anew."""
        before = [set(worker.position) for worker in self._workers]
        hands: list[set[int]] = [set(), set()]
        for partition in self.broker.journal:
            self._draw.choice(hands).add(partition)
        for worker in self._workers:
            worker.stop()
            if self._draw.random() < 0.5:
                worker.sender.get_all_through()
        for worker, had, has in zip(self._workers, before, hands, strict=True):
            worker.own(has, has - had if keep_rows else has)
