"""How far the worker is, for `status` and for the check that it still lives. Pure data, one JSON object."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class PartitionProgress(msgspec.Struct):
    """How far one partition is: the last journal offset folded in, and the last one that is acknowledged."""

    offset: int = -1
    saved: int = -1


class Progress(msgspec.Struct):
    """What a worker says about itself."""

    state: str = "starting"
    events: int = 0
    records: int = 0
    accounts: int = 0
    checkpoints: int = 0
    checkpoint_ms: int = 0
    recovered_records: int = 0
    recovery_ms: int = 0
    error: str = ""
    partitions: dict[int, PartitionProgress] = {}


Report = Callable[[Progress], None]
"""Where a worker's progress goes, about once a second and before it dies."""


def say_nothing(_progress: Progress) -> None:
    """A report that goes nowhere."""
