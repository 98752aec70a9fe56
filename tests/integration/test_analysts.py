"""What analysts are given is true: the questions of docs/analysts.md have answers, dbt's sources are the views that there are."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
import sqlglot
import yaml

from infra.dbt.build import FILE, sources
from sinks.clickhouse.asking import QUERIES_DIR
from sinks.clickhouse.migrate import VIEWS_DIR, views
from tests.integration.stored import Stored

PAGE = Path(__file__).parents[2] / "docs" / "analysts.md"
QUESTIONS = re.findall(
    r"^## (\d+\. [^\n]+)\n\n```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
FILES = sorted([*QUERIES_DIR.glob("*.sql"), *VIEWS_DIR.glob("*.sql")])


@pytest.mark.clickhouse
@pytest.mark.parametrize("sql", [sql for _, sql in QUESTIONS], ids=[title for title, _ in QUESTIONS])
def test_every_question_of_the_page_has_an_answer(month: Stored, sql: str) -> None:
    sqlglot.parse_one(sql, dialect="clickhouse")

    assert month.rows(sql)


def test_the_page_has_ten_questions() -> None:
    assert [title.partition(".")[0] for title, _ in QUESTIONS] == [str(number) for number in range(1, 11)]


@pytest.mark.clickhouse
def test_charges_and_ledger_agree_as_the_page_says(month: Stored) -> None:
    sql = next(sql for title, sql in QUESTIONS if title.startswith("9."))

    assert {difference for *_, difference in month.rows(sql)} == {Decimal(0)}


@pytest.mark.clickhouse
def test_dbts_sources_are_the_views_that_there_are(month: Stored) -> None:
    made = sources(month.rows)

    assert FILE.read_text(encoding="utf-8") == made, "run: python -m infra.dbt.build DSN DATABASE"
    (source,) = yaml.safe_load(made)["sources"]
    assert len(source["tables"]) >= 17
    assert all(column["description"] for table in source["tables"] for column in table["columns"])


def test_exposures_depend_on_sources_that_there_are() -> None:
    (source,) = yaml.safe_load(FILE.read_text(encoding="utf-8"))["sources"]
    known = {table["name"] for table in source["tables"]}
    exposures = yaml.safe_load((FILE.parent / "exposures.yml").read_text(encoding="utf-8"))["exposures"]

    named = {
        name for each in exposures for text in each["depends_on"] for name in re.findall(r"'(\w+)'\)", text)
    }
    assert named <= known
    assert all(each["owner"]["name"] for each in exposures)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_question_is_a_file_that_begins_with_the_question(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]

    assert first.startswith("-- ")
    assert "?" in path.read_text(encoding="utf-8").split("\n\n", 1)[0]


def test_a_view_comes_after_those_that_it_reads() -> None:
    order = list(views())

    assert order.index("account_clocks") < order.index("burn_now") < order.index("accounts_overview")
    assert order.index("charged_stretches") < order.index("request_shares") < order.index("deployment_hours")


def test_every_question_file_is_asked_by_somebody() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (QUERIES_DIR.parent / "reports").glob("*.py"))

    assert [path.stem for path in QUERIES_DIR.glob("*.sql") if f'"{path.stem}"' not in code] == []
