"""The first event of the README, as it stands there, comes to the balance that stands behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.docs.snippets import DOCS, block, section

PAGE = "../README.md"
TITLE = "Your first event"


def test_the_readmes_first_event_comes_to_the_balance_that_it_promises(tmp_path: Path) -> None:
    making = block(PAGE, TITLE, "sh").replace("make setup\n", "")
    subprocess.run(["bash", "-euc", making], cwd=tmp_path, check=True)

    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", "simulate", str(tmp_path / "first.jsonl")],
        cwd=DOCS.parent,
        capture_output=True,
        check=True,
    )

    balance = json.loads(done.stdout.splitlines()[-1])
    assert f"{balance['balance']} {balance['currency']}" == "9.99955 USD"
    assert "# 9.99955 USD: ten dollars of sign-up credit less 0.00045" in section(PAGE, TITLE)
