"""What a person, a script and a BI tool see of a real ClickHouse: reports, CSV, HTTP, curl."""

import csv
import io
import json
import urllib.request
from datetime import date
from decimal import Decimal
from urllib.parse import quote

import pytest

from schemas import topics, wire
from tests.command import meterstream
from tests.integration.landing import Landing
from tests.servers import running_part
from tests.sinks.samples import DAY_MS, START_MS, balance, charge, entry, line, window

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse]

SHANGHAI_MS = START_MS - 8 * 3_600_000


@pytest.fixture(scope="module")
def landing(kafka_bootstrap: str, clickhouse_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Landing:
    """Account `a'1` with costs on the 1st, 2nd and 12th of November in Shanghai; account `b` with a balance only."""
    from tests.servers import own_settings

    settings = own_settings(
        tmp_path_factory.mktemp("reports"),
        namespace="reports",
        kafka_bootstrap=kafka_bootstrap,
        clickhouse_dsn=clickhouse_dsn,
    )
    found = Landing(settings)
    days = [(0, "0.10"), (1, "0.000000000001"), (11, "3.00")]
    for number, (day, amount) in enumerate(days):
        lines = [
            line(amount, model="chat"),
            line("-0.05", resource="=r2", sku="disk", meter="capacity", unit="GB-hour", charges=2),
        ]
        found.send(
            topics.DAILY,
            wire.encode(
                window(number, lines, account="a'1", start_ms=SHANGHAI_MS + day * DAY_MS, currency="CNY")
            ),
        )
    found.send(topics.CHARGES, wire.encode([charge(number, account="a'1") for number in range(5)]))
    found.send(
        topics.LEDGER,
        wire.encode(
            [entry(seq, "-0.60", f"{10 - seq * Decimal('0.60')}", account="a'1") for seq in range(1, 8)]
        ),
    )
    found.send(
        topics.BALANCES,
        wire.encode(balance(7, "5.80", account="a'1", currency="CNY")),
        wire.encode(balance(0, "0", account="b")),
    )
    found.land()
    return found


@pytest.mark.parametrize("days", [7, 14, 30])
def test_a_report_has_every_day_and_a_total(landing: Landing, days: int) -> None:
    report = landing.reports.costs("a'1", days)

    assert report is not None
    assert (report["to"], len(report["days"]), report["currency"]) == ("2026-11-12", days, "CNY")
    assert report["days"][-1] == {"day": "2026-11-12", "amount": "2.95", "charges": 3}
    assert report["total"] == ("2.95" if days == 7 else "2.950000000001")
    assert all(day["amount"] == "0.00" for day in report["days"][-10:-1])


def test_a_report_up_to_an_earlier_day_knows_nothing_of_later_ones(landing: Landing) -> None:
    report = landing.reports.costs("a'1", 7, as_of=date(2026, 11, 1))

    assert report is not None
    assert (report["from"], report["to"], report["total"]) == ("2026-10-26", "2026-11-01", "0.05")


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("resource", [("=r2", "-0.15"), ("r1", "3.100000000001")]),
        ("model", [("", "-0.15"), ("chat", "3.100000000001")]),
        ("sku", [("disk", "-0.15"), ("gpu-s", "3.100000000001")]),
        ("key", [("", "2.950000000001")]),
    ],
)
def test_a_report_is_split_by_each_dimension(
    landing: Landing, by: str, groups: list[tuple[str, str]]
) -> None:
    report = landing.reports.costs("a'1", 30, by=by)

    assert report is not None
    assert [(group["name"], group["amount"]) for group in report["groups"]] == groups


@pytest.mark.parametrize(
    ("days", "by"), [(0, None), (367, None), (7, "color"), (7, "sku; DROP TABLE charges")]
)
def test_what_is_no_report_is_refused(landing: Landing, days: int, by: str | None) -> None:
    with pytest.raises(ValueError, match="must be"):
        landing.reports.costs("a'1", days, by=by)


@pytest.mark.parametrize("account", ["nobody", "' OR 1=1 --", "a'1\\", "", "{account:String}"])
def test_an_account_is_a_value_and_never_a_piece_of_sql(landing: Landing, account: str) -> None:
    assert landing.reports.balance(account) is None
    assert landing.reports.costs(account, 7) is None
    assert landing.reports.ledger(account) == []
    assert landing.reports.charges(account) == []
    assert not landing.reports.is_known(account)


def test_pages_of_ledger_and_charges_follow_each_other(landing: Landing) -> None:
    first = landing.reports.ledger("a'1", limit=4)
    second = landing.reports.ledger("a'1", limit=4, before=first[-1]["seq"])
    charges = landing.reports.charges("a'1", limit=3)
    rest = landing.reports.charges("a'1", limit=3, before=charges[-1]["time"], before_id=charges[-1]["id"])

    assert [row["seq"] for row in first + second] == [7, 6, 5, 4, 3, 2, 1]
    assert [row["id"] for row in charges + rest] == [f"charge-{number}" for number in (4, 3, 2, 1, 0)]
    assert charges[0]["time"] == "2026-11-01T00:00:04.000Z"


def test_an_account_that_never_cost_anything_has_a_report_of_zeros(landing: Landing) -> None:
    report = landing.reports.costs("b", 7)

    assert report is not None
    assert (report["total"], report["to"], len(report["days"])) == ("0.00", "2026-11-01", 7)


def test_the_commands_print_exact_amounts(landing: Landing) -> None:
    settings = landing.settings
    report = meterstream(settings, "report", "a'1", "--days", "14", "--by", "resource", "--csv")
    ledger = meterstream(settings, "ledger", "a'1", "--csv")
    shown = meterstream(settings, "report", "a'1", "--days", "14")
    amount = json.loads(meterstream(settings, "balance", "a'1", "--json").stdout)["balance"]

    rows = list(csv.reader(io.StringIO(report.stdout, newline="")))
    assert ["2026-11-02", "r1", "0.000000000001", "CNY", "1"] in rows
    assert ["2026-11-02", "'=r2", "-0.05", "CNY", "2"] in rows
    assert len(list(csv.reader(io.StringIO(ledger.stdout, newline="")))) == 8
    assert "2.950000000001" in shown.stdout
    assert amount == "5.80"


@pytest.mark.parametrize(
    "command", ["report", "balance", "ledger", "projection", "top-requests", "suggestions"]
)
def test_an_unknown_account_is_one_line_and_exit_code_1(landing: Landing, command: str) -> None:
    done = meterstream(landing.settings, command, "nobody")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "meterstream: no account 'nobody' in this namespace"


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        (("projection", "a'1"), '"projected"'),
        (("top-requests", "a'1"), '"deployments"'),
        (("suggestions", "a'1"), '"suggestions"'),
        (("accounts", "--sort", "risk"), '"runway_hours"'),
        (("freshness",), '"freshness"'),
    ],
)
def test_each_command_of_the_analysis_prints_text_and_json(
    landing: Landing, command: tuple[str, ...], seen: str
) -> None:
    shown = meterstream(landing.settings, *command)
    as_json = meterstream(landing.settings, *command, "--json")

    assert (shown.returncode, as_json.returncode) == (0, 0), shown.stderr + as_json.stderr
    assert shown.stdout
    assert seen in as_json.stdout
    assert json.loads(as_json.stdout)


@pytest.mark.parametrize(
    "bad", [("projection",), ("top-requests", "a", "--days", "0"), ("accounts", "--sort", "age")]
)
def test_bad_use_is_one_line_and_exit_code_2(landing: Landing, bad: tuple[str, ...]) -> None:
    done = meterstream(landing.settings, *bad)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("by", [(), ("--by", "resource")])
def test_a_report_is_drawn_when_asked_for_and_not_into_a_pipe(landing: Landing, by: tuple[str, ...]) -> None:
    drawn = meterstream(landing.settings, "report", "a'1", "--days", "14", "--plot", *by).stdout
    plain = meterstream(landing.settings, "report", "a'1", "--days", "14", *by).stdout

    assert drawn.endswith(plain)
    assert "┤" in drawn
    assert "┤" not in plain


def test_curl_reads_the_views(landing: Landing) -> None:
    database = landing.settings.clickhouse_database
    url = f"{landing.dsn}/?query={quote(f'SELECT * FROM {database}.costs_by_day FORMAT JSONEachRow')}"
    with urllib.request.urlopen(url) as answer:
        rows = [json.loads(row) for row in answer.read().decode().splitlines()]

    assert len(rows) == 6
    assert {
        "SubAccountId",
        "ChargePeriodStart",
        "BilledCost",
        "BillingCurrency",
        "ConsumedUnit",
        "x_Day",
    } <= set(rows[0])
    assert {row["ConsumedUnit"] for row in rows} == {"Hours", "GB-Hours"}


def test_the_service_answers_from_clickhouse(landing: Landing) -> None:
    settings = landing.settings
    base = f"http://127.0.0.1:{settings.http_port}"
    with running_part(settings, "http"):
        with urllib.request.urlopen(
            f"{base}/v1/accounts/{quote(chr(97) + chr(39) + '1')}/costs?days=14&by=sku"
        ) as answer:
            report = json.load(answer)
        with urllib.request.urlopen(
            f"{base}/v1/accounts/{quote(chr(97) + chr(39) + '1')}/projection"
        ) as answer:
            projection = json.load(answer)
        with urllib.request.urlopen(f"{base}/accounts/{quote(chr(97) + chr(39) + '1')}") as answer:
            page = answer.read().decode()
        with urllib.request.urlopen(f"{base}/metrics") as answer:
            metrics = answer.read().decode()

    assert report["total"] == "2.950000000001"
    assert (projection["month_to_date"], projection["projected"]) == ("2.950000000001", "2.95")
    assert "a&#39;1" in page
    assert 'meterstream_stored_rows{table="charges"} 5.0' in metrics
