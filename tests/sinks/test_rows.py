"""Kafka messages become rows: bytes as they came where they are good, dead letters where they are not."""

import json
from typing import Any

import pytest

from schemas import topics, wire
from sinks.clickhouse.rows import Batch, Message, local_day
from tests.sinks.samples import balance, charge, entry, line, notice, rejection, window


def message(topic: str, value: bytes | None, offset: int = 7) -> Message:
    return Message(topic, 3, offset, 1_793_491_200_000, value)


def rows_of(batch: Batch) -> dict[str, list[dict[str, Any]]]:
    return {table: [json.loads(row) for row in body.split(b"\n")] for table, _, body, _ in batch.bodies()}


def test_every_record_of_an_array_becomes_a_row_with_the_coordinates_of_its_message() -> None:
    batch = Batch()

    reasons = batch.take(message(topics.CHARGES, wire.encode([charge(1, "0.10"), charge(2, "0.20")])))

    rows = rows_of(batch)["charges"]
    assert reasons == []
    assert [(row["id"], row["amount"], row["kafka_partition"], row["kafka_offset"]) for row in rows] == [
        ("charge-1", "0.10", 3, 7),
        ("charge-2", "0.20", 3, 7),
    ]


def test_bytes_that_another_encoder_wrote_give_the_same_rows() -> None:
    records = [charge(1, "0.10"), charge(2, "0.20")]
    pretty = json.dumps(json.loads(wire.encode(records)), indent=2).encode()
    batch, other = Batch(), Batch()

    batch.take(message(topics.CHARGES, wire.encode(records)))
    other.take(message(topics.CHARGES, pretty))

    assert rows_of(batch) == rows_of(other)


def test_a_seam_inside_a_string_does_not_cut_a_record() -> None:
    batch = Batch()

    batch.take(message(topics.CHARGES, wire.encode([charge(1, resource='x"},{"id":"y'), charge(2)])))

    assert [row["resource"] for row in rows_of(batch)["charges"]] == ['x"},{"id":"y', "r1"]


def test_a_seam_in_a_field_of_a_later_release_does_not_cut_a_record() -> None:
    record = json.loads(wire.encode(charge(1))) | {"parts": [{"id": "p1"}, {"id": "p2"}]}
    batch = Batch()

    batch.take(message(topics.CHARGES, json.dumps([record], separators=(",", ":")).encode()))

    assert [row["id"] for row in rows_of(batch)["charges"]] == ["charge-1"]


@pytest.mark.parametrize(
    "amount",
    ["0.0000000000001", "1e5", "NaN", "+1", "1.", ".5", "", "100000000000000000000000000", "1\n2"],
)
def test_a_decimal_that_the_engine_would_cut_or_bend_is_a_dead_letter_and_the_others_are_kept(
    amount: str,
) -> None:
    batch = Batch()

    reasons = batch.take(message(topics.CHARGES, wire.encode([charge(1), charge(2, amount), charge(3)])))

    rows = rows_of(batch)
    assert len(reasons) == 1
    assert [row["id"] for row in rows["charges"]] == ["charge-1", "charge-3"]
    assert [(row["topic"], row["kafka_offset"], row["position"]) for row in rows["dead_letters"]] == [
        ("charges", 7, 1)
    ]
    assert "charge-2" in rows["dead_letters"][0]["value"]


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"[", b"[1]", b"[{}]", b'{"id":"x"}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_array_of_charges_is_a_dead_letter(value: bytes | None) -> None:
    batch = Batch()

    assert len(batch.take(message(topics.CHARGES, value))) == 1
    assert list(rows_of(batch)) == ["dead_letters"]


@pytest.mark.parametrize(
    "topic",
    [topics.BALANCES, topics.HOURLY, topics.DAILY, topics.NOTICES, topics.COMMANDS, topics.REJECTIONS],
)
def test_poison_is_a_dead_letter_in_every_topic(topic: str) -> None:
    batch = Batch()

    batch.take(message(topic, b'{"id": 3}'))

    assert rows_of(batch)["dead_letters"][0]["topic"] == topic
    assert batch.dead == 1


def test_an_empty_array_is_no_row() -> None:
    batch = Batch()

    assert batch.take(message(topics.CHARGES, b"[]")) == []
    assert rows_of(batch) == {}


def test_of_a_balance_the_greatest_version_is_kept_whatever_comes_last() -> None:
    batch = Batch()

    for seq in (1, 3, 2):
        batch.take(message(topics.BALANCES, wire.encode(balance(seq, f"{seq}.5"))))

    assert [row["balance"] for row in rows_of(batch)["balances"]] == ["3.5"]
    assert batch.rows == 1


def test_a_balance_of_the_same_seq_and_a_later_time_stands() -> None:
    batch = Batch()

    batch.take(message(topics.BALANCES, wire.encode(balance(1, "1", keys={"k": "free"}))))
    batch.take(
        message(
            topics.BALANCES, wire.encode(balance(1, "1", keys={"k": "paid"}, time="2026-12-01T00:00:00.000Z"))
        )
    )

    assert [row["keys"] for row in rows_of(batch)["balances"]] == [{"k": "paid"}]


def test_a_window_is_a_row_for_each_line_of_its_greatest_version() -> None:
    batch = Batch()

    batch.take(message(topics.DAILY, wire.encode(window(2, [line("1"), line("2", resource="r2")]))))
    batch.take(message(topics.DAILY, wire.encode(window(1, [line("0.5")]))))

    rows = rows_of(batch)["daily_costs"]
    assert [(row["resource"], row["amount"], row["version"], row["day"]) for row in rows] == [
        ("r1", "1", 2, "2026-11-01"),
        ("r2", "2", 2, "2026-11-01"),
    ]


def test_a_bad_line_makes_a_dead_letter_of_its_window() -> None:
    batch = Batch()

    batch.take(message(topics.HOURLY, wire.encode(window(1, [line("1"), line("0.0000000000001")]))))

    assert list(rows_of(batch)) == ["dead_letters"]


def test_addresses_do_not_reach_the_columns_of_notices() -> None:
    batch = Batch()

    batch.take(message(topics.NOTICES, wire.encode(notice(1))))

    ((table, columns, _, rows),) = batch.bodies()
    assert (table, rows) == ("notices", 1)
    assert "email" not in columns


@pytest.mark.parametrize(
    ("event", "stored"),
    [({"b": 1, "a": "1.50"}, '{"b":1,"a":"1.50"}'), ("not { json", "not { json"), ([1, 2], "[1,2]")],
)
def test_a_rejected_event_is_kept_as_it_came(event: object, stored: str) -> None:
    batch = Batch()

    batch.take(message(topics.REJECTIONS, wire.encode(rejection(1, event))))

    assert rows_of(batch)["rejections"][0]["event"] == stored


def test_a_rejection_without_account_and_time_has_a_row() -> None:
    batch = Batch()

    batch.take(message(topics.REJECTIONS, wire.encode(rejection(1, "?", account=None, time=None))))

    row = rows_of(batch)["rejections"][0]
    assert (row["account"], row["time"]) == ("", "1970-01-01T00:00:00.000Z")


def test_entries_and_charges_go_out_before_the_balances_that_they_explain() -> None:
    batch = Batch()

    batch.take(message(topics.BALANCES, wire.encode(balance(1, "1"))))
    batch.take(message(topics.LEDGER, wire.encode([entry(1, "1", "1")])))
    batch.take(message(topics.CHARGES, wire.encode([charge(1)])))

    assert [table for table, _, _, _ in batch.bodies()] == [
        "charges",
        "entries",
        "balances",
        "landings",
    ]


@pytest.mark.parametrize(
    ("start", "zone", "day"),
    [
        ("2026-10-31T16:00:00.000Z", "Asia/Shanghai", "2026-11-01"),
        ("2026-10-31T16:00:00.000Z", "", "2026-11-01"),
        ("2026-11-01T00:00:00.000Z", "", "2026-11-01"),
        ("2026-11-01T08:00:00.000Z", "", "2026-11-01"),
        ("2026-10-31T11:00:00.000Z", "Pacific/Auckland", "2026-11-01"),
        ("2026-11-01T10:00:00.000Z", "Pacific/Honolulu", "2026-11-01"),
    ],
)
def test_a_day_is_named_as_the_account_names_it(start: str, zone: str, day: str) -> None:
    assert local_day(start, zone) == day
