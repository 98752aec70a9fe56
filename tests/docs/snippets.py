"""The code blocks of a page of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def section(page: str, title: str) -> str:
    """The text of a section."""
    parts = _SECTION.split((DOCS / page).read_text(encoding="utf-8"))
    return dict(zip(parts[1::2], parts[2::2], strict=True))[title]


def block(page: str, title: str, language: str) -> str:
    """The first code block of that language in a section."""
    return next(found[2] for found in _BLOCK.finditer(section(page, title)) if found[1] == language)
