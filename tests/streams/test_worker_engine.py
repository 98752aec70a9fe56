"""What is written when, and what is acknowledged last."""

from __future__ import annotations

import msgspec
import pytest

from streams.core.state import Outbox
from streams.worker.checks import common_count
from streams.worker.engine import STEP_EVENTS, Engine
from streams.worker.outputs import ARRAY_BYTES_MAX, emit
from streams.worker.pace import Pace, Step
from streams.worker.ports import Names, SendFailed, WorkerRefused
from streams.worker.rows import AccountRows, DerivedRows, Tables
from tests.streams.fakes import fake_fold, record, request, tick

NAMES = Names()


class Sender:
    """Notes what happens, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.sent: list[tuple[str, int, str | None, bytes]] = []
        self.fails = False

    def send(self, topic: str, partition: int, key: str | None, value: bytes) -> None:
        self.log.append(topic)
        self.sent.append((topic, partition, key, value))

    async def room(self) -> None:
        """Always."""

    async def delivered(self) -> None:
        self.log.append("delivered")
        if self.fails:
            raise SendFailed("broken")


def _engine() -> tuple[Engine, Sender, list[int]]:
    sender = Sender()
    tables = Tables(
        AccountRows(NAMES.accounts), *(DerivedRows(n) for n in (NAMES.balances, NAMES.hourly, NAMES.daily))
    )
    engine = Engine(fake_fold([]), tables, sender, NAMES)
    engine.own({0})
    return engine, sender, []


async def _take(engine: Engine, acknowledged: list[int], offset: int, value: bytes) -> None:
    await engine.take(0, offset, value, lambda: acknowledged.append(offset))


async def test_outputs_then_balance_then_state_then_acknowledgement_each_awaited() -> None:
    engine, sender, acknowledged = _engine()

    await _take(engine, acknowledged, 0, record(0, request("a", 1)))
    before = list(acknowledged)
    await engine.checkpoint()

    assert sender.log == ["charges", "balances", "delivered", "accounts", "delivered"]
    assert (before, acknowledged) == ([], [0])


async def test_nothing_is_acknowledged_when_a_record_is_not_delivered() -> None:
    engine, sender, acknowledged = _engine()
    await _take(engine, acknowledged, 0, record(0, request("a", 1)))
    sender.fails = True

    with pytest.raises(SendFailed):
        await engine.checkpoint()

    assert acknowledged == []
    assert "accounts" not in sender.log


async def test_a_revocation_drops_what_is_owed_and_records_of_other_partitions_are_left_alone() -> None:
    engine, sender, acknowledged = _engine()
    await _take(engine, acknowledged, 0, record(0, request("a", 1)))

    engine.forget()
    await _take(engine, acknowledged, 1, record(0, request("a", 2)))
    await engine.checkpoint()

    assert acknowledged == []
    assert sender.log == ["charges", "delivered", "delivered"]


async def test_a_record_without_events_is_acknowledged_and_writes_nothing() -> None:
    engine, sender, acknowledged = _engine()
    await _take(engine, acknowledged, 0, record(0, tick(0)))

    await engine.checkpoint()

    assert acknowledged == [0]
    assert set(sender.log) == {"delivered"}


async def test_an_account_touched_often_is_written_once() -> None:
    engine, sender, acknowledged = _engine()
    for offset in range(50):
        await _take(engine, acknowledged, offset, record(0, request("a", offset)))

    await engine.checkpoint()

    assert (sender.log.count("accounts"), sender.log.count("balances"), len(acknowledged)) == (1, 1, 50)


async def test_a_journal_record_of_many_steps_is_one_array() -> None:
    engine, sender, acknowledged = _engine()
    count = 2 * STEP_EVENTS + 1
    await _take(
        engine, acknowledged, 0, record(0, *(request(f"a{number}", number) for number in range(count)))
    )

    arrays = [msgspec.json.decode(value) for topic, _, _, value in sender.sent if topic == "charges"]

    assert [[each["account"] for each in array] for array in arrays] == [[f"a{n}" for n in range(count)]]
    assert engine.events == count


async def test_timers_of_very_many_accounts_are_saved_on_the_way() -> None:
    sender = Sender()
    tables = Tables(
        AccountRows(NAMES.accounts), *(DerivedRows(n) for n in (NAMES.balances, NAMES.hourly, NAMES.daily))
    )
    engine = Engine(fake_fold([]), tables, sender, NAMES, cache_accounts_max=4, step_accounts=2)
    engine.own({0})
    acknowledged: list[int] = []
    await _take(engine, acknowledged, 0, record(0, *(request(f"a{number}", 1) for number in range(20))))
    await engine.checkpoint()
    sender.log.clear()

    await _take(engine, acknowledged, 1, record(5_000, tick(5_000)))

    assert sender.log.count("notices") == 20
    assert sender.log.count("accounts") >= 12
    assert acknowledged == [0]


def test_arrays_are_split_where_kafka_would_refuse_them() -> None:
    out, sender = Outbox(), Sender()
    out.charges = [{"id": number, "text": "x" * 300_000} for number in range(7)]

    emit(out, 2, NAMES, sender.send)

    values = [value for _, _, _, value in sender.sent]
    assert all(len(value) <= ARRAY_BYTES_MAX for value in values)
    assert [each["id"] for value in values for each in msgspec.json.decode(value)] == list(range(7))
    assert {(topic, partition, key) for topic, partition, key, _ in sender.sent} == {("charges", 2, None)}


def test_balances_leave_soon_and_states_seldom() -> None:
    pace = Pace(publish_s=0.25, save_s=2.0)

    steps = [pace.due(at / 4, has_backlog=False) for at in range(9)]

    assert steps == [Step.CHECKPOINT, *[Step.PUBLISH] * 7, Step.CHECKPOINT]


def test_a_backlog_makes_balances_leave_less_often() -> None:
    pace = Pace(publish_s=0.25, save_s=2.0)

    steps = [pace.due(at / 4, has_backlog=True) for at in range(9)]

    assert steps.count(Step.PUBLISH) == 1


def test_topics_with_different_partition_counts_are_refused() -> None:
    counts = dict.fromkeys(NAMES.all, 4)
    assert common_count(NAMES, counts) == 4

    with pytest.raises(WorkerRefused, match="balances has 8 partitions, journal has 4"):
        common_count(NAMES, counts | {"balances": 8})
    with pytest.raises(WorkerRefused, match=r"daily\.costs does not exist"):
        common_count(NAMES, {name: count for name, count in counts.items() if name != "daily.costs"})
