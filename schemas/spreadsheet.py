"""Names in a CSV file that a person opens with a spreadsheet. Pure."""

from __future__ import annotations

from typing import Final

# What a spreadsheet takes for the beginning of a formula.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def cell(text: str) -> str:
    """`text` as a cell that no spreadsheet takes for a formula (OWASP CSV injection); for names, not for numbers."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
