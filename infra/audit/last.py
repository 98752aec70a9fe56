"""What the last `reconcile` said, kept in the namespace's directory for whoever looks later."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.settings import Settings


def note(settings: Settings, *, clean: bool, differences: int) -> None:
    """A reconcile has just ended."""
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")}
    staging = path.with_suffix(".new")
    staging.write_text(json.dumps(told | {"clean": clean, "differences": differences}))
    staging.replace(path)


def last(settings: Settings) -> dict[str, Any] | None:
    """`time`, `clean` and the number of `differences`; None where there has been none."""
    try:
        found: dict[str, Any] = json.loads(_path(settings).read_text())
    except FileNotFoundError:
        return None
    return found


def _path(settings: Settings) -> Path:
    return settings.state_dir / "reconciled.json"
