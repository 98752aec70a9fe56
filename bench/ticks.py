"""What a clock tick costs a worker that holds 1,000, and one that holds 1,000,000 sessions: `python -m bench.ticks`.

Each account has one running GPUGEEK instance whose next line is due on the hour. The worker's own engine takes a
journal record a second, from one minute past the hour to one minute before the next, with nothing but a tick in it,
and makes its checkpoints: no Kafka, no Faust, no table on disk. So what grows with the sessions would show; it is to
stay within 1.5 times. The median of all ticks, and the mean with what the collector of cycles adds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
from collections.abc import AsyncIterator, Iterator

from bench.peers.common import event_of, new_fold
from schemas.journal import encode_record
from schemas.values import instant_of, instant_text
from schemas.wire import encode
from streams.codec import pack_account
from streams.core.state import Outbox
from streams.worker.engine import Engine
from streams.worker.ports import Fold, Names
from streams.worker.rows import AccountRows, DerivedRows, Tables

SIZES = (1_000, 1_000_000)
STARTED_MS = instant_of("2026-11-01T10:00:00Z")
MINUTE_MS = 60_000
TICKS = 3_480
CHECKPOINT_EVERY = 2
NAMELESS = "acct-0000000"


class Nowhere:
    """A sender whose records are delivered at once, to nobody."""

    def send(self, topic: str, partition: int, key: str | None, value: bytes) -> None:
        """Gone."""

    async def room(self) -> None:
        """Always."""

    async def delivered(self) -> None:
        """Already."""


def run(rounds: int = 3) -> dict[str, float]:
    """Microseconds a tick, the best of `rounds`, and how many times as much the greater number costs."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # as the worker has it: infra/parts/worker.py
    try:
        fold = new_fold()
        (few, few_mean), (many, many_mean) = (asyncio.run(_measure(fold, size, rounds)) for size in SIZES)
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()
    return {
        "tick_1k_us": round(few, 2), "tick_1m_us": round(many, 2), "tick_1m_vs_1k_sessions": round(many / few, 2),
        "tick_1m_vs_1k_sessions_mean": round(many_mean / few_mean, 2),
    }  # fmt: skip


async def _measure(fold: Fold, sessions: int, rounds: int) -> tuple[float, float]:
    """(median, mean) microseconds."""
    names = Names()
    tables = Tables(
        AccountRows(names.accounts), *(DerivedRows(n) for n in (names.balances, names.hourly, names.daily))
    )
    template = _frame(fold)
    rows = tables.accounts.part(0)
    for number in range(sessions):
        name = f"acct-{number:07d}"
        rows[name] = template.replace(NAMELESS.encode(), name.encode())
    best = (float("inf"), float("inf"))
    for _ in range(rounds):
        engine = Engine(fold, tables, Nowhere(), names)
        engine.own({0})
        if engine.timers != sessions:
            raise RuntimeError(f"{engine.timers} of {sessions} sessions wait for their line")
        spent = [one async for one in _tick(engine)]
        best = min(best, (statistics.median(spent), statistics.fmean(spent)))
    return best


def _frame(fold: Fold) -> bytes:
    """The state of an account with a running instance."""
    account = fold.new_account(NAMELESS)
    at = instant_text(STARTED_MS)
    for kind, data in (
        ("account.opened", {"profile": "gpugeek", "email": "owner@idle.example"}),
        ("payment.succeeded", {"payment": "p", "method": "qr", "amount": "1000", "currency": "CNY"}),
        ("instance.started", {"resource": "i-1", "sku": "rtx-4090", "mode": "payg"}),
    ):
        event = event_of(_event(kind, NAMELESS, at, data))
        fold.apply(account, event, STARTED_MS, fold.book, Outbox())
    return pack_account(account)


def _event(kind: str, account: str, time_text: str, data: dict[str, str]) -> bytes:
    return encode({
        "specversion": "1.0", "id": kind, "source": "bench", "type": kind, "subject": account, "time": time_text, "data": data,
    })  # fmt: skip


async def _tick(engine: Engine) -> AsyncIterator[float]:
    """Microseconds of each tick, every second one with its checkpoint."""
    values = list(_records())
    for offset, value in enumerate(values):
        began = time.perf_counter()
        await engine.take(0, offset, value, _nothing)
        if offset % CHECKPOINT_EVERY:
            await engine.checkpoint()
        yield (time.perf_counter() - began) * 1e6


def _records() -> Iterator[bytes]:
    for second in range(TICKS):
        clock_ms = STARTED_MS + MINUTE_MS + second * 1_000
        yield encode_record(clock_ms, [_event("clock.tick", "clock", instant_text(clock_ms), {})])


def _nothing() -> None:
    """Acknowledged."""


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
