"""The queue's laws over random stories with crashes: nothing is lost, nothing ends twice, and reports tell the truth."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.records import DeliveryState
from sinks.outbox.items import Received, Settled
from sinks.outbox.store import Outbox
from tests.sinks.test_outbox import item

ENDS = (DeliveryState.SENT, DeliveryState.REFUSED, DeliveryState.DEAD)
STEP = st.tuples(
    st.sampled_from(["put", "again", "given up again", "end", "put_off", "put_off_lane", "crash", "report"]),
    st.integers(0, 5),
    st.integers(0, 2),
)


@given(st.lists(STEP, max_size=30), st.booleans())
@settings(max_examples=40, deadline=None)
def test_whatever_happens_an_item_is_waiting_or_has_ended_and_its_reports_say_so(
    steps: list[tuple[str, int, int]], ordered: bool
) -> None:
    told: dict[str, list[tuple[int, str]]] = defaultdict(list)
    taken: set[str] = set()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "outbox.sqlite"
        outbox = Outbox(path, "fake")
        for now, (step, number, choice) in enumerate(steps):
            now_s, each = float(now), item(f"r{number}", lane=f"l{number % 2}", bundle=f"b{number % 3}")
            due = outbox.due("g", [], now_s, 3, ordered=ordered)
            match step:
                case "put":
                    outbox.put([Received(each)], now_s)
                    taken.add(each.record)
                case "again" if each.record in taken:
                    outbox.put_again([each], now_s)
                case "given up again":
                    outbox.put_given_up_again([each], now_s)
                case "end" if due:
                    outbox.end([(due[0], Settled(ENDS[choice]))], now_s)
                case "put_off" if due:
                    outbox.put_off(due[:1], now_s + choice, "later", now_s)
                case "put_off_lane":
                    outbox.put_off_lane(each.lane, now_s + choice, "later", now_s)
                case "crash":
                    outbox.close()
                    outbox = Outbox(path, "fake")
                case "report":
                    _tell(outbox, told)
        _tell(outbox, told)
        waiting = {each.item.record for each in outbox.due("g", [], 1e9, 99, ordered=False)}
        outbox.close()

    ended = {record for record, said in told.items() if said[-1][1] != DeliveryState.DELAYED}
    assert waiting | ended == taken
    assert not waiting & ended
    for said in told.values():
        versions = [version for version, _ in said]
        assert versions == sorted(set(versions))


def _tell(outbox: Outbox, told: dict[str, list[tuple[int, str]]]) -> None:
    reports = outbox.reports(1_000)
    for report in reports:
        record = msgspec.json.decode(report.value)
        told[record["notice"]].append((record["version"], record["state"]))
    if reports:
        outbox.reported(reports[-1].position)
