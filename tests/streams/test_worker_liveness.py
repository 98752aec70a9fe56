"""A worker that stands still is ended; one that is only just given something, or folds for long, is not."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from streams.worker.liveness import Liveness, StoodStill

LIMIT_S = 0.02


def worker_at(offset: int) -> Any:
    place = SimpleNamespace(offset=offset)
    return SimpleNamespace(
        config=SimpleNamespace(liveness_s=LIMIT_S),
        engine=SimpleNamespace(partitions=[0]),
        progress=SimpleNamespace(partitions={0: place}),
        is_folding=False,
    )


class Probed(Liveness):
    """A record is always unread; `then` is what happens right after each look, in the worker."""

    def __init__(self, worker: Any, then: Callable[[int], None]) -> None:
        super().__init__(worker)
        self.probes = 0
        self._then = then

    def _has_unread(self, partition: int, offset: int) -> bool:
        del partition, offset
        self.probes += 1
        self._then(self.probes)
        return True


async def looks(liveness: Probed, count: int) -> None:
    """Watch until so many looks were taken; raises what the watching raises."""
    watching = asyncio.create_task(liveness.watch())
    async with asyncio.timeout(10):
        while liveness.probes < count and not watching.done():
            await asyncio.sleep(0)
            await asyncio.wait([watching], timeout=LIMIT_S)
    if watching.done():
        watching.result()
    watching.cancel()


async def test_a_worker_that_folds_nothing_though_there_is_something_is_ended() -> None:
    with pytest.raises(StoodStill, match="partition 0 stands at 7"):
        await looks(Probed(worker_at(7), lambda _: None), 5)


async def test_a_record_that_came_while_it_was_looked_for_ends_nobody() -> None:
    worker, loop = worker_at(7), asyncio.get_running_loop()

    def fold(probes: int) -> None:
        worker.progress.partitions[0].offset = 7 + probes

    def folds_soon(probes: int) -> None:
        loop.call_soon_threadsafe(loop.call_later, LIMIT_S / 4, fold, probes)

    await looks(Probed(worker, folds_soon), 3)


async def test_a_worker_that_folds_one_record_for_long_is_left_alone() -> None:
    worker = worker_at(7)
    worker.is_folding = True

    await looks(Probed(worker, lambda _: None), 3)
