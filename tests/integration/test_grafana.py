"""Every panel of the dashboards asks a question that the real engine answers; the JSON is what its table says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml

from infra.grafana.build import ALL, DASHBOARDS, HOME, PANELS, SOURCE, Dashboard, dashboard, text_of
from tests.integration.stored import Stored

# What Grafana puts in their place (the plugin's README): from 1970 to 2100, as charges become visible at the present time.
SINCE_S, UNTIL_S = 0, 4_102_444_800
MACROS = {
    r"\$__timeFilter\(([\w.]+)\)": rf"\1 >= toDateTime({SINCE_S}) AND \1 <= toDateTime({UNTIL_S})",
    r"\$__dateFilter\(([\w.]+)\)": rf"\1 >= toDate(toDateTime({SINCE_S})) AND \1 <= toDate(toDateTime({UNTIL_S}))",
    r"\$__timeInterval\(([\w.]+)\)": r"toStartOfInterval(toDateTime(\1), INTERVAL 3600 second)",
    r"\$__fromTime": f"toDateTime({SINCE_S})",
    r"\$__toTime": f"toDateTime({UNTIL_S})",
}
VARIABLES = {
    "currency": "'USD'",
    "account": "'corner-chat','night-rig','aurora-labs','tiny-bot','render-farm','night-owl'",
    "one": "'corner-chat'",
}
# What may well have nothing to show in a month that went well.
QUIET = {"letters", "owed", "below_zero", "arrears", "ageing"}
EVERY = [(board, panel) for board in ALL for panel in dashboard(board)["panels"]]
each_board = pytest.mark.parametrize("board", ALL, ids=lambda board: board.uid)


def asked(sql: str) -> str:
    """`sql` as the plugin sends it."""
    for macro, text in MACROS.items():
        sql = re.sub(macro, text, sql)
    for name, text in VARIABLES.items():
        sql = sql.replace(f"${{{name}:sqlstring}}", text)
    assert "$" not in sql, "a macro or a variable that is not known"
    return sql


@pytest.mark.clickhouse
@pytest.mark.parametrize(
    ("board", "panel"), EVERY, ids=[f"{board.uid}-{panel['id']}-{panel['title']}" for board, panel in EVERY]
)
def test_every_panel_is_answered(month: Stored, board: Dashboard, panel: dict[str, Any]) -> None:
    (target,) = panel["targets"]
    sql = asked(target["rawSql"])

    sqlglot.parse_one(sql, dialect="clickhouse")
    result = month.client.query(sql)

    if target["queryType"] == "timeseries":
        assert result.column_names[0] == "time"
    name = next(each.name for each in board.panels if each.title == panel["title"])
    assert result.result_rows or name in QUIET


@pytest.mark.clickhouse
@each_board
def test_every_choice_has_something_to_choose(month: Stored, board: Dashboard) -> None:
    for variable in board.variables:
        sql = asked(variable.query)

        sqlglot.parse_one(sql, dialect="clickhouse")
        assert month.client.query(sql).result_rows


@each_board
def test_the_dashboards_are_what_their_table_says(board: Dashboard) -> None:
    written = (DASHBOARDS / f"{board.uid}.json").read_text(encoding="utf-8")

    assert written == text_of(dashboard(board)), "run: python -m infra.grafana.build"


def test_no_question_is_left_over_and_none_is_without_a_description() -> None:
    files = {
        path.relative_to(PANELS).as_posix(): path.read_text(encoding="utf-8")
        for path in PANELS.rglob("*.sql")
    }

    assert set(files) == {f"{board.folder.name}/{panel.name}.sql" for board in ALL for panel in board.panels}
    assert [name for name, text in files.items() if not text.startswith("-- ")] == []


@each_board
def test_panels_have_numbers_of_their_own_and_do_not_overlap(board: Dashboard) -> None:
    panels = dashboard(board)["panels"]
    places = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24


def test_the_provisioned_data_source_is_the_one_that_panels_ask() -> None:
    (source,) = yaml.safe_load((HOME / "provisioning/datasources/clickhouse.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((HOME / "provisioning/dashboards/meterstream.yaml").read_text())["providers"]

    assert {"type": source["type"], "uid": source["uid"]} == SOURCE
    assert provider["type"] == "file"
    assert len({board.uid for board in ALL}) == len(ALL) == len(list(DASHBOARDS.glob("*.json")))


def test_everything_is_json_that_grafana_reads() -> None:
    for path in Path(DASHBOARDS).glob("*.json"):
        board = json.loads(path.read_text(encoding="utf-8"))

        assert path.stem == board["uid"]
        assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"meterstream"}
