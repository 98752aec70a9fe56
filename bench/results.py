"""Where figures are kept: `build/bench.json`. What one script measured stands beside what the others did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

RESULT = Path(__file__).parents[1] / "build" / "bench.json"


def keep(figures: Mapping[str, object]) -> None:
    """Print `figures` and put them into the file, over older ones of the same names."""
    known = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(known | figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))
