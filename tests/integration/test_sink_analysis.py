"""What analysts, owners and operators are told is true: over twins that no merge has met, to the ledger's last digit."""

from datetime import date
from decimal import Decimal, localcontext
from typing import Any

import pytest

from infra.settings import Settings
from tests.integration.stored import Stored
from tests.scenarios import renting
from tests.scenarios.telling import ACCOUNT, machine, opened, paid, served, started, stopped

pytestmark = pytest.mark.clickhouse

DIMENSIONS = ("resource", "model", "sku", "key", "meter")


@pytest.fixture
def stored(clickhouse_settings: Settings) -> Stored:
    return Stored(clickhouse_settings)


def accounts_of(month: Stored) -> list[str]:
    return [row["account"] for row in month.reports.accounts(1_000)]


def summed(rows: list[dict[str, Any]], name: str = "amount") -> Decimal:
    with localcontext(prec=100):
        return sum((Decimal(row[name]) for row in rows), Decimal(0))


def charged(month: Stored, account: str) -> Decimal:
    ((found,),) = month.rows(
        "SELECT sum(toDecimal256(amount, 12)) FROM charges FINAL WHERE account = {account:String}",
        account=account,
    )
    return Decimal(found)


def posted_usage(month: Stored, account: str) -> Decimal:
    ((found,),) = month.rows(
        "SELECT -sum(toDecimal256(amount, 12)) FROM ledger WHERE account = {account:String} AND type IN ('charge', 'correction')",
        account=account,
    )
    return Decimal(found)


# --- costs agree with the ledger ----------------------------------------------------------------------------


def test_the_month_is_stored_twice_and_seen_once(month: Stored) -> None:
    raw, seen = month.rows("SELECT (SELECT count() FROM charges), (SELECT count() FROM charges FINAL)")[0]

    assert raw == 2 * seen > 1_000
    assert month.rows("SELECT * FROM gaps") == []


@pytest.mark.req("PD-21", "PD-22", "PD-23", "X-05")
@pytest.mark.parametrize("by", DIMENSIONS)
def test_costs_by_every_dimension_come_to_the_ledger_of_each_account(month: Stored, by: str) -> None:
    for account in accounts_of(month):
        report = month.reports.costs(account, 60, by=by)

        assert report is not None
        assert Decimal(report["total"]) == posted_usage(month, account) == charged(month, account)
        assert summed(report["groups"]) == summed(report["days"]) == Decimal(report["total"])
        assert len(report["days"]) == 60


@pytest.mark.req("PD-22")
@pytest.mark.parametrize(("days", "seen"), [(7, "0.20"), (14, "0.30"), (30, "0.30")])
def test_what_was_spent_eight_days_ago_is_in_fourteen_days_and_not_in_seven(
    stored: Stored, days: int, seen: str
) -> None:
    story = [opened("flexai")]
    story += [
        served(time, "llama-3.3-70b", input_tokens=500_000) for time in ("2 10:00", "9 09:00", "10 09:00")
    ]

    stored.tell(story, "2026-11-10T12:00:00Z")

    report = stored.reports.costs(ACCOUNT, days)
    assert report is not None
    assert (report["total"], len(report["days"])) == (seen, days)


def test_hours_are_zero_filled_and_come_to_the_charges(month: Stored) -> None:
    for account in accounts_of(month):
        report = month.reports.costs_by_hour(account, 24 * 60)

        assert report is not None
        assert len(report["hours"]) == 24 * 60
        assert Decimal(report["total"]) == summed(report["hours"]) == charged(month, account)


@pytest.mark.req("PD-19")
def test_spend_by_calendar_month_comes_to_the_ledger(month: Stored) -> None:
    spent = dict(month.rows("SELECT account, sum(amount) FROM month_spend GROUP BY account"))

    assert {account: spent.get(account, 0) for account in accounts_of(month)} == {
        account: posted_usage(month, account) for account in accounts_of(month)
    }


@pytest.mark.req("PD-18")
def test_balances_are_the_sum_of_all_postings(month: Stored) -> None:
    for row in month.reports.sums():
        assert Decimal(row["posted"]) == Decimal(row["balance"])
        assert Decimal(row["charged"]) == Decimal(row["hourly"]) == Decimal(row["daily"])


@pytest.mark.req("PD-32")
def test_transactions_and_usage_together_are_the_ledger(month: Stored) -> None:
    for account in accounts_of(month):
        balance = month.reports.balance(account)

        assert balance is not None
        moved = summed(month.reports.transactions(account, limit=10_000))
        assert moved - posted_usage(month, account) == Decimal(balance["balance"])


# --- requests -----------------------------------------------------------------------------------------------


@pytest.mark.req("PD-24", "R-PD5")
def test_requests_shares_idle_and_the_rest_come_to_every_charge(month: Stored) -> None:
    for account in accounts_of(month):
        top = month.reports.top_requests(account, 60, 50)

        assert top is not None
        used = top["deployments"]
        ((rest,),) = month.rows(
            "SELECT sum(toDecimal256(amount, 12)) FROM charges FINAL WHERE account = {account:String} "
            "AND request = '' AND meter NOT IN ('duration', 'replica_duration')",
            account=account,
        )
        ((own, share, dearest),) = month.rows(
            "SELECT sum(own), sum(share), arraySlice(arrayReverseSort(groupArray(cost)), 1, 50) FROM request_costs("
            "account = {account:String}, since = {since:String}, until = {until:String})",
            account=account,
            since=top["from"][:-1],
            until=top["to"][:-1],
        )
        assert Decimal(used["share"]) + Decimal(used["idle"]) == Decimal(used["cost"])
        assert share == Decimal(used["share"])
        assert own + Decimal(used["cost"]) + rest == charged(month, account)
        assert [Decimal(row["cost"]) for row in top["requests"]] == dearest


def shares(stored: Stored) -> dict[str, tuple[str, str]]:
    top = stored.reports.top_requests(ACCOUNT, 30, 100)
    assert top is not None
    return {row["request"]: (row["share"], row["resource"]) for row in top["requests"]}


def deployed(model: str = "llama-3-8b", resource: str = "d-1", sku: str = "gpu-s") -> list[bytes]:
    return [
        opened("puredocs"),
        paid("00:00", "100.00"),
        renting.start("01:00", sku, resource, model=model),
        renting.stop("01:59", resource),
    ]


@pytest.mark.req("R-PD5")
def test_an_hour_is_shared_by_seconds_and_the_rest_is_idle(stored: Stored) -> None:
    story = deployed()
    story += [served("01:10", "llama-3-8b", request="r-1", resource="d-1", seconds="900")]
    story += [served("01:20", "llama-3-8b", request="r-2", resource="d-1", seconds="700")]

    stored.tell(story, "2026-11-01T03:00:00Z")

    assert shares(stored) == {"r-1": ("0.15", "d-1"), "r-2": ("0.116666666666", "d-1")}
    top = stored.reports.top_requests(ACCOUNT)
    assert top is not None
    assert top["deployments"]["idle"] == "0.333333333334"


@pytest.mark.req("R-PD5")
def test_without_seconds_tokens_share_the_whole_hour(stored: Stored) -> None:
    story = deployed()
    story += [served("01:10", "llama-3-8b", request="r-1", resource="d-1", seconds="900", input_tokens=100)]
    story += [
        served("01:20", "llama-3-8b", request="r-2", resource="d-1", input_tokens=150, output_tokens=50)
    ]

    stored.tell(story, "2026-11-01T03:00:00Z")

    assert shares(stored) == {"r-1": ("0.20", "d-1"), "r-2": ("0.40", "d-1")}


@pytest.mark.req("R-PD5")
def test_requests_side_by_side_share_no_more_than_the_hour(stored: Stored) -> None:
    story = deployed()
    story += [
        served(f"01:1{n}", "llama-3-8b", request=f"r-{n}", resource="d-1", seconds="3000") for n in range(7)
    ]

    stored.tell(story, "2026-11-01T03:00:00Z")

    found = shares(stored)
    assert sum(Decimal(share) for share, _ in found.values()) == Decimal("0.60")
    assert {share for share, _ in found.values()} <= {"0.085714285714", "0.085714285715"}


@pytest.mark.req("R-PD5")
def test_a_request_without_a_deployment_belongs_to_the_one_that_serves_its_model(stored: Stored) -> None:
    story = [*deployed(), renting.start("01:00", "gpu-m", "d-2", model="qwen-14b")]
    story += [served("01:10", "qwen-14b", request="r-2", seconds="1800")]
    story += [served("01:10", "llama-3-8b", request="r-1", seconds="1800")]
    story += [served("01:10", "another", request="r-3", seconds="1800")]

    stored.tell(story, "2026-11-01T01:59:59Z")

    assert shares(stored) == {"r-1": ("0.30", "d-1"), "r-2": ("0.90", "d-2")}


@pytest.mark.req("R-PD5")
def test_where_two_deployments_serve_a_model_a_request_that_names_none_gets_no_share(stored: Stored) -> None:
    story = [*deployed(), renting.start("01:00", "gpu-m", "d-2", model="llama-3-8b")]
    story += [served("01:10", "llama-3-8b", request="r-1", seconds="1800")]

    stored.tell(story, "2026-11-01T01:59:59Z")

    assert shares(stored) == {}


@pytest.mark.req("R-PD5")
def test_hours_that_were_given_back_are_shared_by_what_is_left(stored: Stored) -> None:
    story = [opened("puredocs"), paid("00:00", "100.00"), renting.start("01:00", "gpu-s", "d-1", model="m")]
    story += [served("03:30", "m", request="r-2", resource="d-1", seconds="1800")]
    story += [served("01:30", "m", request="r-1", resource="d-1", seconds="1800")]
    # Told after four hours: it had stopped in the second.
    story += [served("05:00", "m", request="late"), renting.stop("02:10", "d-1")]

    stored.tell(story, "2026-11-01T06:00:00Z")

    top = stored.reports.top_requests(ACCOUNT)
    assert top is not None
    assert shares(stored)["r-1"] == ("0.30", "d-1")
    assert shares(stored)["r-2"][0] == "0.00"
    assert (top["deployments"]["cost"], top["deployments"]["idle"]) == ("1.20", "0.90")


def test_a_refused_request_costs_nothing_and_takes_no_share(stored: Stored) -> None:
    story = [opened("flexai"), served("01:00", "llama-3.3-70b", request="good", input_tokens=10)]
    story += [served("01:00", "nothing-of-ours", request="bad", input_tokens=10)]

    stored.tell(story, "2026-11-01T03:00:00Z")

    top = stored.reports.top_requests(ACCOUNT)
    assert top is not None
    assert [(row["request"], row["own"]) for row in top["requests"]] == [("good", "0.000002")]
    assert stored.reports.rejections() == [
        {"reason": "unknown_sku", "rejections": 1, "last": "2026-11-01T01:00:00.000Z",
         "example": "model 'nothing-of-ours' is not sold by flexai"}
    ]  # fmt: skip
    assert stored.reports.rejections("somebody") == []


# --- burn and projection ------------------------------------------------------------------------------------


@pytest.mark.req("PD-19", "PD-20", "R-PD6")
@pytest.mark.parametrize("anchor", ["2 16:00", "2 15:43:10"])
def test_120_dollars_and_480_hours_of_sixty_cents_come_to_408(stored: Stored, anchor: str) -> None:
    story = [opened("puredocs"), paid("00:00", "1000.00"), renting.start(anchor, "gpu-s", "d-1")]

    stored.tell(story, "2026-11-10T23:59:59.999Z")

    found = stored.reports.projection(ACCOUNT)
    assert found is not None
    spent = "120.00" if anchor == "2 16:00" else "120.60"
    assert (found["month_to_date"], found["burn_per_hour"]) == (spent, "0.60")
    # What is paid already is not projected again: the hour that began at 23:43 is one of the 481.
    assert found["projected"] == ("408.00" if anchor == "2 16:00" else "408.60")
    assert (found["month"], found["zone"]) == ("2026-11", "UTC")


@pytest.mark.req("PD-20")
def test_at_the_very_end_of_the_day_the_next_hour_is_paid_and_the_sum_is_the_same(stored: Stored) -> None:
    story = [opened("puredocs"), paid("00:00", "1000.00"), renting.start("2 16:00", "gpu-s", "d-1")]

    stored.tell(story, "2026-11-11T00:00:00Z")

    found = stored.reports.projection(ACCOUNT)
    assert found is not None
    assert (found["month_to_date"], found["hours_remaining"]) == ("120.60", "480.000000")
    assert found["projected"] == "408.00"


@pytest.mark.req("PD-20", "R-PD6")
def test_what_has_stopped_is_projected_by_its_last_seven_days_only(stored: Stored) -> None:
    story = [opened("puredocs"), paid("00:00", "1000.00"), renting.start("9 00:00", "gpu-s", "d-1")]
    story += [renting.stop("10 23:30", "d-1")]

    stored.tell(story, "2026-11-11T00:00:00Z")

    found = stored.reports.projection(ACCOUNT)
    assert found is not None
    assert (found["burn_per_hour"], found["projected"], found["running"]) == ("0.00", "28.80", [])
    assert found["by_last_7_days"]["per_hour"] == "0.60"
    assert found["by_last_7_days"]["projected"] == "316.80"


def test_a_month_ends_at_midnight_of_the_account(stored: Stored) -> None:
    story = [opened("gpugeek"), renting.topup("00:00", "9000")]
    story += [renting.start("1 00:00", "rtx-4090", "i-1")]

    stored.tell(story, "2026-11-30T16:00:00Z")

    found = stored.reports.projection(ACCOUNT)
    assert found is not None
    # 16:00 UTC is midnight in Shanghai: the last settlement, at that instant, is December's.
    assert (found["zone"], found["month"]) == ("Asia/Shanghai", "2026-12")
    assert found["month_to_date"] == "3.20"
    assert found["hours_remaining"] == "744.000000"
    assert found["projected"] == "2384.00"


def test_burn_is_what_runs_what_is_stored_and_the_requests_of_a_day(stored: Stored) -> None:
    story = [opened("gpugeek"), renting.topup("00:00", "1000")]
    story += [renting.start("02:00", "rtx-4090", "i-1", disk_gb="200")]
    story += [renting.start("02:00", "my-deployment", "dep", replicas=3)]
    story += [renting.start("02:00", "a100", "i-2"), renting.stop("04:30", "i-2")]
    story += [served("05:00", "chat-base", input_tokens=6_000_000)]

    stored.tell(story, "2026-11-01T10:30:00Z")

    ((running, kept, requests, total),) = stored.rows(
        "SELECT running, stored, requests, per_hour FROM burn_now"
    )
    assert running == Decimal("3.20") + 3 * Decimal("6.00")
    assert (kept, requests) == (Decimal("0.10"), Decimal("0.50"))
    assert total == Decimal("21.80")


def test_what_we_paused_and_what_lost_its_heartbeat_does_not_run(stored: Stored) -> None:
    story = [opened("fluxedge"), paid("00:00", "50.00")]
    story += [started("01:00", machine(gpus=1), "silent"), started("01:00", machine(gpus=1), "steady")]
    story += [renting.alive(f"01:0{minute}", "silent") for minute in range(1, 5)]

    stored.tell(story, "2026-11-01T02:00:00Z")

    assert [row["resource"] for row in stored.reports.running(ACCOUNT)] == ["steady"]


def test_an_account_in_a_partition_without_a_clock_is_seen_as_those_with_one(stored: Stored) -> None:
    stored.tell(
        [opened("flexai"), served("00:00", "llama-3.3-70b", input_tokens=500_000)], "2026-11-01T01:00:00Z"
    )
    with_clock = stored.reports.overview()

    stored.client.command("TRUNCATE TABLE clocks")

    assert stored.rows("SELECT toYear(time) FROM slowest_clock") == [(1970,)]
    assert [(row["month_to_date"], row["burn_per_hour"]) for row in with_clock] == [
        ("0.10", "0.004166666666")
    ]
    assert [row | {"now": ""} for row in stored.reports.overview()] == [
        row | {"now": ""} for row in with_clock
    ]


def test_what_was_charged_before_the_slowest_clocks_month_is_no_spend_of_this_month(stored: Stored) -> None:
    stored.tell(
        [opened("flexai"), served("00:00", "llama-3.3-70b", input_tokens=500_000)], "2026-12-02T00:00:00Z"
    )

    ((_, spent),) = stored.rows("SELECT account, sum(amount) FROM month_spend GROUP BY account")
    assert (spent, stored.reports.overview()[0]["month_to_date"]) == (Decimal("0.10"), "0.00")


def test_accounts_come_by_burn_and_by_risk(month: Stored) -> None:
    by_burn = [Decimal(row["burn_per_hour"]) for row in month.reports.overview("burn", limit=100)]
    by_risk = [row["runway_hours"] for row in month.reports.overview("risk", limit=100)]
    dry = [Decimal(hours) for hours in by_risk if hours is not None]

    assert by_burn == sorted(by_burn, reverse=True)
    assert by_burn[0] > 0
    assert dry == sorted(dry)
    assert by_risk[len(dry) :] == [None] * (len(by_risk) - len(dry))
    assert [row["account"] for row in month.reports.overview()] == sorted(accounts_of(month))
    with pytest.raises(ValueError, match="sort must be one of"):
        month.reports.overview("age; DROP TABLE charges")


@pytest.mark.parametrize(
    ("until", "age"),
    [("01 12:00", "0-1 d"), ("03 00:00", "1-3 d"), ("06 00:00", "3-7 d"), ("09 12:00", "> 7 d")],
)
def test_arrears_age_from_the_posting_that_fell_below_zero(stored: Stored, until: str, age: str) -> None:
    story = [opened("gpugeek"), renting.topup("00:00", "5"), renting.start("01:00", "rtx-4090", "i-1")]

    stored.tell(story, f"2026-11-{until.replace(' ', 'T')}:00Z")

    ((account, owed, since, found),) = stored.rows(
        "SELECT account, owed, toString(since), age FROM arrears_ageing"
    )
    assert (account, owed, since) == (ACCOUNT, Decimal("1.40"), "2026-11-01 03:00:00.000")
    assert found == age
    assert stored.reports.arrears() == [{"currency": "CNY", "age": age, "accounts": 1, "owed": "1.40"}]


# --- suggestions --------------------------------------------------------------------------------------------


def office_hours(model: str, resource: str, days: range, weekends: bool = True) -> list[bytes]:
    """A request in each hour from 8 to 20."""
    return [
        served(f"{day} {hour:02d}:30", model, resource=resource, seconds="60", input_tokens=10)
        for day in days
        for hour in range(8, 20)
        if weekends or date(2026, 11, day).isoweekday() < 6
    ]


def suggested(stored: Stored) -> dict[tuple[str, str], dict[str, Any]]:
    found = stored.reports.suggestions(ACCOUNT, 30)
    assert found is not None
    return {(row["type"], row.get("resource", "")): row for row in found["suggestions"]}


@pytest.mark.req("PD-25", "PD-34", "PD-35", "PD-36", "PD-37", "R-PD7")
def test_suggestions_say_what_they_rest_on_and_what_they_would_save(stored: Stored) -> None:
    story = [opened("puredocs"), paid("00:00", "9000.00")]
    story += [renting.start("1 00:00", "gpu-s", "night", model="small-1b")]
    story += [renting.start("1 00:00", "gpu-l", "big", model="llama-3-70b-fp16")]
    story += [renting.start("1 00:00", "gpu-l", "wide", model="mistral-7b")]
    story += office_hours("small-1b", "night", range(1, 15))
    story += office_hours("llama-3-70b-fp16", "big", range(1, 15), weekends=False)

    stored.tell(story, "2026-11-14T23:59:59Z", twins=False)

    found = suggested(stored)
    assert set(found) == {
        ("pause_nights", "night"),
        ("pause_nights", "big"),
        ("pause_weekends", "big"),
        ("quantize", "big"),
        ("right_size", "wide"),
        ("unused", "wide"),
    }
    night = found["pause_nights", "night"]
    assert night["saving_per_month"] == "216.00"
    assert (night["figures"]["from_hour"], night["figures"]["to_hour"]) == (20, 8)
    assert (night["figures"]["idle_hours_per_night"], night["figures"]["days_seen"]) == ("12", 14)
    quantized = found["quantize", "big"]
    assert (quantized["saving_percent"], quantized["figures"]["suggested_sku"]) == (48, "gpu-m")
    assert quantized["saving_per_month"] == "1224.00"
    assert "over-provisioned" in found["right_size", "wide"]["text"]
    assert found["unused", "wide"]["saving_per_month"] == "2520.00"


@pytest.mark.req("PD-37")
def test_few_requests_that_cost_most_of_it_are_pointed_out(stored: Stored) -> None:
    story = [opened("flexai"), paid("00:00", "50.00")]
    story += [
        served(f"{1 + n // 20} 10:{n % 20:02d}", "llama-3.3-70b", input_tokens=1_000) for n in range(200)
    ]
    story += [served(f"5 11:0{n}", "llama-3.3-70b", input_tokens=1_000_000) for n in range(2)]

    stored.tell(story, "2026-11-30T00:00:00Z", twins=False)

    dear = suggested(stored)["expensive_requests", ""]
    assert (dear["figures"]["above_limit"], dear["figures"]["requests"]) == (2, 202)
    assert (dear["figures"]["limit"], dear["figures"]["above_limit_cost"]) == ("0.002", "0.4")
    assert dear["saving_per_month"] == "0.39"


def test_where_no_request_is_told_of_nothing_is_called_idle(stored: Stored) -> None:
    story = [opened("puredocs"), paid("00:00", "900.00"), renting.start("1 00:00", "gpu-s", "d-1", model="m")]

    stored.tell(story, "2026-11-12T00:00:00Z", twins=False)

    assert suggested(stored) == {}


# --- freshness ----------------------------------------------------------------------------------------------


@pytest.mark.req("FA-09")
def test_freshness_is_measured_from_the_charge_and_from_kafka_to_its_being_seen(stored: Stored) -> None:
    times = ["00:00:10", "00:00:00", "00:00:40"]
    for oldest in times:
        stored.client.command(
            "INSERT INTO landings (stored, charges, oldest, newest, sent) VALUES "
            f"('2026-11-01 00:01:00', 10, '2026-11-01 {oldest}', '2026-11-01 00:00:55', '2026-11-01 00:00:57.500')"
        )

    fresh = stored.reports.freshness()

    assert (fresh["charges"], fresh["age_max_s"], fresh["waited_max_s"]) == (30, "60", "2.5")
    assert fresh["age_mean_s"] == "43.333"


def test_every_batch_of_charges_says_when_it_could_be_seen(month: Stored) -> None:
    ((charges, late),) = month.rows("SELECT sum(charges), countIf(oldest > newest) FROM landings")
    stored_charges = month.rows("SELECT count() FROM charges")[0][0]

    assert (charges, late) == (stored_charges, 0)
    assert month.reports.operations()["clock"]["partitions"] == 1


@pytest.mark.parametrize("ask", ["projection", "top_requests", "utilization", "suggestions"])
@pytest.mark.parametrize("account", ["nobody", "' OR 1=1 --"])
def test_of_an_unknown_account_nothing_is_said(month: Stored, ask: str, account: str) -> None:
    assert getattr(month.reports, ask)(account) is None


def test_an_account_without_any_cost_has_a_projection_of_zero(stored: Stored) -> None:
    stored.tell([opened("puredocs")], "2026-11-05T00:00:00Z")

    found = stored.reports.projection(ACCOUNT)
    assert found is not None
    assert (found["month_to_date"], found["projected"], found["runway_hours"]) == ("0.00", "0.00", None)
    assert stored.reports.top_requests(ACCOUNT) is not None
    assert suggested(stored) == {}


def test_stops_come_before_what_we_did_at_the_same_instant(stored: Stored) -> None:
    story = [opened("puredocs"), paid("00:00", "100.00"), renting.start("01:00", "gpu-s", "d-1")]
    story += [stopped("02:00", "d-1"), renting.start("03:00", "gpu-m", "d-1")]

    stored.tell(story, "2026-11-01T03:30:00Z")

    assert [(row["sku"], row["per_hour"]) for row in stored.reports.running(ACCOUNT)] == [("gpu-m", "1.80")]
