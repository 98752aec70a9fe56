"""What ingest must be told; `infra.parts.ingest` makes it from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestConfig:
    """Names are full names, with the namespace. `inputs` are in the order of `schemas.topics.INPUTS`."""

    kafka: Mapping[str, str | int | float | bool]
    inputs: tuple[str, str, str]
    journal: str
    rejections: str
    group: str
    # Stable for one process of a pipeline: the next one that bears it fences this one.
    transactional_id: str
    index_dir: Path
    is_wall_clock: bool
    # With a name of its own, a process that was killed takes its partitions over again at once.
    instance_id: str | None = None
    # Skus that need a machine's specification (`Book.spec_skus`).
    spec_skus: frozenset[str] = frozenset()
    horizon_ms: int = 35 * DAY_MS
    tick_ms: int = 1_000
    batch_messages: int = 5_000
    batch_wait_ms: int = 50
    session_timeout_ms: int = 10_000
    # How long an input that has more may bring nothing.
    liveness_s: float = 30.0
    transaction_timeout_ms: int = 30_000
    cache_bytes: int = 128 * 1_048_576
