"""Writes the dashboards: `python -m infra.grafana.build`. A panel is a row of the tables below; its SQL is a file.

`panels/<dashboard>/<panel>.sql` holds the question of a panel with Grafana's macros (`$__timeFilter(column)`,
`$__timeInterval(column)`, `$__dateFilter(column)`) and variables (`${account:sqlstring}`); its first line, a comment, is the
panel's description. tests/integration/test_grafana.py compares the JSON and runs every question on the real engine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

HOME: Final = Path(__file__).parent
DASHBOARDS: Final = HOME / "dashboards"
PANELS: Final = HOME / "panels"
SOURCE: Final = {"type": "grafana-clickhouse-datasource", "uid": "meterstream"}
COLUMNS: Final = 24
# Of the plugin: how its editor reads a target.
_FORMATS: Final = {"timeseries": 0, "table": 1, "stat": 1, "barchart": 1}


@dataclass(frozen=True)
class Panel:
    """One picture: `kind` as Grafana names it, `width` of 24 columns, `unit` as Grafana names it."""

    name: str
    title: str
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    unit: str = "short"
    stacked: bool = False


@dataclass(frozen=True)
class Variable:
    """Something to choose on top: `query` gives the choices."""

    name: str
    label: str
    query: str
    several: bool = False


@dataclass(frozen=True)
class Dashboard:
    """A page of panels, from left to right and from top to bottom."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    variables: tuple[Variable, ...] = ()
    since: str = "now-30d"

    @property
    def folder(self) -> Path:
        """Where the questions of its panels are."""
        return PANELS / self.uid.removeprefix("meterstream-")


CURRENCY: Final = Variable(
    "currency", "Currency", "SELECT DISTINCT currency FROM current_balances ORDER BY currency"
)
ACCOUNTS: Final = Variable(
    "account", "Accounts", "SELECT account FROM current_balances WHERE currency = ${currency:sqlstring} ORDER BY account", several=True
)  # fmt: skip
ONE: Final = Variable(
    "one",
    "Requests of",
    "SELECT account FROM current_balances WHERE currency = ${currency:sqlstring} ORDER BY account",
)

ALL: Final = (
    Dashboard(
        uid="meterstream-costs",
        title="Cost analysis",
        variables=(CURRENCY, ACCOUNTS, ONE),
        panels=(
            Panel("spent", "Spent", "stat", 6, 4),
            Panel("this_month", "This month", "stat", 6, 4),
            Panel("burn", "Burn an hour", "stat", 6, 4),
            Panel("charges", "Charges", "stat", 6, 4),
            Panel("by_model", "By model", stacked=True),
            Panel("by_sku", "By sku", stacked=True),
            Panel("by_resource", "By resource", stacked=True),
            Panel("by_meter", "By what is counted", "barchart"),
            Panel("accounts", "Dearest accounts", "table"),
            Panel("keys", "Dearest keys", "table"),
            Panel("top_requests", "Dearest requests of one account", "table"),
            Panel("deployments", "Deployments of one account: paid, used, idle", "table"),
        ),
    ),
    Dashboard(
        uid="meterstream-balances",
        title="Balances and alerts",
        variables=(CURRENCY, ACCOUNTS),
        panels=(
            Panel("held", "Held for customers", "stat", 6, 4),
            Panel("owed", "Owed by customers", "stat", 6, 4),
            Panel("below_zero", "Accounts below zero", "stat", 6, 4),
            Panel("dry_in_a_day", "Dry within a day", "stat", 6, 4),
            Panel("risk", "Shortest runway", "table", 24),
            Panel("ageing", "Arrears by age", "barchart"),
            Panel("arrears", "Who owes, and for how long", "table"),
            Panel("money", "Money in and out", stacked=True),
            Panel("notices", "Notices", stacked=True),
            Panel("commands", "Commands", stacked=True),
            Panel("transactions", "Newest payments, grants and refunds", "table"),
        ),
    ),
    Dashboard(
        uid="meterstream-pipeline",
        title="Pipeline health",
        since="now-6h",
        panels=(
            Panel("clock", "Slowest clock", "stat", 6, 4, "dateTimeAsIso"),
            Panel("late", "Charges seen after, at most", "stat", 6, 4, "s"),
            Panel("dead_letters", "Dead letters", "stat", 6, 4),
            Panel("gaps", "Accounts with a gap in the ledger", "stat", 6, 4),
            Panel("freshness", "From event to visible charge", unit="s"),
            Panel("visible", "Charges becoming visible a minute", stacked=True),
            Panel("rejections", "Refused events", stacked=True),
            Panel("reasons", "Why, and the latest words", "table"),
            Panel("requests", "Accepted requests", stacked=True),
            Panel("rows", "Rows stored", "table"),
            Panel("letters", "Newest dead letters", "table", 24),
        ),
    ),
)  # fmt: skip


def dashboard(board: Dashboard) -> dict[str, Any]:
    """The JSON of one dashboard."""
    return {
        "uid": board.uid,
        "title": board.title,
        "tags": ["meterstream"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "time": {"from": board.since, "to": "now"},
        "timezone": "utc",
        "refresh": "1m",
        "templating": {"list": [_variable(each) for each in board.variables]},
        "panels": _panels(board),
    }


def text_of(value: dict[str, Any]) -> str:
    """As it is in the file."""
    return json.dumps(value, indent=2) + "\n"


def _variable(variable: Variable) -> dict[str, Any]:
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": SOURCE,
        "query": variable.query,
        "definition": variable.query,
        "refresh": 2,
        "multi": variable.several,
        "includeAll": variable.several,
        "sort": 1,
    }


def _panels(board: Dashboard) -> list[dict[str, Any]]:
    """Laid out row by row: a panel that does not fit beside the one before begins a new row."""
    numbers, found = count(1), []
    x = y = height = 0
    for panel in board.panels:
        if x + panel.width > COLUMNS:
            x, y, height = 0, y + height, 0
        place = {"x": x, "y": y, "w": panel.width, "h": panel.height}
        found.append(_panel(panel, next(numbers), place, board.folder / f"{panel.name}.sql"))
        x, height = x + panel.width, max(height, panel.height)
    return found


def _panel(panel: Panel, number: int, place: dict[str, int], file: Path) -> dict[str, Any]:
    sql = file.read_text(encoding="utf-8").strip()
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.kind == "timeseries":
        mode = "normal" if panel.stacked else "none"
        defaults["custom"] = {
            "stacking": {"mode": mode},
            "fillOpacity": 60 if panel.stacked else 10,
            "drawStyle": "bars" if panel.stacked else "line",
        }
    kind = "timeseries" if panel.kind == "timeseries" else "table"
    target = {
        "refId": "A",
        "datasource": SOURCE,
        "editorType": "sql",
        "queryType": kind,
        "format": _FORMATS[panel.kind],
        "rawSql": sql,
    }
    return {
        "id": number,
        "title": panel.title,
        "description": sql.split("\n", 1)[0].removeprefix("-- "),
        "type": panel.kind,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {},
        "targets": [target],
    }


def main() -> None:
    """Write all of them."""
    for board in ALL:
        (DASHBOARDS / f"{board.uid}.json").write_text(text_of(dashboard(board)), encoding="utf-8")


if __name__ == "__main__":
    main()
