"""A fresh broker for a measurement."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.settings import Settings
from tests.servers import kafka_server, own_settings


@contextmanager
def with_broker() -> Iterator[Settings]:
    """Settings that reach a fresh broker, in a directory that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="meterstream-bench-") as directory:
        root = Path(directory)
        with kafka_server(root / "kafka") as bootstrap:
            yield own_settings(root, kafka_bootstrap=bootstrap)
