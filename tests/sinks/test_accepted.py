"""What the sink takes from the journal: requests, what begins and ends, the clock; and when a batch's charges fell due."""

import json
from typing import Any

import pytest

from schemas import topics, wire
from schemas.journal import NO_CLOCK, encode_record
from schemas.values import instant_text
from sinks.clickhouse.rows import Batch, Message
from sinks.clickhouse.tables import REQUEST_COLUMNS, RESOURCE_EVENT_COLUMNS
from tests.scenarios import renting
from tests.scenarios.telling import beat, instant, opened, served
from tests.sinks.samples import START_MS, charge

CLOCK_MS = START_MS + 5_000


def rows(*events: bytes, clock: int = CLOCK_MS) -> dict[str, list[dict[str, Any]]]:
    batch = Batch()
    assert batch.take(Message(topics.JOURNAL_TOPIC, 3, 77, 0, encode_record(clock, events))) == []
    return {table: [json.loads(line) for line in body.split(b"\n")] for table, _, body, _ in batch.bodies()}


def test_a_request_is_stored_with_all_that_it_used() -> None:
    raw = served(
        "01:00", "m", request="r-1", key="k", resource="d", input_tokens="7.0", seconds="1.50", finish="stop"
    )

    (row,) = rows(raw)["requests"]

    assert row == {
        "kafka_partition": 3, "kafka_offset": 77, "account": "acme", "time": instant("01:00"), "source": "cloud",
        "id": "request.served d 01:00", "request": "r-1", "model": "m", "key": "k", "resource": "d", "input_tokens": 7,
        "seconds": "1.5", "finish": "stop",
    }  # fmt: skip
    assert set(row) <= set(REQUEST_COLUMNS)


def test_a_count_beyond_what_json_numbers_hold_keeps_its_digits() -> None:
    (row,) = rows(served("01:00", "m", input_tokens="12345678901234567890123456"))["requests"]

    assert row["input_tokens"] == "12345678901234567890123456"


def test_what_begins_and_ends_is_stored_in_order_of_arrival() -> None:
    found = rows(
        opened("gpugeek"),
        renting.start("01:00", "my-deployment", "d", model="m", replicas=2),
        renting.replicas("02:00", 5, "d"),
        renting.state("02:10", "idle", "d"),
        beat("02:20", "d"),
        renting.stop("03:00", "d"),
        renting.deletion("04:00", "disk"),
    )["resource_events"]

    assert [(row["position"], row["type"], row.get("replicas"), row.get("detail")) for row in found] == [
        (1, "instance.started", "2", None),
        (2, "deployment.replicas_changed", "5", None),
        (3, "model.state_changed", None, "idle"),
        (5, "instance.stopped", None, "user"),
        (6, "capacity.deleted", None, None),
    ]
    assert set().union(*found) <= set(RESOURCE_EVENT_COLUMNS)


def test_the_greatest_clock_of_a_partition_goes_out_once() -> None:
    batch = Batch()
    for offset, clock in enumerate((CLOCK_MS, CLOCK_MS + 1, CLOCK_MS)):
        batch.take(Message(topics.JOURNAL_TOPIC, 1, offset, 0, encode_record(clock, [])))

    ((table, _, body, count),) = batch.bodies()

    assert (table, count) == ("clocks", 1)
    assert json.loads(body) == {"kafka_partition": 1, "kafka_offset": 1, "time": instant_text(CLOCK_MS + 1)}


def test_before_the_first_tick_there_is_no_clock() -> None:
    assert rows(opened("flexai"), clock=NO_CLOCK) == {}


def test_a_journal_record_that_nobody_wrote_is_kept_aside() -> None:
    batch = Batch()

    faults = batch.take(Message(topics.JOURNAL_TOPIC, 0, 1, 0, b'{"clock":1,"events":[{"type":"x"}]}'))

    assert len(faults) == batch.dead == 1


def test_a_batch_says_between_which_times_its_charges_fell_due() -> None:
    batch = Batch()
    for sent_ms, numbers in ((START_MS + 9_000, (3, 1)), (START_MS + 8_000, (2,))):
        value = wire.encode([charge(number) for number in numbers])
        batch.take(Message(topics.CHARGES, 0, sent_ms, sent_ms, value))

    landings = next(body for table, _, body, _ in batch.bodies() if table == "landings")

    assert json.loads(landings) == {
        "charges": 3,
        "oldest": instant_text(START_MS + 1_000),
        "newest": instant_text(START_MS + 3_000),
        "sent": instant_text(START_MS + 8_000),
    }


@pytest.mark.parametrize("table", ["landings", "clocks"])
def test_without_charges_or_a_clock_nothing_is_said_of_them(table: str) -> None:
    batch = Batch()

    batch.take(Message(topics.CHARGES, 0, 0, 0, b"[]"))

    assert table not in {name for name, *_ in batch.bodies()}
