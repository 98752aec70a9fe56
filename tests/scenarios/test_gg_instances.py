"""GPUGEEK: instances by use (GG-04 … GG-09, GG-18 … GG-20, GG-40, GG-41, GG-43): admission, hours, stops, quota."""

from decimal import Decimal

import pytest

from tests.scenarios.renting import (
    alive,
    change,
    release,
    request,
    sample,
    start,
    stop,
    topup,
    transfer,
)
from tests.scenarios.telling import BOOK, event, given_back, instant, opened, served, settings, tell, tick

OPENED = opened("gpugeek")
FUNDED = topup("00:00", "10000")
PROFILE = BOOK.offers["gpugeek"].profile


# --- recharge --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["qr", "alipay", "wechat"])
@pytest.mark.req("GG-01", "GG-02")
def test_an_online_recharge_is_credited_when_it_succeeds(method: str) -> None:
    body = {"payment": "p", "method": method, "amount": "50", "currency": "CNY"}
    told = tell(OPENED, event("payment.created", "01:00", body), event("payment.succeeded", "01:01", body))
    expired = tell(OPENED, event("payment.created", "01:00", body), event("payment.expired", "01:30", body))

    assert (told.balance(), expired.balance()) == ("50.00", "0.00")
    assert told.notices("receipt") == [instant("01:01")]


@pytest.mark.parametrize("method", ["card", "paypal", "flux"])
@pytest.mark.req("GG-01")
def test_other_methods_are_not_taken(method: str) -> None:
    assert tell(OPENED, topup("01:00", "50", method=method)).reasons() == ["method_not_accepted"]


@pytest.mark.parametrize(
    ("states", "balance", "reasons"),
    [
        (["uploaded"], "0.00", []),
        (["uploaded", "approved"], "1000.00", []),
        (["uploaded", "approved", "approved"], "1000.00", ["payment_state"]),
        (["uploaded", "rejected"], "0.00", []),
        (["uploaded", "rejected", "approved"], "0.00", ["payment_state"]),
        (["approved"], "0.00", ["payment_state"]),
        (["rejected"], "0.00", ["payment_state"]),
        (["uploaded", "approved", "rejected"], "1000.00", ["payment_state"]),
    ],
)
@pytest.mark.req("GG-03")
def test_a_transfer_is_credited_after_approval_only(
    states: list[str], balance: str, reasons: list[str]
) -> None:
    told = tell(OPENED, *(transfer(state, f"0{hour}:00") for hour, state in enumerate(states, start=1)))

    assert told.balance() == balance
    assert told.reasons() == reasons
    assert len(told.notices("receipt")) == (balance != "0.00")


@pytest.mark.req("GG-03", "X-01")
def test_an_approval_redelivered_is_one_approval() -> None:
    told = tell(
        OPENED, transfer("uploaded", "01:00"), transfer("approved", "02:00"), transfer("approved", "02:00")
    )

    assert (told.balance(), told.reasons()) == ("1000.00", [])


@pytest.mark.req("GG-43")
def test_a_recharge_settles_the_debt_first() -> None:
    told = tell(OPENED, topup("00:00", "10"), served("01:00", "video-gen", videos=15), topup("02:00", "50"))

    assert [e["balance"] for e in told.entries()] == ["10.00", "-12.50", "37.50"]


# --- admission -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("balance", "reasons"),
    [("3.19", ["insufficient_balance"]), ("3.20", ["insufficient_balance"]), ("3.21", [])],
)
@pytest.mark.req("GG-06")
def test_a_start_needs_strictly_more_than_an_hour(balance: str, reasons: list[str]) -> None:
    told = tell(OPENED, topup("00:00", balance), request("01:00", "rtx-4090"))

    assert told.reasons() == reasons
    assert told.commands() == ([] if reasons else [(instant("01:00"), "instance.start", "i-1", "admitted")])


@pytest.mark.req("GG-06", "GG-18")
def test_spot_is_tested_against_its_own_price() -> None:
    told = tell(OPENED, topup("00:00", "1.61"), request("01:00", "rtx-4090", mode="spot"))

    assert told.reasons() == []


@pytest.mark.parametrize(("minute", "reasons"), [("10:37:29", []), ("10:37:30", ["insufficient_balance"])])
@pytest.mark.req("GG-07", "R-GG1")
def test_what_runs_is_first_deducted_with_what_it_has_accrued(minute: str, reasons: list[str]) -> None:
    # 3.20 an hour for 37.5 minutes is 2.00; 5.20 - 2.00 = 3.20 is not more than an hour.
    told = tell(
        OPENED, topup("00:00", "5.20"), start("10:00", "rtx-4090", "a"), request(minute, "rtx-4090", "b")
    )

    assert told.reasons() == reasons


@pytest.mark.req("GG-07")
def test_what_disks_have_accrued_is_deducted_too() -> None:
    # 20,000 GB for half an hour are 5.00.
    story = (OPENED, topup("00:00", "8.20"), sample("10:00", "20000"))

    assert tell(*story, request("10:30", "rtx-4090")).reasons() == ["insufficient_balance"]
    assert tell(*story, request("10:29:59", "rtx-4090")).reasons() == []


def test_an_approval_holds_its_hour_until_the_start_ten_minutes_at_most() -> None:
    story = (OPENED, topup("00:00", "6.41"), request("10:00", "rtx-4090", "a"))

    assert tell(*story, request("10:09:59.999", "rtx-4090", "b")).reasons() == []
    assert tell(
        OPENED,
        topup("00:00", "6.40"),
        request("10:00", "rtx-4090", "a"),
        request("10:09:59.999", "rtx-4090", "b"),
    ).reasons() == ["insufficient_balance"]
    assert (
        tell(
            OPENED,
            topup("00:00", "6.40"),
            request("10:00", "rtx-4090", "a"),
            request("10:10", "rtx-4090", "b"),
        ).reasons()
        == []
    )
    assert (
        tell(
            OPENED,
            topup("00:00", "6.40"),
            request("10:00", "rtx-4090", "a"),
            start("10:01", "rtx-4090", "a"),
            request("10:01", "rtx-4090", "b"),
        ).reasons()
        == []
    )


def test_asking_again_for_the_same_instance_is_not_held_against_it() -> None:
    told = tell(OPENED, topup("00:00", "3.21"), request("10:00", "rtx-4090"), request("10:01", "rtx-4090"))

    assert told.reasons() == []


@pytest.mark.req("GG-20")
def test_a_fourth_instance_is_one_too_many() -> None:
    running = [start("10:00", "rtx-4090", name) for name in "abc"]
    story = (OPENED, FUNDED, *running, request("10:01", "rtx-4090", "d"))

    assert tell(*story).reasons() == ["instance_quota"]
    assert tell(*story, stop("10:02", "a"), request("10:03", "rtx-4090", "d")).reasons() == ["instance_quota"]
    assert tell(OPENED, settings("00:00", instance_quota=4), *story[1:]).reasons() == []


@pytest.mark.req("GG-20")
def test_an_approval_counts_for_the_quota_until_started_or_ten_minutes() -> None:
    asked = [request("10:00", "rtx-4090", name) for name in "abc"]

    assert tell(OPENED, FUNDED, *asked, request("10:09:59", "rtx-4090", "d")).reasons() == ["instance_quota"]
    assert tell(OPENED, FUNDED, *asked, request("10:10", "rtx-4090", "d")).reasons() == []


@pytest.mark.req("GG-20")
def test_models_do_not_count_for_the_quota() -> None:
    models = [start("10:00", "my-private", f"m-{n}") for n in range(4)]

    assert tell(OPENED, FUNDED, *models, request("10:01", "rtx-4090")).reasons() == []


@pytest.mark.req("GG-20")
def test_the_quota_comes_before_the_balance() -> None:
    running = [start("10:00", "rtx-4090", name) for name in "abc"]

    assert tell(OPENED, *running, request("10:01", "rtx-4090", "d")).reasons() == ["instance_quota"]


# --- settlement ------------------------------------------------------------------------------------------------


@pytest.mark.req("GG-05", "GG-08")
def test_usage_is_settled_by_the_second_at_the_stop() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "rtx-4090"), stop("11:23:45"))

    assert told.cost("i-1") == Decimal("4.47")
    last = told.charges()[-1]
    assert (last["unit"], last["unit_price"], last["meter"], last["rule"]) == (
        "hour",
        "3.20",
        "duration",
        "GG-08",
    )


@pytest.mark.req("R-GG2", "GG-08")
def test_running_instances_are_settled_on_the_clock_hour() -> None:
    told = tell(OPENED, FUNDED, start("10:40", "rtx-4090"), stop("12:10:30"))

    assert [(c["time"], c["amount"]) for c in told.charges()] == [
        (instant("11:00"), "1.07"),
        (instant("12:00"), "3.20"),
        (instant("12:10:30"), "0.56"),
    ]
    assert told.cost("i-1") == Decimal("4.83")  # 5,430 s × 3.20 / 3,600 = 4.8266…


@pytest.mark.parametrize(
    ("sku", "mode", "price"),
    [
        ("rtx-4090", "payg", "3.20"),
        ("rtx-4090", "spot", "1.60"),
        ("a100", "payg", "9.00"),
        ("a100", "spot", "4.50"),
    ],
)
@pytest.mark.req("GG-04", "GG-18")
def test_an_hour_in_each_mode(sku: str, mode: str, price: str) -> None:
    told = tell(OPENED, FUNDED, start("10:00", sku, mode=mode), stop("11:00"))

    assert told.amounts() == [price]


@pytest.mark.req("GG-09")
def test_each_stop_releases_the_gpu() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "rtx-4090"),
        stop("10:30"),
        start("11:00", "rtx-4090", mode="spot"),
        stop("11:30"),
    )

    assert told.commands() == [
        (instant("10:30"), "gpu.release", "i-1", "stopped"),
        (instant("11:30"), "gpu.release", "i-1", "stopped"),
    ]


@pytest.mark.req("GG-09")
def test_a_restart_passes_admission_again() -> None:
    told = tell(
        OPENED,
        topup("00:00", "5"),
        request("10:00", "rtx-4090"),
        start("10:00", "rtx-4090"),
        stop("10:40"),
        request("10:41", "rtx-4090"),
    )

    assert told.reasons() == ["insufficient_balance"]


@pytest.mark.req("GG-19")
def test_a_preempted_spot_instance_is_settled_as_a_stop_and_the_reason_is_kept() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "rtx-4090", mode="spot"), stop("10:30", reason="preempted"))

    assert told.cost("i-1") == Decimal("0.80")
    (notice,) = told.of("notice", type="resource_stopped")
    assert notice["values"]["reason"] == "preempted"
    assert [c[1] for c in told.commands()] == ["gpu.release"]


@pytest.mark.req("GG-11", "GG-18")
def test_the_price_book_has_packages_and_spot_below_pay_as_you_go() -> None:
    hours = {"daily": 24, "weekly": 168, "monthly": 720}
    for sku in ("rtx-4090", "a100"):
        (price,) = PROFILE.skus[sku].prices
        assert price.payg is not None
        assert price.spot is not None
        assert price.spot < price.payg
        assert all(cost < price.payg * hours[term.value] for term, cost in price.terms.items())


@pytest.mark.req("GG-30", "GG-33", "GG-34")
def test_published_prices_are_in_the_book_and_text_is_in_scope() -> None:
    assert {"GG-33", "GG-34"} <= set(PROFILE.scope)
    for sku in ("instance-disk", "cloud-disk", "image-store"):
        assert PROFILE.skus[sku].prices[0].payg == Decimal("0.0005")


@pytest.mark.req("GG-23")
def test_a_release_while_running_is_a_stop() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "rtx-4090"), release("10:30"), tick("15:00"))

    assert told.cost("i-1") == Decimal("1.60")
    assert [c[1] for c in told.commands()] == ["gpu.release"]
    assert tell(OPENED, FUNDED, start("10:00", "rtx-4090"), release("10:30"), stop("10:40")).reasons() == [
        "resource_state"
    ]


# --- late events and silence -----------------------------------------------------------------------------------


@pytest.mark.req("X-03", "R-GG2")
def test_a_late_stop_corrects_the_hours_after_it() -> None:
    told = tell(OPENED, FUNDED, start("10:40", "rtx-4090"), tick("13:30"), stop("12:10:30"), tick("15:00"))

    assert told.cost("i-1") == Decimal("4.83")
    assert [c["amount"] for c in told.charges() if "corrects" in c] == ["-2.64"]
    assert told.balance() == "9995.17"


@pytest.mark.req("X-02")
def test_a_late_start_is_settled_in_the_lines_that_it_would_have_had() -> None:
    told = tell(OPENED, FUNDED, tick("12:30"), start("10:40", "rtx-4090"), stop("12:45"))

    assert [(c["time"], c["start"], c["amount"]) for c in told.charges()] == [
        (instant("12:30"), instant("10:40"), "1.07"),
        (instant("12:30"), instant("11:00"), "3.20"),
        (instant("12:45"), instant("12:00"), "2.40"),
    ]


@pytest.mark.req("X-12", "GG-09")
def test_a_closing_for_silence_counts_as_a_stop() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "rtx-4090"), alive("11:30"), tick("15:00"))

    assert told.cost("i-1") == Decimal("4.80")
    assert told.commands() == [(instant("11:45"), "gpu.release", "i-1", "stopped")]
    assert [n["values"]["reason"] for n in told.of("notice", type="resource_stopped")] == ["heartbeat_lost"]


@pytest.mark.req("X-12")
def test_a_stop_after_the_closing_corrects_it() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "rtx-4090"), alive("11:30"), tick("15:00"), stop("12:00"))

    assert told.cost("i-1") == Decimal("6.40")
    assert told.reasons() == []


# --- running out of money --------------------------------------------------------------------------------------


@pytest.mark.req("GG-41", "GG-40")
def test_below_zero_at_a_settlement_everything_paid_by_use_is_shut_down() -> None:
    told = tell(
        OPENED,
        topup("00:00", "10"),
        start("10:00", "rtx-4090", "a"),
        start("10:00", "rtx-4090", "b", mode="spot"),
        start("10:00", "my-private", "m"),
        start("10:00", "my-deployment", "d", replicas=2),
        tick("15:00"),
    )

    # 3.20 + 1.60 + 6.00 + 12.00 at 11:00.
    assert told.balance() == "-12.80"
    stops = [c for c in told.commands() if c[1] == "instance.stop"]
    assert stops == [(instant("11:00"), "instance.stop", name, "unpaid") for name in ("a", "b", "d", "m")]
    assert [c[2] for c in told.commands() if c[1] == "gpu.release"] == ["a", "b"]
    assert told.notices("overdue") == [instant("11:00")]
    assert told.notices("balance_zero") == [instant("11:00")]


@pytest.mark.req("GG-41", "R-GG10")
def test_exactly_zero_stops_nothing() -> None:
    told = tell(OPENED, topup("00:00", "6.40"), start("10:00", "rtx-4090"), tick("12:30"))

    assert told.balance() == "0.00"
    assert [c[1] for c in told.commands()] == []
    assert told.notices("overdue") == []
    assert told.notices("balance_zero") == [instant("12:00")]


@pytest.mark.req("GG-40", "X-09")
def test_overdue_is_told_once_and_again_after_recovery() -> None:
    told = tell(
        OPENED,
        topup("00:00", "1"),
        sample("00:00", "4000"),
        start("10:00", "rtx-4090"),
        tick("14:00"),
        topup("14:30", "100"),
        start("15:00", "a100"),
        tick("2 23:00"),
    )

    assert len(told.notices("overdue")) == 2


@pytest.mark.req("GG-40")
def test_the_owner_is_told_when_the_next_hour_is_not_covered() -> None:
    told = tell(OPENED, topup("00:00", "9.60"), start("10:00", "rtx-4090"), tick("12:30"))

    # 6.40 at 11:00 covers more than an hour; 3.20 at 12:00 does not.
    assert told.notices("low_balance") == [instant("12:00")]
    (notice,) = told.of("notice", type="low_balance")
    assert (notice["values"]["balance"], notice["values"]["threshold"]) == ("3.20", "3.20")


@pytest.mark.req("GG-40", "X-09")
def test_the_next_hour_is_told_once_a_crossing_and_armed_again_on_recovery_only() -> None:
    story = (
        OPENED,
        topup("00:00", "7"),
        start("10:00", "rtx-4090", mode="spot"),
        start("10:00", "rtx-4090", "j"),
    )
    # 4.80 an hour: 2.20 at 11:00.
    recovered = tell(*story, topup("11:30", "10"), tick("13:30"))
    not_recovered = tell(*story, topup("11:30", "2.60"), tick("12:30"))

    assert recovered.notices("low_balance") == [instant("11:00"), instant("13:00")]
    assert not_recovered.notices("low_balance") == [instant("11:00")]


@pytest.mark.req("GG-40", "X-09")
def test_less_to_pay_arms_the_warning_of_the_next_hour_and_nothing_to_pay_in_debt_does_not() -> None:
    # 20,000 GB cost 10 an hour: 2 are left at 11:00.
    relieved = tell(
        OPENED,
        topup("00:00", "12"),
        sample("10:00", "20000"),
        sample("11:01", "0"),
        sample("11:02", "20000", id="again"),
        tick("12:00"),
    )
    in_debt = tell(
        OPENED,
        start("10:00", "rtx-4090"),
        tick("11:00"),
        start("11:10", "rtx-4090", "j"),
        tick("12:00"),
    )

    assert relieved.notices("low_balance") == [instant("11:00"), instant("12:00")]
    assert in_debt.notices("low_balance") == [instant("11:00")]


@pytest.mark.req("GG-40")
def test_a_request_that_ends_the_money_makes_the_account_overdue_at_the_next_settlement() -> None:
    told = tell(
        OPENED,
        topup("00:00", "5"),
        start("10:00", "rtx-4090"),
        served("10:30", "video-gen", videos=4),
        tick("11:30"),
    )

    assert told.notices("overdue") == [instant("11:00")]


@pytest.mark.req("GG-41")
def test_after_our_own_stop_the_producers_stop_changes_nothing() -> None:
    told = tell(
        OPENED,
        topup("00:00", "1"),
        start("10:00", "rtx-4090"),
        stop("11:00:20", reason="unpaid"),
        tick("15:00"),
    )

    assert told.reasons() == []
    assert told.cost("i-1") == Decimal("3.20")
    assert [c[1] for c in told.commands()] == ["instance.stop", "gpu.release"]
    assert len(told.notices("resource_stopped")) == 1


@pytest.mark.req("GG-01")
def test_a_refunded_payment_is_a_fact() -> None:
    told = tell(
        OPENED,
        topup("00:00", "10", payment="p"),
        given_back("payment.refunded", "01:00", "p", "4", currency="CNY"),
    )

    assert [(e["type"], e["amount"]) for e in told.entries()] == [("topup", "10.00"), ("refund", "-4.00")]


# --- ends told late --------------------------------------------------------------------------------------------


@pytest.mark.req("X-02", "GG-09")
def test_a_stop_told_late_does_not_take_the_gpu_of_what_runs_again() -> None:
    told = tell(
        OPENED, FUNDED, start("10:00", "rtx-4090"), start("11:30", "rtx-4090"), stop("11:00"), stop("12:30")
    )

    assert told.cost("i-1") == Decimal("6.40")
    assert told.commands() == [(instant("12:30"), "gpu.release", "i-1", "stopped")]


@pytest.mark.req("X-02", "GG-09")
def test_of_two_stops_of_a_session_only_the_first_heard_releases_the_gpu() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "rtx-4090"), stop("12:00"), stop("11:00"))

    assert told.cost("i-1") == Decimal("3.20")
    assert [c[1] for c in told.commands()] == ["gpu.release"]


@pytest.mark.req("GG-09")
def test_an_instance_that_stops_as_it_starts_owes_nothing_and_releases_its_gpu() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "rtx-4090"), stop("10:00"))

    assert told.charges() == []
    assert [c[1] for c in told.commands()] == ["gpu.release"]


@pytest.mark.req("GG-09", "GG-41")
def test_what_is_shut_down_by_the_settlement_of_its_change_of_mode_releases_its_gpu() -> None:
    told = tell(
        OPENED, topup("00:00", "1"), start("10:00", "rtx-4090"), change("10:30", "spot"), tick("11:30")
    )

    assert told.balance() == "-0.60"
    assert told.commands() == [
        (instant("10:30"), "instance.stop", "i-1", "unpaid"),
        (instant("10:30"), "gpu.release", "i-1", "stopped"),
    ]


@pytest.mark.req("GG-16")
def test_what_has_neither_run_nor_a_term_has_no_mode_to_change() -> None:
    for_an_instant = (start("10:00", "rtx-4090"), stop("10:00"))

    assert tell(OPENED, FUNDED, *for_an_instant, change("11:00", "spot")).reasons() == ["resource_state"]


@pytest.mark.req("GG-16", "GG-41")
def test_a_change_of_mode_while_stopped_does_not_take_our_stop_from_the_producer_who_confirms_it() -> None:
    told = tell(
        OPENED,
        topup("00:00", "1"),
        start("10:00", "rtx-4090"),
        change("12:00", "spot"),
        stop("12:30"),
        stop("13:00", id="once more"),
    )

    assert [(r["time"], r["reason"]) for r in told.of("rejection")] == [(instant("13:00"), "resource_state")]
