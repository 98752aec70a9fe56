"""Compares what a run left on the broker with an uninterrupted one, as readers of the topics would see it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import msgspec

from streams.codec import unpack_account
from streams.worker.engine import Engine
from streams.worker.ports import Fold
from streams.worker.rows import AccountRows, DerivedRows, Tables
from tests.chaos.journals import Journal
from tests.chaos.simulation import NAMES, Broker, Place, Record, SimulatedSender

ARRAYS = (NAMES.charges, NAMES.entries)
SINGLES = (NAMES.notices, NAMES.commands, NAMES.rejections)
Result = dict[str, Any]


def undisturbed(journal: Journal, fold: Fold) -> Result:
    """What one worker makes of the journal when nothing happens to it."""
    broker = Broker(journal)
    derived = (DerivedRows(NAMES.balances), DerivedRows(NAMES.hourly), DerivedRows(NAMES.daily))
    engine = Engine(fold, Tables(AccountRows(NAMES.accounts), *derived), _Direct(broker), NAMES)
    engine.own(set(journal))
    _run(_fold_all(engine, journal))
    faults: list[str] = []
    result = read(broker, faults)
    assert not faults, faults
    return result


class _Direct(SimulatedSender):
    """Everything is durable at once."""

    def send(self, topic: str, partition: int, key: str | None, value: bytes) -> None:
        self._broker.logs[(topic, partition)].append((key, value))

    async def room(self) -> None:
        """There is always room."""


def _run(story: Coroutine[Any, Any, None]) -> None:
    """Nothing in it waits for anything."""
    try:
        story.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


async def _fold_all(engine: Engine, journal: Journal) -> None:
    for partition, records in journal.items():
        for offset, value in enumerate(records):
            await engine.take(partition, offset, value, lambda: None)
    await engine.checkpoint()


def read(broker: Broker, faults: list[str], *, monotonic: bool = True) -> Result:
    """What readers make of the topics: twins dropped, compacted topics by their highest version; faults added."""
    result: Result = {topic: {} for topic in (*ARRAYS, *SINGLES)}
    result |= {NAMES.balances: {}, NAMES.hourly: {}, NAMES.daily: {}}
    seqs: dict[str, int] = {}
    for (topic, _), log in broker.logs.items():
        if topic == NAMES.accounts:
            continue
        for _, record in _records(topic, log):
            if topic in (*ARRAYS, *SINGLES):
                _keep_once(result[topic], record, topic, faults)
                if topic == NAMES.entries:
                    _follow(seqs, record, faults)
            else:
                _keep_last(result[topic], record)
    result["states"] = _states(broker.logs, monotonic=monotonic)
    return result


def _records(topic: str, log: list[Record]) -> list[tuple[str | None, dict[str, Any]]]:
    if topic in ARRAYS:
        return [(key, record) for key, value in log for record in msgspec.json.decode(value)]
    return [(key, msgspec.json.decode(value)) for key, value in log]


def _keep_once(known: dict[str, Any], record: dict[str, Any], topic: str, faults: list[str]) -> None:
    twin = known.setdefault(record["id"], record)
    if twin != record:
        faults.append(f"{topic}: conflict at {record['id']}")


def _follow(seqs: dict[str, int], entry: dict[str, Any], faults: list[str]) -> None:
    """Entries of an account come as last + 1, or again."""
    last = seqs.get(entry["account"], 0)
    if entry["seq"] == last + 1:
        seqs[entry["account"]] = last + 1
    elif entry["seq"] > last:
        faults.append(f"entries of {entry['account']}: {entry['seq']} after {last}")


def _keep_last(known: dict[str, Any], record: dict[str, Any]) -> None:
    key = f"{record['account']}|{record.get('start', '')}"
    version = "version" if "version" in record else "seq"
    # Equal versions hold the same money; an entry without a charge moves only the time.
    if key not in known or (known[key][version], known[key]["time"]) <= (record[version], record["time"]):
        known[key] = record


def _states(logs: dict[Place, list[Record]], *, monotonic: bool) -> dict[str, Any]:
    """The accounts as the next worker would recover them."""
    rows = AccountRows(NAMES.accounts, monotonic=monotonic)
    for (topic, partition), log in logs.items():
        if topic == NAMES.accounts:
            for key, value in log:
                rows.restore(partition, str(key), value)
    return {
        key: _plain(frame) for partition in rows.partitions for key, frame in rows.part(partition).items()
    }


def _plain(frame: bytes) -> Any:
    account = unpack_account(frame)
    # A timer may have moved the clock at a later record than in the other run; events move it to the same place.
    account.clock_ms = 0
    return msgspec.to_builtins(account, str_keys=True)


def compare(broker: Broker, expected: Result, *, monotonic: bool = True) -> list[str]:
    """What is wrong with a run, in words; empty where nothing is."""
    faults: list[str] = []
    result = read(broker, faults, monotonic=monotonic)
    for name, wanted in expected.items():
        found = result[name]
        faults += [f"{name}: {key} is lost" for key in wanted if key not in found]
        faults += [f"{name}: {key} is too much" for key in found if key not in wanted]
        faults += [f"{name}: {key} differs" for key in wanted if key in found and found[key] != wanted[key]]
    return faults
