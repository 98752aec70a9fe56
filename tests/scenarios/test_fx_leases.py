"""FluxEdge, leases: real-time deduction from a rate that derives from the machine (FX-01, FX-02, FX-05, FX-10)."""

from decimal import Decimal

import pytest

from tests.scenarios.telling import (
    PER_HOUR_0_20,
    PER_HOUR_0_36,
    PER_HOUR_0_90,
    PER_HOUR_1_20,
    TEN_CENTS_A_SECOND,
    asked,
    beat,
    instant,
    machine,
    opened,
    paid,
    released,
    started,
    stopped,
    tell,
    tick,
)

OPENED = opened("fluxedge")
FUNDED = paid("00:00", "1000")


@pytest.mark.req("FX-01")
def test_a_lease_that_never_starts_costs_nothing() -> None:
    told = tell(OPENED, paid("00:00", "10"), asked("01:00", PER_HOUR_0_36), tick("2 00:00"))

    assert told.charges() == []
    assert told.balance() == "10.00"


@pytest.mark.req("FX-01")
def test_cost_accrues_only_while_the_lease_runs() -> None:
    told = tell(
        OPENED,
        paid("00:00", "10"),
        started("01:00", PER_HOUR_0_36),
        stopped("02:00"),
        started("05:00", PER_HOUR_0_36),
        stopped("06:00"),
        tick("3 00:00"),
    )

    assert told.cost() == Decimal("0.72")
    assert told.balance() == "9.28"


@pytest.mark.req("FX-05")
def test_parts_of_a_gpu_and_of_a_cpu_have_their_part_of_the_price() -> None:
    told = tell(
        OPENED, FUNDED, started("01:00", machine() | {"gpus": "0.5", "vcpus": "2.5"}), stopped("02:00")
    )

    assert told.reasons() == []
    assert told.cost() == Decimal("0.17")


@pytest.mark.req("FX-01")
def test_there_is_no_package_and_no_spot_to_lease() -> None:
    told = tell(
        OPENED,
        started("01:00", PER_HOUR_0_36, mode="spot"),
        started("02:00", PER_HOUR_0_36, mode="package"),
        asked("03:00", PER_HOUR_0_36, mode="package", term="monthly"),
    )

    assert told.reasons() == ["capability_disabled"] * 3
    assert told.charges() == []


@pytest.mark.req("FX-02")
def test_a_heartbeat_deducts_at_once() -> None:
    told = tell(OPENED, paid("00:00", "10"), started("10:00", PER_HOUR_0_36), beat("10:00:37"))

    (line,) = told.charges()
    assert (line["time"], line["amount"], line["unit"], line["unit_price"]) == (
        instant("10:00:37"),
        "0.0037",
        "hour",
        "0.36",
    )
    assert (line["start"], line["end"]) == (instant("10:00"), instant("10:00:37"))
    assert (line["meter"], line["rule"], line["currency"]) == ("duration", "FX-02", "USD")
    assert told.balance() == "9.9963"


@pytest.mark.req("FX-02", "R-FX1")
def test_five_seconds_at_1_20_an_hour_are_kept_to_twelve_decimals() -> None:
    told = tell(OPENED, started("10:00", PER_HOUR_1_20), stopped("10:00:05"))

    assert told.amounts() == ["0.001666666667"]
    assert told.charges()[0]["quantity"] == "0.001388888889"


@pytest.mark.req("FX-02", "R-FX1")
def test_a_line_is_written_each_minute_without_heartbeats() -> None:
    told = tell(OPENED, paid("00:00", "10"), started("10:00", PER_HOUR_0_36), stopped("10:02:30"))

    assert [(c["time"], c["amount"]) for c in told.charges()] == [
        (instant("10:01"), "0.006"),
        (instant("10:02"), "0.006"),
        (instant("10:02:30"), "0.003"),
    ]
    assert told.charges()[0]["cause"]["source"] == "timer"
    assert told.charges()[2]["cause"]["source"] == "cloud"


@pytest.mark.req("FX-02", "R-FX1")
def test_a_line_comes_sixty_seconds_after_the_line_before_and_not_on_the_minute() -> None:
    told = tell(OPENED, paid("00:00", "10"), started("10:00", PER_HOUR_0_36), beat("10:00:37"), tick("10:03"))

    assert [c["time"] for c in told.charges()] == [
        instant("10:00:37"),
        instant("10:01:37"),
        instant("10:02:37"),
    ]


@pytest.mark.req("R-FX1", "X-07")
def test_heartbeats_at_any_second_come_to_the_exact_total() -> None:
    every_seven = [beat(f"10:{s // 60:02d}:{s % 60:02d}") for s in range(7, 601, 7)]

    often = tell(OPENED, FUNDED, started("10:00", PER_HOUR_1_20), *every_seven, stopped("10:10:01"))
    seldom = tell(OPENED, FUNDED, started("10:00", PER_HOUR_1_20), stopped("10:10:01"))

    # 601 s at 1.20 an hour: 0.200333…
    assert often.cost() == seldom.cost() == Decimal("0.200333333333")


@pytest.mark.req("R-FX1")
def test_a_fraction_of_a_second_is_not_billed_and_not_lost() -> None:
    told = tell(
        OPENED,
        FUNDED,
        started("10:00:00.900", TEN_CENTS_A_SECOND),
        beat("10:00:02.500"),
        beat("10:00:03.000"),
        stopped("10:00:05.899"),
    )

    # 4.999 s are four whole seconds since the start, however they were cut.
    assert told.amounts() == ["0.10", "0.10", "0.20"]


@pytest.mark.req("R-FX1")
def test_less_than_a_second_costs_nothing() -> None:
    told = tell(OPENED, started("10:00", TEN_CENTS_A_SECOND), stopped("10:00:00.999"))

    assert told.charges() == []


@pytest.mark.req("FX-05")
def test_the_same_length_costs_as_much_more_as_the_machine_is_dearer() -> None:
    told = tell(
        OPENED,
        started("10:00", PER_HOUR_0_20, "a"),
        started("10:00", PER_HOUR_0_90, "b"),
        stopped("10:00:36", "a"),
        stopped("10:00:36", "b"),
    )

    assert told.cost("b") / told.cost("a") == Decimal("4.5")


@pytest.mark.req("FX-05")
@pytest.mark.parametrize(
    ("spec", "rate"),
    [
        (machine(gpu="rtx-4090", gpus=1), "0.32"),
        (machine(gpu="a100-80", gpus=2), "2.20"),
        (machine(gpu="h100-80", gpus=8), "17.60"),
        (machine(vcpus=1), "0.004"),
        (machine(ram_gb="1"), "0.002"),
        (machine(disk_gb="0.5"), "0.00004"),
        (machine(gpu="h100-80", gpus=4, vcpus=64, ram_gb="512", disk_gb="2000"), "10.24"),
    ],
)
def test_the_rate_is_the_sum_of_the_machines_parts(spec: dict[str, object], rate: str) -> None:
    told = tell(OPENED, started("10:00", spec), stopped("10:00:30"))

    assert told.charges()[0]["unit_price"] == rate


@pytest.mark.req("FX-05")
def test_disk_beside_the_spec_does_not_count() -> None:
    told = tell(OPENED, started("10:00", PER_HOUR_0_36, disk_gb="5000"), stopped("10:00:30"))

    assert told.charges()[0]["unit_price"] == "0.36"


@pytest.mark.req("FX-10")
def test_quick_launch_and_custom_deployment_cost_the_same() -> None:
    told = tell(
        OPENED,
        paid("00:00", "10"),
        started("10:00", PER_HOUR_0_36, "quick", launch="quick"),
        started("10:00", PER_HOUR_0_36, "custom", launch="custom"),
        stopped("11:00", "quick"),
        stopped("11:00", "custom"),
    )

    assert told.amounts(resource="quick") == told.amounts(resource="custom")
    assert told.cost("quick") == Decimal("0.36")


@pytest.mark.req("R-FX2")
def test_the_lease_stops_when_the_next_minute_cannot_be_paid() -> None:
    told = tell(OPENED, paid("00:00", "20"), started("10:00", TEN_CENTS_A_SECOND), tick("11:00"))

    # 6.00 a minute: 14, 8, then 2 < 6.
    assert told.commands() == [(instant("10:03"), "instance.stop", "m-1", "unpaid")]
    assert told.balance() == "2.00"
    assert [n["values"]["reason"] for n in told.of("notice", type="resource_stopped")] == ["unpaid"]


@pytest.mark.req("R-FX2")
def test_exactly_one_more_minute_is_enough() -> None:
    told = tell(OPENED, paid("00:00", "12"), started("10:00", TEN_CENTS_A_SECOND), tick("11:00"))

    assert told.commands() == [(instant("10:02"), "instance.stop", "m-1", "unpaid")]
    assert told.balance() == "0.00"


@pytest.mark.req("R-FX2")
def test_a_heartbeat_line_is_enough_to_stop() -> None:
    told = tell(
        OPENED, paid("00:00", "7"), started("10:00", TEN_CENTS_A_SECOND), beat("10:00:20"), tick("11:00")
    )

    assert told.commands() == [(instant("10:00:20"), "instance.stop", "m-1", "unpaid")]
    assert told.balance() == "5.00"


@pytest.mark.req("R-FX2")
def test_all_leases_stop_together_when_a_minute_of_all_is_too_much() -> None:
    told = tell(
        OPENED,
        paid("00:00", "30"),
        started("10:00", TEN_CENTS_A_SECOND, "b"),
        started("10:00:30", TEN_CENTS_A_SECOND, "a"),
        tick("11:00"),
    )

    # 10:01 b -6 = 24; 10:01:30 a -6 = 18; 10:02 b 12; 10:02:30 a 6 < 12.
    assert told.commands() == [
        (instant("10:02:30"), "instance.stop", "a", "unpaid"),
        (instant("10:02:30"), "instance.stop", "b", "unpaid"),
    ]
    # b's last half minute is billed up to our command.
    assert told.balance() == "3.00"


@pytest.mark.req("R-FX2")
def test_lines_of_one_instant_are_all_written_before_anything_is_stopped() -> None:
    told = tell(
        OPENED,
        paid("00:00", "23"),
        started("10:00", TEN_CENTS_A_SECOND, "a"),
        started("10:00", TEN_CENTS_A_SECOND, "b"),
        tick("11:00"),
    )

    assert [c[0] for c in told.commands()] == [instant("10:01"), instant("10:01")]
    assert told.balance() == "11.00"


@pytest.mark.req("R-FX2")
def test_a_lease_without_any_balance_overshoots_by_one_tick() -> None:
    told = tell(OPENED, started("10:00", TEN_CENTS_A_SECOND), tick("11:00"))

    assert told.balance() == "-6.00"
    assert told.commands() == [(instant("10:01"), "instance.stop", "m-1", "unpaid")]


@pytest.mark.req("R-FX2")
def test_usage_ends_at_our_own_command_and_the_stop_that_follows_changes_nothing() -> None:
    told = tell(
        OPENED,
        paid("00:00", "7"),
        started("10:00", TEN_CENTS_A_SECOND),
        beat("10:01:20"),
        stopped("10:01:40", reason="unpaid"),
    )

    assert told.balance() == "1.00"
    assert told.reasons() == []
    assert len(told.notices("resource_stopped")) == 1


@pytest.mark.req("R-FX2")
def test_after_our_stop_only_the_confirmation_is_accepted() -> None:
    told = tell(
        OPENED,
        paid("00:00", "7"),
        started("10:00", TEN_CENTS_A_SECOND),
        stopped("10:01:40", reason="unpaid"),
        beat("10:01:50"),
        stopped("10:02", reason="user"),
    )

    assert told.reasons() == ["resource_state", "resource_state"]
    assert told.balance() == "1.00"


@pytest.mark.req("R-FX2")
def test_a_stopped_lease_may_start_again_after_a_top_up() -> None:
    told = tell(
        OPENED,
        paid("00:00", "7"),
        started("10:00", TEN_CENTS_A_SECOND),
        stopped("10:01:40", reason="unpaid"),
        paid("12:00", "100"),
        started("12:00", TEN_CENTS_A_SECOND),
        stopped("12:01"),
    )

    assert told.cost() == Decimal(12)
    assert told.reasons() == []


@pytest.mark.req("R-FX2")
@pytest.mark.parametrize(("balance", "admitted"), [("6.00", True), ("5.999999999999", False)])
def test_a_request_needs_sixty_seconds_of_the_lease(balance: str, admitted: bool) -> None:
    told = tell(OPENED, paid("00:00", balance), asked("10:00", TEN_CENTS_A_SECOND))

    assert told.commands() == ([(instant("10:00"), "instance.start", "m-1", "admitted")] if admitted else [])
    assert told.reasons() == ([] if admitted else ["insufficient_balance"])


@pytest.mark.req("R-FX2")
@pytest.mark.parametrize(("balance", "admitted"), [("12.00", True), ("11.99", False)])
def test_a_request_needs_sixty_seconds_of_what_runs_already_too(balance: str, admitted: bool) -> None:
    told = tell(
        OPENED,
        paid("00:00", balance),
        started("10:00", TEN_CENTS_A_SECOND, "a"),
        asked("10:00", TEN_CENTS_A_SECOND, "b"),
    )

    assert told.reasons() == ([] if admitted else ["insufficient_balance"])


@pytest.mark.req("FX-01")
def test_releasing_a_running_machine_ends_its_cost() -> None:
    told = tell(
        OPENED,
        paid("00:00", "100"),
        started("10:00", TEN_CENTS_A_SECOND),
        released("10:00:30"),
        tick("12:00"),
    )

    assert told.cost() == Decimal(3)
    assert told.notices("resource_stopped") == []


@pytest.mark.req("FX-02")
def test_the_price_stays_that_of_the_start_and_is_named_in_the_charge() -> None:
    told = tell(OPENED, started("10:00", PER_HOUR_0_36), stopped("10:00:50"))

    assert told.charges()[0]["price_version"] == "2020-01-01"
