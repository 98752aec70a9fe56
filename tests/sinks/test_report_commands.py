"""What `report` and `ledger` print: exact amounts, CSV that no spreadsheet runs, bars that do not lie."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest

from infra.commands import output, reports
from schemas.spreadsheet import cell

REPORT: dict[str, Any] = {
    "account": "a1", "currency": "USD", "from": "2026-11-01", "to": "2026-11-02", "by": "resource", "total": "0.600000000001", "charges": 2,
    "days": [
        {"day": "2026-11-01", "amount": "0.00", "charges": 0, "lines": []},
        {"day": "2026-11-02", "amount": "0.600000000001", "charges": 2, "lines": [{"name": "=HYPERLINK(1)", "amount": "0.600000000001", "charges": 2}]},
    ],
    "groups": [{"name": "=HYPERLINK(1)", "amount": "0.600000000001", "charges": 2}],
}  # fmt: skip


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1"])
def test_a_name_that_looks_like_a_formula_is_defused(name: str) -> None:
    assert cell(name) == f"'{name}"


def test_a_plain_name_stays_as_it_is() -> None:
    assert cell("gpu-s") == "gpu-s"


def test_csv_of_a_report_has_every_day_and_exact_amounts(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_csv(*reports._report_table(REPORT))

    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [
        ["day", "resource", "amount", "currency", "charges"],
        ["2026-11-01", "", "0.00", "USD", "0"],
        ["2026-11-02", "'=HYPERLINK(1)", "0.600000000001", "USD", "2"],
    ]


def test_csv_of_a_ledger_keeps_negative_amounts_as_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    entry = {
        "seq": 1, "time": "2026-11-01T00:00:00.000Z", "type": "charge", "bucket": "paid", "amount": "-0.60", "balance": "-0.60", "currency": "USD",
        "charge": "-c", "payment": 'a,"b"\n', "id": "@e",
    }  # fmt: skip

    output.print_csv(*reports._ledger_table([entry]))

    rows = list(csv.reader(io.StringIO(capsys.readouterr().out, newline="")))
    assert rows[1] == [
        "1",
        "2026-11-01T00:00:00.000Z",
        "charge",
        "paid",
        "-0.60",
        "-0.60",
        "USD",
        "'-c",
        'a,"b"\n',
        "'@e",
    ]


def test_a_report_for_a_person_shows_exact_amounts_and_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    reports._print_report(REPORT)

    text = capsys.readouterr().out
    assert text.count("0.600000000001") == 4
    assert "=HYPERLINK(1)" in text
    assert "█" in text


@pytest.mark.parametrize(
    ("amount", "length"), [("0.00", 0), ("-1", 0), ("10", 24), ("5", 12), ("0.000000000001", 1)]
)
def test_a_bar_is_as_long_as_its_share(amount: str, length: int) -> None:
    assert len(output.bar(amount, Decimal(10))) == length


def test_nothing_spent_draws_nothing() -> None:
    assert output.bar("0.00", Decimal(0)) == ""


class Paged:
    """A ledger of `count` postings, in pages of at most 10."""

    def __init__(self, count: int) -> None:
        self._count = count

    def ledger(self, account: str, *, limit: int, before: int | None) -> list[dict[str, Any]]:
        del account
        top = min(before or self._count + 1, self._count + 1) - 1
        return [{"seq": seq} for seq in range(top, max(top - min(limit, 10), 0), -1)]

    def is_known(self, account: str) -> bool:
        return account == "a1"


@pytest.mark.parametrize(
    ("wanted", "found"), [(None, range(1, 36)), (12, range(24, 36)), (100, range(1, 36))]
)
def test_a_ledger_is_read_page_by_page(wanted: int | None, found: range) -> None:
    store: Any = Paged(35)

    entries = reports._entries(store, "a1", wanted)

    assert entries is not None
    assert [entry["seq"] for entry in entries] == list(found)


def test_an_account_without_postings_is_empty_and_an_unknown_one_is_none() -> None:
    store: Any = Paged(0)

    assert reports._entries(store, "a1", None) == []
    assert reports._entries(store, "nobody", None) is None


def test_json_keeps_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"name": "账户"})

    assert json.loads(capsys.readouterr().out) == {"name": "账户"}
