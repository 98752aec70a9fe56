"""Waiting until the pipeline has worked off what was there: ingest, then worker, then sink. Bounded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from infra.audit.topics import Committed, Place, Topics
from infra.errors import CommandFailed
from schemas.topics import INPUTS, JOURNAL_TOPIC
from sinks.clickhouse.tables import TOPICS

POLL_S: Final = 0.1
# Who reads what, in the order of the data's way.
_Stages = tuple[tuple[str, tuple[str, ...]], ...]
_STAGES: Final[_Stages] = (
    ("ingest", INPUTS),
    ("worker", (JOURNAL_TOPIC,)),
    ("sink-clickhouse", TOPICS),
)


class Reached(NamedTuple):
    """Where the journal ended when the worker had reached it, by partition; everything before it is with everybody."""

    journal: dict[int, int]


def wait_until_done(topics: Topics, partitions: int, timeout_s: float) -> Reached:
    """Wait until everything that is in the input topics now has come to ClickHouse.

    Raises CommandFailed, which says who is behind, when that takes longer than `timeout_s`.
    """
    return _wait(topics, partitions, timeout_s, _STAGES)


def wait_until_folded(topics: Topics, partitions: int, timeout_s: float) -> Reached:
    """As `wait_until_done`, but only until the worker is past it: its records are in the output topics."""
    return _wait(topics, partitions, timeout_s, _STAGES[:2])


def _wait(topics: Topics, partitions: int, timeout_s: float, stages: _Stages) -> Reached:
    deadline_s = time.monotonic() + timeout_s
    journal: dict[int, int] = {}
    for group, names in stages:
        ends = topics.ends(names, partitions)
        if group == "worker":
            journal = {partition: end for (_, partition), end in ends.items()}
        while behind := _behind(topics, ends, topics.committed(group, names, partitions)):
            if time.monotonic() > deadline_s:
                raise CommandFailed(
                    f"{group} is {behind:,} records behind after {timeout_s:g} s; is it up (meterstream status)?"
                )
            time.sleep(POLL_S)
    return Reached(journal)


def _behind(topics: Topics, ends: Mapping[Place, int], committed: Mapping[Place, Committed]) -> int:
    """Records that are not worked off; marks of transactions are none."""
    total = 0
    for (topic, partition), end in ends.items():
        found = committed.get((topic, partition))
        offset = max(found.offset, 0) if found else 0
        if offset < end:
            total += max(0, topics.last_offset(topic, partition, end) + 1 - offset)
    return total


def journal_ends(topics: Topics, partitions: int) -> dict[int, int]:
    """Where the journal ends now, by partition."""
    return {partition: end for (_, partition), end in topics.ends([JOURNAL_TOPIC], partitions).items()}


Say = Callable[[str], None]


def say_nothing(_line: str) -> None:
    """Nobody listens."""
