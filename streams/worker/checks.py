"""What must hold before the worker starts: the topics exist and have the same number of partitions.

Faust finds a mismatch event by event and skips one event per restart; here it is found before the first one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.worker.ports import Names, WorkerRefused

_TIMEOUT_S = 30.0


def check_topics(config: Mapping[str, Any], names: Names) -> int:
    """The number of partitions that all topics have; WorkerRefused where they differ or one is missing."""
    try:
        listed = AdminClient(dict(config)).list_topics(timeout=_TIMEOUT_S).topics
    except KafkaException as error:
        raise WorkerRefused(f"Kafka does not answer: {error.args[0].str()}") from error
    counts = {name: len(listed[name].partitions) for name in names.all if name in listed}
    return common_count(names, counts)


def check_journal(furthest: Mapping[int, int], ends: Mapping[int, int]) -> None:
    """Refuse a journal that is shorter than what the states hold (`furthest`, by partition).

    It would be another journal under the old name: its records would be taken for folded and silently skipped.
    """
    for partition, offset in furthest.items():
        if offset >= ends[partition]:
            raise WorkerRefused(
                f"partition {partition} of the journal ends at {ends[partition]}, but accounts have folded {offset}: "
                "the journal was made anew; the accounts topic must go with it"
            )


def common_count(names: Names, counts: Mapping[str, int]) -> int:
    """The one number in `counts` (partitions by topic), which must name every topic of `names`."""
    missing = [name for name in names.all if not counts.get(name)]
    if missing:
        raise WorkerRefused(f"topic {missing[0]} does not exist; create the topics first")
    journal = counts[names.journal]
    for name, count in counts.items():
        if count != journal:
            raise WorkerRefused(
                f"topic {name} has {count} partitions, {names.journal} has {journal}: they must agree"
            )
    return journal
