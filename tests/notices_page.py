"""Writes the table of types into docs/notices.md: `python -m tests.notices_page`; tests/test_notices_page.py compares."""

from __future__ import annotations

from schemas.records import NoticeType
from sinks.email.catalog import catalog
from sinks.email.layout import LAYOUTS
from tests.requirements import ROOT

PAGE = ROOT / "docs" / "notices.md"
BEGIN, END = "<!-- types -->\n", "<!-- end of types -->\n"


def table() -> str:
    """A row for each type: its subject, what it lists, and whether it links to where funds are added."""
    phrases = catalog()["en"]
    rows = ["| type | subject (en) | figures | how grave | links to funds |", "|---|---|---|---|---|"]
    for kind in NoticeType:
        layout = LAYOUTS[kind]
        figures = ", ".join(phrases[f"{kind}.{name}"] for name in layout.rows)
        cells = (
            f"`{kind}`",
            phrases[f"{kind}.subject"],
            figures or "–",
            layout.tone,
            "yes" if layout.pays else "–",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """The page with the table of today."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{head}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
