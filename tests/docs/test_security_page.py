"""docs/security.md names tests that are there, and all ten risks."""

import re
from pathlib import Path

from tests.docs.snippets import DOCS

ROOT = Path(__file__).parents[2]
TEXT = (DOCS / "security.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`((?:tests/[\w/]+/)?test_\w+\.py)`", TEXT))
    there = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    names = there | {Path(path).name for path in there}

    assert len(named) > 20
    assert named - names == set()


def test_every_risk_of_the_ten_has_a_row_with_a_test() -> None:
    rows = re.findall(r"^\| \*\*API(\d+)\*\*.*\| (.*) \|$", TEXT, re.MULTILINE)

    assert [int(number) for number, _ in rows] == list(range(1, 11))
    assert all("test" in tests for _, tests in rows)
