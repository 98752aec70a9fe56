"""The queue and its dispatcher over fakes: nothing is lost, nobody waits for another, everything is reported."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Delivery, DeliveryState
from schemas.wire import Cause
from sinks.outbox.backoff import Backoff
from sinks.outbox.dead_letters import DeadLetters
from sinks.outbox.items import (
    Away,
    Item,
    Later,
    Outcome,
    Received,
    Refused,
    Sent,
    Settled,
    Unreadable,
    delivery_id,
)
from sinks.outbox.patience import Patience
from sinks.outbox.store import Outbox, QueueTaken
from tests.sinks.fakes import Clock
from tests.sinks.posting import FakeSource, running, until

QUICK = Backoff(0.0, 0.0)
HOUR_S = 3_600.0


class FakeChannel:
    """Items are JSON ``{"id", "lane", "bundle"}``; `answers` decides by record how an attempt ends."""

    name = "fake"

    def __init__(self, answer: Callable[[str], Outcome] = lambda _: Sent()) -> None:
        self.answer = answer
        self.tried: list[list[str]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.most_at_once: dict[str, int] = {}
        self._at_once: dict[str, int] = {}

    def receive(self, _topic: str, value: bytes) -> Sequence[Received]:
        try:
            told = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise Unreadable(str(error)) from error
        return (Received(item(**told)),)

    async def deliver(self, items: Sequence[Item]) -> Outcome:
        lane = items[0].lane
        self._at_once[lane] = self._at_once.get(lane, 0) + 1
        self.most_at_once[lane] = max(self.most_at_once.get(lane, 0), self._at_once[lane])
        self.tried.append([each.record for each in items])
        if items[0].record in self.gates:
            await self.gates[items[0].record].wait()
        self._at_once[lane] -= 1
        return self.answer(items[0].record)

    async def close(self) -> None:
        pass


def item(id: str, lane: str = "l", bundle: str = "", group: str = "g", account: str = "a") -> Item:  # noqa: A002
    cause = Cause(source="s", id="c")
    return Item(
        delivery_id("fake", lane, id), id, "t", account, cause, lane, group, "o***@x", id.encode(), bundle
    )


def told(*ids: str, **more: str) -> list[bytes]:
    return [msgspec.json.encode({"id": each, **more}) for each in ids]


async def test_what_is_taken_is_sent_once_and_reported(tmp_path: Path) -> None:
    channel = FakeChannel()

    async with running(tmp_path, channel, Patience(), Clock().now_s, *told("a", "b", "a")) as post:
        await until(lambda: len(post.witness.told) == 2, "both are reported")
        post.source.add(*told("a"))
        await until(lambda: post.source.commits == 2, "it is read again")

    assert sorted(channel.tried) == [["a"], ["b"]]
    assert post.witness.states("a") == ["sent"]
    assert post.witness.told[0] | {"id": "", "notice": ""} == {
        "id": "", "account": "a", "time": "2027-01-15T08:00:00.000Z", "cause": {"source": "s", "id": "c"}, "notice": "",
        "type": "t", "channel": "fake", "target": "o***@x", "state": "sent", "attempts": 1, "version": 1,
    }  # fmt: skip


async def test_a_report_is_what_the_schema_says(tmp_path: Path) -> None:
    channel = FakeChannel(lambda _: Refused("no"))

    async with running(tmp_path, channel, Patience(), Clock().now_s, *told("a")) as post:
        await until(lambda: post.witness.told, "it is reported")

    Delivery.model_validate_json(msgspec.json.encode(post.witness.told[0]))


async def test_a_record_is_committed_only_when_it_is_on_the_disk(tmp_path: Path) -> None:
    class Watching(FakeSource):
        """Looks into the file, as another process would, whenever it is told to commit."""

        stored: ClassVar[list[int]] = []

        def commit(self) -> None:
            with closing(sqlite3.connect(tmp_path / "outbox.sqlite")) as file:
                self.stored.append(file.execute("SELECT count(*) FROM waiting").fetchone()[0])
            super().commit()

    channel = FakeChannel()
    channel.gates = {each: asyncio.Event() for each in "abc"}

    async with running(
        tmp_path, channel, Patience(), Clock().now_s, *told(*"abc"), source=Watching()
    ) as post:
        await until(lambda: post.source.commits, "it is committed")
        for gate in channel.gates.values():
            gate.set()

    assert Watching.stored == [3]


async def test_what_was_queued_when_the_process_died_goes_out_with_the_next(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite", "fake")
    outbox.put([Received(item("a"))], 0.0)
    outbox.close()
    channel = FakeChannel()

    async with running(tmp_path, channel, Patience(), Clock().now_s) as post:
        await until(lambda: post.witness.states("a") == ["sent"], "it is sent")

    assert channel.tried == [["a"]]


async def test_a_refused_item_stops_only_itself(tmp_path: Path) -> None:
    channel = FakeChannel(lambda record: Refused("no") if record == "bad" else Sent())

    async with running(tmp_path, channel, Patience(), Clock().now_s, *told("bad", "good", "better")) as post:
        await until(lambda: len(post.witness.told) == 3, "all are reported")

    assert (post.witness.states("bad"), post.witness.states("better")) == (["refused"], ["sent"])
    assert [letter["id"] for letter in post.dead_letters()] == ["bad"]


async def test_a_slow_lane_holds_up_no_other_and_gets_one_at_a_time(tmp_path: Path) -> None:
    channel = FakeChannel()
    channel.gates = {"slow": asyncio.Event()}

    async with running(tmp_path, channel, Patience(parallel=2), Clock().now_s) as post:
        post.source.add(*told("slow", "after"), *told("quick", lane="other"), *told("next", lane="third"))
        await until(lambda: channel.tried == [["slow"], ["quick"], ["next"]], "the others went")
        channel.gates["slow"].set()
        await until(lambda: len(post.witness.told) == 4, "all went")

    assert channel.most_at_once["l"] == 1


async def test_what_is_put_off_is_tried_again_when_it_is_due_and_dead_in_the_end(tmp_path: Path) -> None:
    clock, channel = Clock(), FakeChannel(lambda _: Later("greylisted"))
    patience = Patience(give_up_s=HOUR_S, item=Backoff(60.0, 60.0))

    async with running(tmp_path, channel, patience, clock.now_s, *told("a")) as post:
        await until(lambda: len(post.witness.told) == 1, "it is put off")
        clock.advance(HOUR_S + 1)
        await until(lambda: len(post.witness.told) == 2, "it is given up")

    assert post.witness.states("a") == ["delayed", "dead"]
    assert [each["attempts"] for each in post.witness.told] == [1, 2]
    assert post.dead_letters()[0]["reason"] == "greylisted"


async def test_a_put_off_item_waits_its_time(tmp_path: Path) -> None:
    clock, channel = Clock(), FakeChannel(lambda _: Later("later", after_s=500.0))

    async with running(tmp_path, channel, Patience(), clock.now_s, *told("a")) as post:
        await until(lambda: len(post.witness.told) == 1, "it is put off")
        clock.advance(400)
        post.source.add(*told("b", lane="other"))
        await until(lambda: ["b"] in channel.tried, "the loop has looked")

    assert channel.tried.count(["a"]) == 1


async def test_a_server_that_is_away_costs_no_item_its_life(tmp_path: Path) -> None:
    clock = Clock()
    away = [True]
    channel = FakeChannel(lambda _: Away("down") if away[0] else Sent())
    patience = Patience(give_up_s=HOUR_S, group=QUICK)

    async with running(tmp_path, channel, patience, clock.now_s, *told(*"abcd")) as post:
        await until(lambda: post.dispatcher.counts.away >= 3, "it has tried in vain")
        clock.advance(10 * HOUR_S)
        away[0] = False
        await until(lambda: len(post.witness.told) == 4, "all are sent")

    assert {each["state"] for each in post.witness.told} == {"sent"}


async def test_a_webhook_target_that_stays_away_is_given_up(tmp_path: Path) -> None:
    clock, channel = Clock(), FakeChannel(lambda _: Away("down"))
    patience = Patience(give_up_s=HOUR_S, ordered=True, away_is_put_off=True, group=QUICK, item=QUICK)

    async with running(tmp_path, channel, patience, clock.now_s, *told(*"abc")) as post:
        await until(lambda: "delayed" in post.witness.states("a"), "it has tried")
        clock.advance(HOUR_S + 1)
        await until(lambda: post.outbox.waiting() == 0, "all are given up")

    assert {letter["id"] for letter in post.dead_letters()} == set("abc")


async def test_after_an_outage_nothing_waits_out_its_pause(tmp_path: Path) -> None:
    clock, away = Clock(), [True]
    channel = FakeChannel(lambda _: Away("down") if away[0] else Sent())
    patience = Patience(ordered=True, away_is_put_off=True, group=QUICK, item=Backoff(1e6, 1e6))

    async with running(tmp_path, channel, patience, clock.now_s) as post:
        post.source.add(*[each for n in range(5) for each in told(f"r{n}", lane=f"l{n}")])
        await until(lambda: post.dispatcher.counts.away >= 4, "the outage was met")
        away[0] = False
        await until(lambda: post.outbox.waiting() == 0, "all are sent")

    assert post.dispatcher.counts.ended["sent"] == 5


async def test_an_ordered_lane_keeps_its_order_although_its_head_is_put_off(tmp_path: Path) -> None:
    clock = Clock()
    answers: dict[str, list[Outcome]] = {"a": [Later("no"), Sent()]}
    channel = FakeChannel(lambda record: answers[record].pop(0) if record in answers else Sent())
    patience = Patience(ordered=True, item=Backoff(60.0, 60.0))

    async with running(tmp_path, channel, patience, clock.now_s, *told(*"abc")) as post:
        await until(lambda: post.witness.states("a") == ["delayed"], "the head is put off")
        clock.advance(100)
        await until(lambda: post.outbox.waiting() == 0, "all are sent")

    assert channel.tried == [["a"], ["a"], ["b"], ["c"]]


async def test_items_of_one_bundle_are_told_together(tmp_path: Path) -> None:
    channel = FakeChannel()

    async with running(tmp_path, channel, Patience(), Clock().now_s) as post:
        post.source.add(*told("a", "b", bundle="x"), *told("c"))
        await until(lambda: len(post.witness.told) == 3, "all are reported")

    assert sorted(channel.tried) == [["a", "b"], ["c"]]
    assert (post.witness.states("a"), post.witness.states("b")) == (["sent"], ["coalesced"])


async def test_above_the_limit_of_an_hour_what_is_left_waits_and_is_told_together(tmp_path: Path) -> None:
    clock, channel = Clock(), FakeChannel()

    async with running(tmp_path, channel, Patience(per_hour=2), clock.now_s) as post:
        post.source.add(*told(*"abcdef"), *told("z", lane="other"))
        await until(lambda: len(channel.tried) == 3, "two and the other's went")
        await until(lambda: len(post.witness.told) == 7, "all are reported")
        clock.advance(HOUR_S + 1)
        await until(lambda: post.outbox.waiting() == 0, "the rest went")

    assert ["c", "d", "e", "f"] in channel.tried
    assert post.witness.states("c") == ["delayed", "sent"]
    assert post.witness.states("f") == ["delayed", "coalesced"]
    assert post.witness.told[-1]["attempts"] == 0


async def test_reports_wait_for_kafka(tmp_path: Path) -> None:
    async with running(tmp_path, FakeChannel(), Patience(), Clock().now_s) as post:
        post.witness.is_away = True
        post.source.add(*told("a"))
        await until(lambda: post.dispatcher.counts.ended["sent"] == 1, "it is sent")
        post.witness.is_away = False
        await until(lambda: post.witness.states("a") == ["sent"], "it is reported")


async def test_bytes_that_are_no_record_are_kept_and_hold_up_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, FakeChannel(), Patience(), Clock().now_s, b"\xff{", *told("a")) as post:
        await until(lambda: post.witness.states("a") == ["sent"], "the next one went")

    assert [letter["id"] for letter in post.dead_letters()] == [""]
    assert post.dead.stat().st_mode & 0o077 == 0


def test_only_one_process_works_a_queue_off_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = Outbox(tmp_path / "outbox.sqlite", "fake")

    with pytest.raises(QueueTaken):
        Outbox(tmp_path / "outbox.sqlite", "fake")

    assert (tmp_path / "outbox.sqlite").stat().st_mode & 0o077 == 0
    first.close()
    Outbox(tmp_path / "outbox.sqlite", "fake").close()


def test_what_an_earlier_release_had_sent_is_not_sent_again(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "sent.sqlite") as old:
        old.execute("CREATE TABLE sent (id TEXT PRIMARY KEY)")
        old.execute("INSERT INTO sent VALUES ('a')")
    outbox = Outbox(tmp_path / "outbox.sqlite", "fake")

    outbox.adopt(tmp_path / "sent.sqlite")

    assert outbox.put([Received(item("a")), Received(item("b"))], 0.0) == 1
    outbox.close()


def test_asked_to_send_again_it_goes_again_with_a_higher_version(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite", "fake")
    outbox.put([Received(item("a"))], 0.0)

    outbox.end([(outbox.due("g", [], 1.0, 9, ordered=False)[0], Settled(DeliveryState.DEAD))], 1.0)

    assert outbox.put([Received(item("a"))], 2.0) == 0
    assert outbox.put_again([item("a")], 2.0) == 1
    assert outbox.put_again([item("a")], 3.0) == 1
    (queued,) = outbox.due("g", [], 3.0, 9, ordered=False)
    assert (queued.version, queued.attempts) == (2, 0)
    reports = [msgspec.json.decode(report.value) for report in outbox.reports(9)]
    assert [(each["version"], each["state"], each["attempts"]) for each in reports] == [
        (1, "dead", 1),
        (2, "delayed", 0),
    ]
    outbox.close()


@pytest.mark.parametrize(
    ("state", "again"),
    [
        (DeliveryState.DEAD, 1),
        (DeliveryState.REFUSED, 1),
        (DeliveryState.SENT, 0),
        (DeliveryState.COALESCED, 0),
        (DeliveryState.SUPPRESSED, 0),
    ],
)
def test_only_what_was_given_up_is_taken_again_and_once(
    tmp_path: Path, state: DeliveryState, again: int
) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite", "fake")
    outbox.put([Received(item("a"), Settled(state)), Received(item("b"))], 0.0)

    taken = [outbox.put_given_up_again([item("a"), item("b"), item("c")], 1.0) for _ in range(2)]

    assert taken == [again, 0]
    assert outbox.waiting() == again + 1
    outbox.close()


def test_half_a_line_of_a_full_disk_spoils_no_other_dead_letter(tmp_path: Path) -> None:
    dead = DeadLetters(tmp_path / "dead.jsonl")
    assert list(dead.read()) == []

    dead.add("a", "no", b"first")
    with (tmp_path / "dead.jsonl").open("ab") as file:
        file.write(b'{"id": "torn')
    dead.add("b", "no", b"\xff")

    assert [(letter.id, letter.notice) for letter in dead.read()] == [("a", "first"), ("b", "\\xff")]


@given(st.integers(1, 10_000), st.text(max_size=20))
def test_a_pause_grows_to_its_limit_and_never_beyond_a_fifth_of_it(failures: int, whose: str) -> None:
    backoff = Backoff(1.0, 60.0)

    pause_s = backoff.pause_s(failures, whose)

    assert 0.8 * min(2.0 ** min(failures - 1, 10), 60.0) <= pause_s <= 72.0
