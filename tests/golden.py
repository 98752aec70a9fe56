"""Files that what a test finds is held against, to the letter."""

from pathlib import Path

import pytest


def compare(golden: Path, found: str) -> None:
    """To renew a golden file: delete it, run, read the difference."""
    if not golden.exists():
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(found, encoding="utf-8")
        pytest.fail(f"{golden} was written anew; read it, then run again")
    assert found == golden.read_text(encoding="utf-8")
