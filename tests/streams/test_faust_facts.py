"""What faust-streaming 0.15.3 really does, as far as the worker relies on it or works around it.

When one of these fails after an upgrade, read docs/architecture.md, "Faust": the work-around it names may go, or a new
one is needed. None of them needs a broker.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import defaultdict
from functools import partial
from typing import Any
from unittest.mock import Mock, patch

import faust
import faust.tables.base
import faust.transport.drivers.aiokafka
import pytest
from aiokafka.partitioner import DefaultPartitioner
from faust import Event
from faust.transport.consumer import Consumer
from faust.transport.producer import ProducerBuffer
from faust.types import TP
from faust.types.tuples import Message
from intervaltree import IntervalTree  # type: ignore[import-untyped]

from streams.worker.app import WorkerApp
from streams.worker.transport import Consumer as OurConsumer


def _app() -> faust.App:
    return faust.App("facts", broker="kafka://localhost:1", store="memory://")


# --- an exception acknowledges --------------------------------------------------------------------------


async def _acknowledged(how: str) -> list[int]:
    """Offsets acknowledged after an agent got four events and failed at the second."""
    app = _app()
    channel = app.channel()
    events = [Event(app, "k", offset, None, _message(app, offset)) for offset in range(4)]
    stream: Any = app.stream(channel)
    app.flow_control.resume()

    async def plain() -> None:
        async for value in stream:
            if value == 1:
                raise RuntimeError

    async def taking() -> None:
        async for _ in stream.take(4, within=1):
            raise RuntimeError

    async def noack() -> None:
        async for event in stream.noack().events():
            if event.value == 1:
                raise RuntimeError
            event.ack()

    agent = asyncio.ensure_future({"plain": plain, "take": taking, "noack": noack}[how]())
    await asyncio.sleep(0.05)
    for event in events:
        await channel.put(event)
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(agent, 5)
    gc.collect()
    await asyncio.sleep(0.05)
    # Made with the consumer, which is never started here.
    consumer: Any = app.consumer
    consumer._thread.thread_loop.close()
    return [event.message.offset for event in events if event.message.acked]


def _message(app: faust.App, offset: int) -> Message:
    class Acked(Message):
        def on_final_ack(self, _consumer: object) -> bool:
            self.acked = True
            return True

    message = Acked("t", 0, offset, 0.0, 0, None, b"k", b"v", None, tp=TP("t", 0))
    message.refcount = 1
    message.generation_id = app.consumer_generation_id
    return message


@pytest.mark.parametrize(("how", "acknowledged"), [("plain", [0, 1]), ("take", [0, 1, 2, 3]), ("noack", [0])])
async def test_an_agent_that_fails_has_acknowledged_unless_noack(how: str, acknowledged: list[int]) -> None:
    assert await _acknowledged(how) == acknowledged


# --- the flush before a commit gives up -----------------------------------------------------------------


async def _flushed(delay_s: float, messages: int) -> tuple[int, float]:
    """How many of `messages` a flush has handed over to a producer that takes `delay_s` for each, and its time."""
    buffer = ProducerBuffer()
    buffer.app = faust.App("facts", broker="kafka://localhost:1", producer_threaded=False)
    handed_over = []

    class SlowChannel:
        async def publish_message(self, future: object, **_: object) -> None:
            await asyncio.sleep(delay_s)
            handed_over.append(future)

    for _ in range(messages):
        future = Mock()
        future.message.channel = SlowChannel()
        buffer.put(future)
    await buffer.start()
    started = time.monotonic()
    await buffer.flush()
    return len(handed_over), time.monotonic() - started


async def test_flush_gives_up_after_100_ms_without_progress() -> None:
    handed_over, took_s = await _flushed(0.5, 5)

    assert took_s < 0.5
    assert handed_over == 0


# --- a commit passes what is not acknowledged -----------------------------------------------------------


def _commits(committed: int | None, acknowledged: list[int]) -> int | None:
    consumer = Mock()
    tp = TP("t", 0)
    consumer._acked = defaultdict(list, {tp: list(acknowledged)})
    consumer._acked_index = defaultdict(set, {tp: set(acknowledged)})
    consumer._gap = defaultdict(IntervalTree)
    consumer._committed_offset = defaultdict(lambda: None, {tp: committed})
    return Consumer._new_offset(consumer, tp)


@pytest.mark.parametrize(
    ("committed", "acknowledged", "commits"),
    [
        (31, [32], 33),  # 31 was never acknowledged and is passed all the same (faust issue 606)
        (31, [33], None),
        (None, [3], 4),  # a fresh group passes any head
        (31, [31, 32], 33),  # in order and without gaps, as the worker does it, it is right
    ],
)
def test_a_commit_is_right_only_when_acknowledgements_have_no_gap(
    committed: int | None, acknowledged: list[int], commits: int | None
) -> None:
    assert _commits(committed, acknowledged) == commits


async def _commits_over_marks(consumer_type: Any) -> list[int | None]:
    """Commits after a record and the mark of its transaction, three times; all records are acknowledged at once."""
    tp = TP("t", 0)
    consumer = consumer_type.__new__(consumer_type)
    consumer._acked, consumer._gap = defaultdict(list), defaultdict(IntervalTree)
    consumer._acked_index, consumer._committed_offset = defaultdict(set), defaultdict(lambda: None, {tp: 2})
    for read, record in ((2, 4), (4, 6), (6, 8)):
        await consumer._add_gap(tp, read + 1, record)
    consumer._acked[tp] = [2, 4, 6, 8]
    commits = []
    for _ in range(2):
        commits.append(consumer._new_offset(tp))
        consumer._committed_offset[tp] = commits[-1]
    return commits


async def test_a_commit_stops_at_the_mark_of_a_transaction_and_ours_does_not() -> None:
    assert await _commits_over_marks(faust.transport.drivers.aiokafka.Consumer) == [5, 7]
    assert await _commits_over_marks(OurConsumer) == [9, None]


# --- windows -------------------------------------------------------------------------------------------


def _windowed() -> tuple[Any, Any, dict[str, Any], list[str]]:
    closed: list[str] = []

    async def on_close(key: Any, _value: object) -> None:
        closed.append(key[0])

    wrapper = (
        _app().Table("t", default=int, partitions=2, on_window_close=on_close).tumbling(10.0, expires=10.0)
    )
    table: Any = wrapper.table
    at: dict[str, Any] = {"partition": 0, "timestamp": 0.0}

    def sent(partition: int, *_: object, **__: object) -> Mock:
        return Mock(**{"message.partition": partition})

    table.send_changelog = sent
    table._verify_source_topic_partitions = lambda *_: None
    return wrapper, table, at, closed


def _event_at(at: dict[str, Any]) -> Mock:
    return Mock(
        **{"message.partition": at["partition"], "message.timestamp": at["timestamp"], "message.topic": "src"}
    )


async def test_window_close_misses_partitions_and_a_late_event_begins_at_nothing() -> None:
    wrapper, table, at, closed = _windowed()
    event = partial(_event_at, at)
    with (
        patch.object(faust.tables.base, "current_event", event),
        patch("faust.tables.wrappers.current_event", event),
    ):
        for partition, key in ((0, "A"), (0, "B"), (1, "C"), (1, "D")):
            at.update(partition=partition, timestamp=time.time() - 3_600)
            wrapper[key] += 5
        await table._del_old_keys()
        at.update(partition=0)
        wrapper["A"] += 7
        restarted = wrapper["A"].value()

    assert sorted(closed) == ["A", "B"]
    assert restarted == 7


# --- keys ----------------------------------------------------------------------------------------------


async def test_a_table_with_json_keys_is_partitioned_otherwise_than_its_source() -> None:
    app = _app()
    partitions = list(range(8))
    partition_of = DefaultPartitioner()
    source = app.topic("src", key_type=str, value_type=str)
    by_json = app.Table("json", key_type=str, value_type=str).changelog_topic
    by_bytes = app.Table("bytes", key_type=bytes).changelog_topic
    names = [f"acct-{number}" for number in range(1_000)]

    sources = [partition_of(source.prepare_key(name, None)[0], partitions, partitions) for name in names]
    others = [partition_of(by_json.prepare_key(name, None)[0], partitions, partitions) for name in names]
    same = [
        partition_of(by_bytes.prepare_key(name.encode(), None)[0], partitions, partitions) for name in names
    ]

    assert sum(a != b for a, b in zip(sources, others, strict=True)) == 892
    assert same == sources


# --- settings ------------------------------------------------------------------------------------------


async def test_faust_takes_settings_from_the_environment_and_our_app_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROCESSING_GUARANTEE", "exactly_once")

    plain = faust.App("facts", broker="kafka://localhost:1", processing_guarantee="at_least_once")
    ours = WorkerApp("facts", broker="kafka://localhost:1", processing_guarantee="at_least_once")

    assert [str(app.conf.processing_guarantee) for app in (plain, ours)] == [
        "ProcessingGuarantee.EXACTLY_ONCE",
        "ProcessingGuarantee.AT_LEAST_ONCE",
    ]
