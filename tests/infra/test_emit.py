"""`emit` reads files whole before it sends, says where each fault is, and keeps the order of every account."""

import io
import json
import random
from pathlib import Path
from typing import Any

import pytest

from infra.cli import main
from infra.emit.files import Fault, Files, Place
from infra.emit.order import RANK_OF_TYPE, clock_accounts, waves_of
from schemas.envelope import OutgoingEvent
from streams.ingest.partitioner import partition_of

SPEC_SKUS = frozenset({"machine"})
KINDS = ("account.opened", "payment.succeeded", "request.served")


def event(number: int, kind: str = "request.served", account: str = "a", **data: Any) -> dict[str, Any]:
    body = data or {"request": f"r{number}", "model": "bge-m3", "input_tokens": number}
    return {
        "specversion": "1.0", "id": str(number), "source": "s", "type": kind, "subject": account,
        "time": f"2026-11-01T00:00:{number % 60:02d}Z", "data": body,
    }  # fmt: skip


def faults_of(path: Path) -> list[Fault]:
    with Files([str(path)], SPEC_SKUS) as files:
        return files.check().faults


def ids_sent(path: Path) -> list[str]:
    with Files([str(path)], SPEC_SKUS) as files:
        return [json.loads(sent.raw)["id"] for sent in files.outgoing(files.check().faults)]


def test_every_fault_is_told_with_its_line_and_its_number_in_a_batch(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    float_tokens = event(3) | {"data": {"request": "r", "model": "m", "input_tokens": 1.5}}
    lines = [
        json.dumps(event(1)),
        "",
        "{not json",
        json.dumps([event(2), float_tokens]),
        json.dumps({"x": 1}),
    ]
    path.write_text("\n".join(lines))

    faults = faults_of(path)

    assert [str(fault.place) for fault in faults] == [f"{path}:3", f"{path}:4[2]", f"{path}:5"]
    assert "input_tokens" in faults[1].detail


def test_a_batch_of_mixed_subjects_is_one_fault_as_it_is_for_simulate(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps([event(1), event(2, account="b")]))

    faults = faults_of(path)

    assert [(fault.place, "one subject" in fault.detail) for fault in faults] == [
        (Place(str(path), 1, 0), True)
    ]


def test_a_file_may_be_one_array_over_many_lines_whose_events_stand_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text(json.dumps([event(1), event(2, account="b"), {"x": 1}], indent=2))

    faults = faults_of(path)

    assert [str(fault.place) for fault in faults] == [f"{path}[3]"]
    assert ids_sent(path) == ["1", "2"]


def test_what_is_good_goes_out_as_it_came(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [json.dumps(event(number), indent=None) for number in range(5)]
    path.write_text("\n".join([*lines[:2], "garbage", *lines[2:]]))

    with Files([str(path)], SPEC_SKUS) as files:
        sent = list(files.outgoing(files.check().faults))

    assert [outgoing.raw.decode() for outgoing in sent] == lines


def test_standard_input_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(json.dumps(event(7)).encode()))
    monkeypatch.setattr("sys.stdin", stream)

    with Files(["-"], SPEC_SKUS) as files:
        checked = files.check()
        sent = list(files.outgoing(checked.faults))

    assert (checked.events, len(sent)) == (1, 1)


def test_a_lease_without_its_specification_is_refused_here_already(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(event(1, "instance.started", resource="vm", sku="machine", mode="payg")))

    assert "spec" in faults_of(path)[0].detail


def test_nothing_is_sent_where_anything_is_invalid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # No broker listens there: had it tried to send, the message would be another.
    monkeypatch.setenv("METERSTREAM_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(event(1)) + "\n{}\n")

    code = main(["emit", str(path)])

    told = capsys.readouterr().err.splitlines()
    assert code == 1
    assert told[0].startswith(f"{path}:2: ")
    assert told[-1].startswith("meterstream: 1 of 2 events are invalid, nothing was sent")


def test_a_file_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["emit", "/nowhere/events.jsonl"])

    assert (code, capsys.readouterr().err) == (
        1,
        "meterstream: /nowhere/events.jsonl: No such file or directory\n",
    )


@pytest.mark.parametrize("seed", range(20))
def test_waves_keep_each_account_in_order_and_never_mix_its_topics(seed: int) -> None:
    draw = random.Random(seed)
    chunk = [
        OutgoingEvent(f"a{draw.randrange(5)}", draw.choice(KINDS), str(number).encode())
        for number in range(200)
    ]
    on_their_way = {"a0": 0, "a1": 2}

    waves = waves_of(chunk, on_their_way)

    for account in {event.account for event in chunk}:
        mine = [[(sent, rank) for sent, rank in wave if sent.account == account] for wave in waves]
        assert [sent for wave in mine for sent, _ in wave] == [
            sent for sent in chunk if sent.account == account
        ]
        assert all(len({rank for _, rank in wave}) <= 1 for wave in mine)
        assert {rank for _, rank in mine[0]} <= {on_their_way.get(account, mine[0][0][1] if mine[0] else 0)}
    assert sum(len(wave) for wave in waves) == len(chunk)


def test_a_file_that_stays_in_one_topic_is_one_wave() -> None:
    chunk = [OutgoingEvent(f"a{number % 7}", "request.served", b"") for number in range(100)]

    assert len(waves_of(chunk, {})) == 1
    assert {rank for _, rank in waves_of(chunk, {})[0]} == {RANK_OF_TYPE["request.served"]}


@pytest.mark.parametrize("partitions", [1, 4, 12])
def test_each_partition_has_an_address_for_its_ticks(partitions: int) -> None:
    accounts = clock_accounts(partitions)

    assert [partition_of(account.encode(), partitions) for account in accounts] == list(range(partitions))
