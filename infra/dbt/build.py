"""Writes `models/sources.yml` from a database of this release: `python -m infra.dbt.build DSN DATABASE`.

Names, types and comments are those of ClickHouse, so the file cannot say anything that is not there;
tests/integration/test_analysts.py compares. Tests are added by name of a column: what must never be empty or twice.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parent / "models" / "sources.yml"
# The whole ledger is read for it; and what only a question for one account answers is no relation.
WITHOUT: Final = frozenset({"gaps"})
# Where these are the key, a row of a view stands for one of them.
UNIQUE: Final = {
    "account_clocks": "account",
    "current_balances": "account",
    "accounts_overview": "account",
    "burn_now": "account",
}
NEVER_EMPTY: Final = frozenset(
    {"account", "SubAccountId", "BilledCost", "BillingCurrency", "currency", "amount", "time"}
)
_COLUMNS: Final = """
    SELECT table, name, type, comment FROM system.columns
    WHERE database = currentDatabase() AND table IN
        (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'
         AND create_table_query NOT LIKE '%{account:String}%')
    ORDER BY table, position"""
_TABLES: Final = "SELECT name, comment FROM system.tables WHERE database = currentDatabase() AND engine = 'View' ORDER BY name"


def sources(query: Any) -> str:
    """The file's text; `query` asks a database and gives rows."""
    columns: dict[str, list[tuple[str, str, str]]] = {}
    for table, name, kind, comment in query(_COLUMNS):
        columns.setdefault(table, []).append((name, kind, comment))
    comments = dict(query(_TABLES))
    head = [
        "# Made by `python -m infra.dbt.build` from the views of this release; do not edit.",
        "version: 2",
        "sources:",
        "  - name: meterstream",
        "    description: Usage billed; every view shows each row once, whatever was written twice.",
        "    schema: \"{{ env_var('METERSTREAM_CLICKHOUSE_DATABASE', 'meterstream') }}\"",
        "    tables:",
    ]
    return "\n".join([*head, *_tables(columns, comments)]) + "\n"


def _tables(columns: Mapping[str, list[tuple[str, str, str]]], comments: Mapping[str, str]) -> Iterable[str]:
    for table in sorted(columns.keys() - WITHOUT):
        yield f"      - name: {table}"
        yield f"        description: {_quoted(comments[table])}"
        yield "        columns:"
        for name, kind, comment in columns[table]:
            yield f"          - name: {name}"
            yield f"            data_type: {_quoted(kind)}"
            yield f"            description: {_quoted(comment)}"
            tests = [
                test
                for test, is_wanted in (
                    ("not_null", name in NEVER_EMPTY),
                    ("unique", UNIQUE.get(table) == name),
                )
                if is_wanted
            ]
            if tests:
                yield f"            data_tests: [{', '.join(tests)}]"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def main() -> None:
    """Ask the database named on the command line."""
    from sinks.clickhouse.client import connect

    client = connect(*sys.argv[1:3])
    FILE.write_text(sources(lambda sql: client.query(sql).result_rows), encoding="utf-8")


if __name__ == "__main__":
    main()
