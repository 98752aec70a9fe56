"""PureDocs: a started hour is a paid hour, in advance, never below zero (PD-02, PD-08 … PD-12, PD-39, PD-40)."""

from decimal import Decimal

import pytest

from tests.scenarios.renting import alive, release, request, start, stop
from tests.scenarios.telling import granted, instant, opened, paid, served, settings, tell, tick

OPENED = opened("puredocs")
FUNDED = paid("00:00", "100")


@pytest.mark.parametrize(
    ("seconds", "cost"),
    [(1, "0.60"), (3_599, "0.60"), (3_600, "0.60"), (3_601, "1.20"), (36_000, "6.00"), (36_001, "6.60")],
)
@pytest.mark.req("PD-08", "PD-09", "PD-12", "R-PD2", "R-PD3")
def test_a_started_hour_is_a_paid_hour(seconds: int, cost: str) -> None:
    end = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    told = tell(OPENED, FUNDED, start("00:00", "gpu-s"), stop(end), tick("23:00"))

    assert told.cost("i-1") == Decimal(cost)
    assert told.amounts() == ["0.60"] * int(Decimal(cost) / Decimal("0.60"))


@pytest.mark.req("PD-12", "R-PD2")
def test_a_millisecond_of_an_hour_is_an_hour() -> None:
    at_the_end = tell(OPENED, FUNDED, start("10:00", "gpu-s"), stop("11:00:00.000"), tick("12:00"))
    one_later = tell(OPENED, FUNDED, start("10:00", "gpu-s"), stop("11:00:00.001"), tick("12:00"))
    zero = tell(OPENED, FUNDED, start("10:00", "gpu-s"), stop("10:00:00.001"), tick("12:00"))

    assert (at_the_end.cost("i-1"), one_later.cost("i-1"), zero.cost("i-1")) == (
        Decimal("0.6"),
        Decimal("1.2"),
        Decimal("0.6"),
    )


@pytest.mark.req("PD-10", "PD-11")
def test_hours_are_deducted_as_they_begin_anchored_on_the_start() -> None:
    told = tell(OPENED, FUNDED, start("10:17:03", "gpu-m"), stop("12:20"))

    assert [c["time"] for c in told.charges()] == [
        instant("10:17:03"),
        instant("11:17:03"),
        instant("12:17:03"),
    ]
    assert [(c["start"], c["end"]) for c in told.charges()][1] == (instant("11:17:03"), instant("12:17:03"))
    first = told.charges()[0]
    assert (first["quantity"], first["unit"], first["unit_price"], first["meter"]) == (
        "1",
        "hour",
        "1.80",
        "duration",
    )
    assert (first["sku"], first["profile"], first["rule"], first["currency"]) == (
        "gpu-m",
        "puredocs",
        "PD-12",
        "USD",
    )
    assert told.entries(type="charge")[0]["time"] == instant("10:17:03")


@pytest.mark.req("PD-02")
def test_what_is_not_active_costs_nothing() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("08:00", "gpu-s"),
        stop("08:30"),
        start("16:30", "gpu-s"),
        stop("17:30"),
        tick("30 00:00"),
    )

    assert told.cost("i-1") == Decimal("1.20")


@pytest.mark.req("PD-03")
def test_credit_never_expires() -> None:
    told = tell(OPENED, paid("00:00", "5"), until="2027-12-06T00:00:00Z")

    assert told.balance() == "5.00"


@pytest.mark.req("R-PD8", "PD-10")
def test_a_restart_within_a_paid_hour_is_a_new_first_hour() -> None:
    told = tell(
        OPENED, FUNDED, start("10:00", "gpu-s"), stop("10:10"), start("10:20", "gpu-s"), stop("10:30")
    )

    assert told.cost("i-1") == Decimal("1.20")


@pytest.mark.req("PD-39", "R-FX2")
def test_an_hour_that_cannot_be_paid_is_not_charged_and_pauses_at_its_boundary() -> None:
    told = tell(OPENED, paid("00:00", "1.10"), start("10:17:03", "gpu-s"), tick("23:00"))

    assert told.balance() == "0.50"
    assert told.commands() == [(instant("11:17:03"), "deployment.pause", "i-1", "unpaid")]
    assert [(n["time"], n["resource"]) for n in told.of("notice", type="resource_paused")] == [
        (instant("11:17:03"), "i-1")
    ]
    assert told.cost("i-1") == Decimal("0.60")


@pytest.mark.req("PD-39")
def test_an_hour_that_is_just_covered_is_charged() -> None:
    told = tell(OPENED, paid("00:00", "1.20"), start("10:00", "gpu-s"), tick("11:30"))

    assert told.balance() == "0.00"
    assert told.commands() == []
    assert told.notices("balance_zero") == [instant("11:00")]


@pytest.mark.req("PD-39")
def test_a_start_that_cannot_be_paid_is_paused_at_once() -> None:
    told = tell(OPENED, paid("00:00", "1.00"), start("10:17:03", "gpu-m"), tick("12:00"))

    assert told.charges() == []
    assert told.balance() == "1.00"
    assert told.commands() == [(instant("10:17:03"), "deployment.pause", "i-1", "unpaid")]


@pytest.mark.req("PD-40", "R-PD8")
def test_a_deployment_paused_at_its_start_is_resumable_too() -> None:
    told = tell(
        OPENED,
        start("10:00", "gpu-m"),
        paid("11:00", "1.00"),
        paid("12:00", "1.00"),
        start("13:00", "gpu-m"),
        stop("13:10"),
    )

    assert told.notices("resource_resumable") == [instant("12:00")]
    assert told.reasons() == []
    assert told.balance() == "0.20"


@pytest.mark.req("PD-39")
def test_a_stop_that_confirms_a_pause_at_the_start_changes_nothing() -> None:
    told = tell(OPENED, start("10:00", "gpu-m"), tick("10:00:01"), stop("10:00:05"), alive("10:00:02"))

    assert told.reasons() == []
    assert told.charges() == []


@pytest.mark.req("PD-40", "R-PD8")
def test_credit_lets_it_resume_once_when_its_next_hour_is_covered() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1.80"),
        start("10:00", "gpu-m"),
        paid("12:00", "1.00"),
        paid("13:00", "1.00"),
        paid("14:00", "1.00"),
    )

    assert [(n["time"], n["resource"]) for n in told.of("notice", type="resource_resumable")] == [
        (instant("13:00"), "i-1")
    ]
    assert [c[1] for c in told.commands()] == ["deployment.pause"]


@pytest.mark.req("PD-40")
def test_a_grant_lets_it_resume_too_and_a_second_pause_is_told_again() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1"),
        start("10:00", "gpu-s"),
        granted("12:00", "0.60"),
        start("13:00", "gpu-s"),
        granted("15:00", "0.60"),
    )

    assert told.notices("resource_paused") == [instant("11:00"), instant("14:00")]
    assert told.notices("resource_resumable") == [instant("12:00"), instant("15:00")]


@pytest.mark.req("PD-39")
def test_each_deployment_is_paused_at_its_own_boundary() -> None:
    told = tell(
        OPENED,
        paid("00:00", "4.80"),
        start("10:00", "gpu-s", "a"),
        start("10:10", "gpu-m", "b"),
        start("10:20", "gpu-s", "c"),
        tick("20:00"),
    )

    # 1.80 left; a at 11:00 leaves 1.20, which is too little for b; c at 11:20 and a at 12:00 take the rest.
    assert told.commands() == [
        (instant("11:10"), "deployment.pause", "b", "unpaid"),
        (instant("12:20"), "deployment.pause", "c", "unpaid"),
        (instant("13:00"), "deployment.pause", "a", "unpaid"),
    ]
    assert (told.cost("a"), told.cost("b"), told.cost("c")) == (
        Decimal("1.8"),
        Decimal("1.8"),
        Decimal("1.2"),
    )


@pytest.mark.req("PD-39")
def test_after_a_pause_the_producers_stop_and_heartbeats_change_nothing() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1.00"),
        start("10:00", "gpu-s"),
        alive("11:00:01"),
        stop("11:00:05"),
        tick("15:00"),
    )

    assert told.reasons() == []
    assert told.cost("i-1") == Decimal("0.60")
    assert told.notices("resource_stopped") == []


@pytest.mark.req("PD-39")
def test_a_paused_deployment_that_is_released_is_not_told_to_be_resumable() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1.00"),
        start("10:00", "gpu-s"),
        stop("11:00:05"),
        release("11:30"),
        paid("12:00", "50"),
    )

    assert told.notices("resource_resumable") == []


@pytest.mark.req("PD-40", "X-03")
def test_a_deployment_that_was_stopped_before_we_paused_it_does_not_wait_to_be_resumed() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1.00"),
        start("10:00", "gpu-s"),
        tick("12:00"),
        stop("10:30"),
        paid("13:00", "5"),
    )

    assert told.notices("resource_paused") == [instant("11:00")]
    assert told.notices("resource_resumable") == []


@pytest.mark.parametrize(("amount", "reasons"), [("1.79", ["insufficient_balance"]), ("1.80", [])])
def test_a_request_needs_the_first_hour(amount: str, reasons: list[str]) -> None:
    told = tell(OPENED, paid("00:00", amount), request("10:00", "gpu-m"))

    assert told.reasons() == reasons
    assert len(told.commands()) == 1 - len(reasons)


@pytest.mark.parametrize("mode", ["spot", "package"])
def test_only_pay_as_you_go_is_offered(mode: str) -> None:
    data = {"term": "daily"} if mode == "package" else {}
    told = tell(OPENED, FUNDED, request("10:00", "gpu-s", mode=mode, **data))

    assert told.reasons() == ["capability_disabled"]


@pytest.mark.req("R-PD5")
def test_requests_are_accepted_for_any_model_and_not_priced() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "gpu-s", model="my-7b"),
        served("10:05", "any-model", resource="i-1", input_tokens=5000, output_tokens=100),
    )

    assert told.reasons() == []
    assert told.amounts() == ["0.60"]


@pytest.mark.req("PD-21", "R-PD9")
def test_a_charge_keeps_deployment_and_model_apart() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "gpu-s", "dep-1", model="my-7b"))

    assert (told.charges()[0]["resource"], told.charges()[0]["model"], told.charges()[0]["sku"]) == (
        "dep-1",
        "my-7b",
        "gpu-s",
    )


# --- late events (8.1) and silence (X-12) ----------------------------------------------------------------------


@pytest.mark.req("X-03", "PD-12")
def test_a_late_stop_takes_back_the_hours_after_it() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "gpu-s"), tick("13:30"), stop("11:30"), tick("20:00"))

    assert told.cost("i-1") == Decimal("1.20")
    corrections = [c for c in told.charges() if "corrects" in c]
    assert [(c["amount"], c["quantity"], c["start"], c["time"]) for c in corrections] == [
        ("-0.60", "-1", instant("12:00"), instant("13:30")),
        ("-0.60", "-1", instant("13:00"), instant("13:30")),
    ]
    assert [e["type"] for e in told.entries()][-2:] == ["correction", "correction"]
    assert told.balance() == "98.80"


@pytest.mark.req("X-03")
def test_a_late_stop_gives_back_to_the_bonus_that_paid() -> None:
    told = tell(
        OPENED,
        paid("00:00", "5"),
        granted("00:01", "1.20"),
        start("10:00", "gpu-s"),
        tick("12:30"),
        stop("10:30"),
    )

    assert told.buckets() == {"bonus": "0.60", "paid": "5.00"}


@pytest.mark.req("X-02")
def test_a_late_start_is_charged_as_if_in_time() -> None:
    told = tell(OPENED, FUNDED, tick("13:30"), start("10:00", "gpu-s"), stop("13:20"), tick("20:00"))

    assert told.cost("i-1") == Decimal("2.40")
    assert [c["time"] for c in told.charges()] == [instant("13:30")] * 4
    assert all("corrects" not in c for c in told.charges())


@pytest.mark.req("X-02")
def test_a_late_start_that_ends_with_a_stop_known_before_is_charged_every_hour_until_it() -> None:
    told = tell(
        OPENED, FUNDED, start("10:00", "gpu-s"), stop("10:30"), stop("14:00"), start("12:00", "gpu-s")
    )

    assert [(c["start"], c["cause"]["id"]) for c in told.charges()] == [
        (instant("10:00"), "instance.started i-1 10:00"),
        (instant("12:00"), "instance.started i-1 12:00"),
        (instant("13:00"), "instance.started i-1 12:00"),
    ]


@pytest.mark.req("X-02", "PD-39")
def test_a_late_start_pays_the_hours_that_it_can() -> None:
    told = tell(OPENED, paid("00:00", "1.50"), tick("15:30"), start("10:00", "gpu-s"), tick("20:00"))

    assert told.cost("i-1") == Decimal("1.20")
    assert [c[:2] for c in told.commands()] == [(instant("15:30"), "deployment.pause")]
    assert told.balance() == "0.30"


@pytest.mark.req("X-12")
def test_silence_ends_the_session_at_its_last_heartbeat() -> None:
    told = tell(
        OPENED, FUNDED, start("10:00", "gpu-s"), alive("10:50"), tick("10:55"), alive("10:59"), tick("20:00")
    )

    assert told.cost("i-1") == Decimal("0.60")
    (notice,) = told.of("notice", type="resource_stopped")
    assert (notice["time"], notice["values"]["reason"]) == (instant("11:14"), "heartbeat_lost")
    assert told.balance() == "99.40"


@pytest.mark.req("X-12")
def test_a_heartbeat_after_the_silence_brings_the_hour_back() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "gpu-s"),
        alive("10:59"),
        tick("11:20"),
        alive("11:21"),
        stop("11:30"),
        tick("20:00"),
    )

    assert told.cost("i-1") == Decimal("1.20")


# --- settings in credits ---------------------------------------------------------------------------------------


@pytest.mark.req("PD-26", "R-PD1", "X-09")
def test_low_balance_is_the_owners_in_credits() -> None:
    told = tell(
        OPENED,
        paid("00:00", "2"),
        settings("00:01", low_balance="100"),
        start("10:00", "gpu-s"),
        paid("12:30", "1"),
        tick("15:30"),
    )

    # 2.00, 1.40 (10:00), 0.80 (11:00), 0.20 (12:00), 1.20 (12:30), 0.60 (13:00)
    assert told.notices("low_balance") == [instant("11:00"), instant("13:00")]


@pytest.mark.req("PD-26")
def test_a_threshold_is_looked_at_when_it_is_set() -> None:
    told = tell(
        OPENED,
        paid("00:00", "2"),
        settings("00:01", low_balance="201"),
        settings("00:02", low_balance="0"),
        settings("00:03", low_balance="200"),
    )

    assert told.notices("low_balance") == [instant("00:01")]


@pytest.mark.req("PD-28", "X-09")
def test_a_spend_limit_fires_once_a_month() -> None:
    told = tell(
        OPENED,
        paid("00:00", "1000"),
        settings("00:01", spend_limits={"i-1": "2000"}),
        start("00:00", "gpu-s"),
        tick("3 00:00"),
        until="2026-12-03T00:00:00Z",
    )

    # 20.40 is the 34th hour: 2 Nov, 09:00. In December it is counted from nothing.
    assert told.notices("spend_limit") == [instant("2 09:00"), "2026-12-02T09:00:00.000Z"]
    (first, _) = told.of("notice", type="spend_limit")
    assert (first["resource"], first["values"]["spent"], first["values"]["limit"]) == (
        "i-1",
        "20.40",
        "20.00",
    )


@pytest.mark.req("PD-27")
def test_digests_are_sent_at_midnight_when_something_was_spent() -> None:
    told = tell(
        OPENED,
        FUNDED,
        settings("00:01", digest="daily"),
        start("1 10:00", "gpu-s"),
        stop("1 11:30"),
        start("3 10:00", "gpu-s"),
        stop("3 10:01"),
        tick("5 00:00"),
    )

    digests = told.of("notice", type="spend_digest")
    assert [(d["time"], d["values"]["spent"]) for d in digests] == [
        (instant("2 00:00"), "1.20"),
        (instant("4 00:00"), "0.60"),
    ]
    assert digests[0]["values"] == {
        "spent": "1.20", "from": instant("00:00"), "to": instant("2 00:00"), "period": "daily",
    }  # fmt: skip


@pytest.mark.req("PD-27")
def test_weekly_digests_come_on_monday() -> None:
    told = tell(
        OPENED,
        FUNDED,
        settings("00:01", digest="weekly"),
        start("1 10:00", "gpu-s"),
        stop("1 10:30"),
        start("4 10:00", "gpu-s"),
        stop("4 11:30"),
        tick("23 00:00"),
    )

    # 1 November 2026 is a Sunday; the 2nd, 9th and 16th are Mondays.
    digests = told.of("notice", type="spend_digest")
    assert [(d["time"], d["values"]["spent"]) for d in digests] == [
        (instant("2 00:00"), "0.60"),
        (instant("9 00:00"), "1.20"),
    ]


@pytest.mark.req("PD-27", "X-08")
def test_digests_follow_the_accounts_zone_over_a_day_of_25_hours() -> None:
    told = tell(
        opened("puredocs", "2026-10-24T00:00:00Z", zone="Europe/Berlin"),
        paid("2026-10-24T00:00:00Z", "100"),
        settings("2026-10-24T00:00:01Z", digest="daily"),
        start("2026-10-24T22:00:00Z", "gpu-s"),
        until="2026-10-26T00:00:00Z",
    )

    digests = told.of("notice", type="spend_digest")
    assert [(d["time"], d["values"]["spent"]) for d in digests] == [("2026-10-25T23:00:00.000Z", "15.00")]
