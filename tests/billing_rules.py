"""Writes docs/billing-rules.md: every requirement, in short words, with the tests that prove it.

`python -m tests.billing_rules`; tests/test_requirements.py compares the page with the marks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from tests.requirements import ROOT, Proof, Requirement, proofs, requirements

PAGE = ROOT / "docs" / "billing-rules.md"
INTRODUCTION = """\
# Billing rules: what each provider says, and what proves that we do it

Made by `python -m tests.billing_rules` from [requirements.toml](requirements.toml) and the marks of the tests; do not edit.
`FX` FluxEdge, `PD` PureDocs, `GG` GPUGEEK, `NL` Neolink.AI, `FA` flex.ai; `R-…` is how we read what a provider leaves
open; `X` holds for all. A rule without a test says why, or what it awaits.
"""


def page() -> str:
    """The page's text."""
    return "\n".join([INTRODUCTION, _counts(), *_sections()]) + "\n"


def _counts() -> str:
    known, proved = requirements(), proofs()
    tested = sum(name in proved for name in known)
    explained = sum(name not in proved and row.reason is not None for name, row in known.items())
    tests = {proof for each in proved.values() for proof in each}
    return (
        f"{len(known)} rules: {tested} proved by {len(tests)} tests, {explained} without effect on the engine,"
        f" {len(known) - tested - explained} awaited.\n"
    )


def _sections() -> Iterator[str]:
    for heading, group in groupby(requirements().values(), _heading):
        yield f"## {heading}\n"
        yield "| rule | what it says | proof |\n|---|---|---|"
        yield from (f"| {row.id} | {_cell(row.words)} | {_proof(row)} |" for row in group)
        yield ""


def _heading(row: Requirement) -> str:
    if row.id.startswith("R-"):
        return f"How we read {row.provider}"
    return "For all of them" if row.id.startswith("X-") else row.provider


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _proof(row: Requirement) -> str:
    tests = [_link(proof) for proof in proofs().get(row.id, ())]
    if tests:
        return "<br>".join([*tests, f"awaits {row.awaits}"] if row.awaits else tests)
    if row.reason:
        return f"none: {_cell(row.reason)}"
    return f"awaits {row.awaits}" if row.awaits else "**none**"


def _link(proof: Proof) -> str:
    return f"[{proof.promise}](../{proof.path})"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
