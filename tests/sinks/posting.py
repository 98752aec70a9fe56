"""An outbox between fakes of Kafka on both sides."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from schemas.topics import NOTICES
from schemas.wire import encode
from sinks.outbox.dead_letters import DeadLetters
from sinks.outbox.dispatch import Dispatcher
from sinks.outbox.items import Report, Taken
from sinks.outbox.patience import Patience
from sinks.outbox.ports import Channel
from sinks.outbox.store import Outbox


class FakeSource:
    """A topic of one partition: what is added is read once, `commits` counts."""

    def __init__(self) -> None:
        self._waiting: list[Taken] = []
        self._came = threading.Event()
        self.commits = 0

    def add(self, *records: Any, topic: str = NOTICES) -> None:
        """Records, or bytes as they are."""
        for record in records:
            self._waiting.append(Taken(topic, record if isinstance(record, bytes) else encode(record)))
        self._came.set()

    def read(self) -> list[Taken]:
        self._came.wait(0.02)
        self._came.clear()
        taken, self._waiting = self._waiting, []
        return taken

    def commit(self) -> None:
        self.commits += 1

    def close(self) -> None:
        pass


class FakeWitness:
    """Keeps what it is told; `is_away` while Kafka is."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.is_away = False

    def send(self, reports: Sequence[Report]) -> bool:
        if self.is_away:
            return False
        self.told += [msgspec.json.decode(report.value) for report in reports]
        return True

    def states(self, record: str) -> list[str]:
        """The states that delivery of `record` went through."""
        return [each["state"] for each in self.told if each["notice"] == record]


class Post:
    """A running outbox with all around it."""

    def __init__(
        self, directory: Path, channel: Channel, patience: Patience, clock: Any, source: FakeSource
    ) -> None:
        self.directory, self.channel = directory, channel
        self.source, self.witness = source, FakeWitness()
        self.outbox = Outbox(directory / "outbox.sqlite", channel.name)
        self.dead = directory / "dead.jsonl"
        self.clock = clock
        self.dispatcher = Dispatcher(channel, self.outbox, DeadLetters(self.dead), patience, clock)

    def dead_letters(self) -> list[dict[str, Any]]:
        """What is in the file."""
        if not self.dead.exists():
            return []
        return [msgspec.json.decode(line) for line in self.dead.read_bytes().splitlines()]


async def until(condition: Any, what: str, timeout_s: float = 15.0) -> None:
    """Return once `condition()` is true."""
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        if asyncio.get_running_loop().time() > deadline_s:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    directory: Path,
    channel: Channel,
    patience: Patience,
    clock: Any,
    *records: Any,
    source: FakeSource | None = None,
) -> AsyncIterator[Post]:
    """An outbox that runs inside the block and has been given `records`."""
    post = Post(directory, channel, patience, clock, source or FakeSource())
    post.source.add(*records)
    stop = asyncio.Event()
    task = asyncio.create_task(post.dispatcher.run(post.source, post.witness, stop))
    try:
        yield post
    finally:
        stop.set()
        await task
