"""Another price book over the same history: what it would have billed, and by how much it differs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from infra.audit.topics import Record
from infra.audit.what_if import compare, load_instead
from infra.books import SHIPPED, load_book
from infra.errors import CommandFailed
from tests.chaos.journals import journal_of

BOOK = load_book()
EVER = ("0000", "9999")


def partitions() -> Iterator[list[Record]]:
    for values in journal_of(seed=3).values():
        yield [Record(offset, b"", value, 0) for offset, value in enumerate(values)]


def other_book(folder: Path, profile: str, old: str, new: str) -> Path:
    text = (SHIPPED / f"{profile}.toml").read_text()
    assert old in text
    path = folder / f"{profile}.toml"
    path.write_text(text.replace(old, new))
    return path


def test_twice_the_price_of_tokens_is_twice_the_bill_of_tokens(tmp_path: Path) -> None:
    text = (SHIPPED / "flexai.toml").read_text()
    path = tmp_path / "flexai.toml"
    path.write_text(text.replace('"0.20"', '"0.40"').replace('"0.60"', '"1.20"'))

    found = compare(partitions(), BOOK, load_instead(path, BOOK), EVER)

    rows = [(name.account, was, would, difference) for name, was, would, difference in found.rows()]
    assert {row[0] for row in rows} == {"flex-0", "flex-1"}
    assert all(was > 0 and would == 2 * was and difference == was for _, was, would, difference in rows)
    assert found.totals() == (sum(r[1] for r in rows), sum(r[2] for r in rows), sum(r[3] for r in rows))


def test_the_same_book_differs_by_nothing(tmp_path: Path) -> None:
    same = load_instead(SHIPPED / "fluxedge.toml", BOOK)

    found = compare(partitions(), BOOK, same, EVER)

    assert {difference for *_, difference in found.rows()} == {Decimal(0)}
    assert {name.account for name, *_ in found.rows()} == {"flux-0", "flux-1"}


def test_what_fell_due_outside_the_span_does_not_count() -> None:
    same = load_instead(SHIPPED / "fluxedge.toml", BOOK)

    found = compare(partitions(), BOOK, same, ("2000-01-01T00:00:00.000Z", "2000-01-02T00:00:00.000Z"))

    assert found.rows() == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('currency = "USD"', 'currency = "CNY"', "currency CNY; the accounts hold USD"),
        ('rounding = "exact"', 'rounding = "maybe"', "rounding: 'maybe'"),
    ],
)
def test_a_book_that_cannot_stand_for_the_profile_is_refused(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    path = other_book(tmp_path, "flexai", old, new)

    with pytest.raises(CommandFailed, match=told):
        load_instead(path, BOOK)


def test_a_book_of_a_profile_that_nobody_has_is_refused(tmp_path: Path) -> None:
    path = other_book(tmp_path, "flexai", 'name = "flexai"', 'name = "newcomer"')
    renamed = path.rename(tmp_path / "newcomer.toml")

    with pytest.raises(CommandFailed, match="named after one of flexai, fluxedge"):
        load_instead(renamed, BOOK)
