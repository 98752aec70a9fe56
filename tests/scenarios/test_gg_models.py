"""GPUGEEK: models (GG-31 … GG-39): by request, by runtime, by hardware online, by replicas; cold start and scaling."""

from decimal import Decimal
from typing import Any

import pytest

from tests.scenarios.renting import alive, limits, release, replicas, request, start, state, stop, topup
from tests.scenarios.telling import event, instant, opened, served, tell, tick

OPENED = opened("gpugeek")
FUNDED = topup("00:00", "10000")
PRIVATE = start("10:00", "my-private")


# --- by request ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "used", "lines"),
    [
        ("image-gen", {"images": 3}, [("images", "3", "image", "0.20", "0.60")]),
        ("video-gen", {"videos": 2}, [("videos", "2", "video", "1.50", "3.00")]),
        (
            "chat-base",
            {"input_tokens": 2_000_000, "output_tokens": 500_000},
            [
                ("tokens_in", "2", "1M tokens", "2.00", "4.00"),
                ("tokens_out", "0.5", "1M tokens", "8.00", "4.00"),
            ],
        ),
        ("my-public", {"seconds": 300}, [("runtime", "0.083333333333", "hour", "6.00", "0.50")]),
    ],
)
@pytest.mark.req("GG-31", "GG-32", "GG-33")
def test_a_request_is_billed_by_its_task(
    model: str, used: dict[str, Any], lines: list[tuple[str, ...]]
) -> None:
    told = tell(OPENED, FUNDED, served("10:00", model, **used))

    assert [
        tuple(c[f] for f in ("meter", "quantity", "unit", "unit_price", "amount")) for c in told.charges()
    ] == lines


@pytest.mark.req("GG-32")
def test_a_personal_public_model_has_no_startup_and_no_idle_time() -> None:
    told = tell(OPENED, FUNDED, served("10:00", "my-public", seconds="300"), tick("12:00"))

    assert told.amounts() == ["0.50"]


@pytest.mark.req("GG-31")
def test_what_is_below_a_cent_is_carried_on_by_account_model_and_meter() -> None:
    told = tell(
        OPENED,
        FUNDED,
        *(served(f"10:0{n}", "chat-base", input_tokens=1000, output_tokens=1000) for n in range(5)),
    )

    # 0.002 in and 0.008 out each: 0.01 and 0.04 after five.
    assert told.amounts(meter="tokens_in") == ["0.00", "0.00", "0.01", "0.00", "0.00"]
    assert sum(Decimal(a) for a in told.amounts(meter="tokens_out")) == Decimal("0.04")


# --- hardware online -------------------------------------------------------------------------------------------


@pytest.mark.req("GG-35", "GG-36")
def test_a_private_model_is_billed_from_its_start_until_it_is_cold() -> None:
    # 90 s starting, 300 s running, idle until 600 s after the last request.
    told = tell(
        OPENED,
        FUNDED,
        PRIVATE,
        state("10:01:30", "running"),
        served("10:06:30", "my-private", resource="i-1", seconds=300),
        state("10:06:30", "idle"),
        tick("11:00"),
    )

    assert told.commands() == [(instant("10:16:30"), "model.cold", "i-1", "idle")]
    assert told.cost("i-1") == Decimal("1.65")


@pytest.mark.req("GG-36")
def test_ten_minutes_after_the_last_request() -> None:
    told = tell(
        OPENED,
        FUNDED,
        PRIVATE,
        state("09:59:59.999", "running"),
        state("10:01", "idle"),
        served("10:05", "my-private", resource="i-1"),
        served("10:09", "my-private", resource="i-1"),
        tick("11:00"),
    )

    assert [c[:2] for c in told.commands()] == [(instant("10:19"), "model.cold")]


@pytest.mark.parametrize("what", ["starting", "running"])
@pytest.mark.req("GG-36")
def test_never_while_it_starts_or_runs(what: str) -> None:
    told = tell(OPENED, FUNDED, PRIVATE, state("10:01", "idle"), state("10:10:59", what), tick("15:00"))

    assert told.commands() == []
    assert told.cost("i-1") == Decimal("30.00")


@pytest.mark.req("GG-36")
def test_a_model_that_never_left_starting_does_not_go_cold() -> None:
    assert tell(OPENED, FUNDED, PRIVATE, tick("12:00")).commands() == []


@pytest.mark.req("GG-36", "GG-35")
def test_warming_up_bills_again_and_cold_does_not() -> None:
    told = tell(
        OPENED, FUNDED, PRIVATE, state("10:01", "running"), state("10:20", "idle"), tick("10:40"), state("10:30:01", "cold"),
        state("12:00", "starting"), state("12:01", "running"), state("12:30", "cold"), tick("15:00"),
    )  # fmt: skip

    # 10:00 to 10:30 and 12:00 to 12:30.
    assert told.cost("i-1") == Decimal("6.00")
    assert told.reasons() == []


@pytest.mark.req("GG-36")
def test_a_cold_model_may_go_cold_again_after_it_was_warm() -> None:
    told = tell(
        OPENED,
        FUNDED,
        PRIVATE,
        state("10:00", "idle"),
        tick("11:00"),
        state("12:00", "running"),
        state("12:10", "idle"),
        tick("13:00"),
    )

    assert [c[0] for c in told.commands()] == [instant("10:10"), instant("12:20")]
    assert told.cost("i-1") == Decimal("1.00") + Decimal("2.00")


@pytest.mark.req("GG-36")
def test_a_model_that_was_stopped_does_not_warm_up_by_itself() -> None:
    told = tell(OPENED, FUNDED, PRIVATE, stop("10:30"), state("11:00", "running"), tick("12:00"))

    assert told.cost("i-1") == Decimal("3.00")
    assert [c[1] for c in told.commands()] == []


@pytest.mark.req("GG-36")
def test_a_cold_model_that_is_started_again_bills_from_then() -> None:
    told = tell(
        OPENED,
        FUNDED,
        PRIVATE,
        state("10:00", "idle"),
        tick("10:30"),
        start("11:00", "my-private"),
        stop("11:30"),
    )

    assert told.cost("i-1") == Decimal("1.00") + Decimal("3.00")
    assert told.reasons() == []


@pytest.mark.req("GG-35", "R-GG2")
def test_a_private_model_is_settled_on_the_clock_hour() -> None:
    told = tell(OPENED, FUNDED, start("10:30", "my-private"), tick("12:00"))

    assert [(c["time"], c["amount"]) for c in told.charges()] == [
        (instant("11:00"), "3.00"),
        (instant("12:00"), "6.00"),
    ]


@pytest.mark.req("GG-35")
def test_requests_to_hardware_of_ones_own_are_not_billed_on_top() -> None:
    told = tell(
        OPENED,
        FUNDED,
        PRIVATE,
        served("10:10", "my-private", resource="i-1", seconds=300, input_tokens=1000),
        stop("11:00"),
    )

    assert told.reasons() == []
    assert told.amounts() == ["6.00"]


@pytest.mark.req("GG-34")
def test_a_model_is_paid_by_use_only() -> None:
    assert tell(OPENED, FUNDED, start("10:00", "my-private", mode="spot")).reasons() == [
        "capability_disabled"
    ]
    assert tell(OPENED, FUNDED, request("10:00", "my-private", mode="package", term="daily")).reasons() == [
        "capability_disabled"
    ]


def test_what_has_no_states_or_replicas_is_told_so() -> None:
    machine = (OPENED, FUNDED, start("10:00", "rtx-4090"))

    assert tell(*machine, state("10:01", "idle")).reasons() == ["capability_disabled"]
    assert tell(*machine, replicas("10:01", 2)).reasons() == ["capability_disabled"]
    assert tell(*machine, limits("10:01", 1, 2, 3)).reasons() == ["capability_disabled"]
    assert tell(OPENED, FUNDED, PRIVATE, replicas("10:01", 2)).reasons() == ["capability_disabled"]


@pytest.mark.req("X-12")
def test_a_silent_model_is_closed_without_a_gpu_release() -> None:
    told = tell(OPENED, FUNDED, PRIVATE, alive("10:30"), tick("12:00"))

    assert told.cost("i-1") == Decimal("3.00")
    assert told.commands() == []


@pytest.mark.req("X-02", "X-03", "GG-36")
def test_a_late_cold_takes_back_what_came_after_it() -> None:
    told = tell(
        OPENED,
        FUNDED,
        PRIVATE,
        state("10:01", "running"),
        tick("12:30"),
        state("11:30", "cold"),
        tick("13:00"),
    )

    assert told.cost("i-1") == Decimal("9.00")


# --- replicas --------------------------------------------------------------------------------------------------


@pytest.mark.req("GG-37")
def test_a_deployment_costs_its_replicas_times_their_time() -> None:
    told = tell(
        OPENED, FUNDED, start("10:00", "my-deployment", replicas=2), replicas("10:10", 4), stop("10:20")
    )

    (charge,) = told.charges()
    assert (charge["meter"], charge["quantity"], charge["unit"], charge["unit_price"], charge["amount"]) == (
        "replica_duration",
        "1",
        "hour",
        "6.00",
        "6.00",
    )


@pytest.mark.req("GG-37")
def test_replicas_that_change_at_the_start_itself_count_from_there() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "my-deployment"), replicas("10:00", 3), stop("11:00"))

    assert told.cost("i-1") == Decimal("18.00")


@pytest.mark.req("GG-37")
def test_of_two_changes_at_one_instant_the_later_arrival_stands() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment"),
        replicas("10:30", 3, id="1"),
        replicas("10:30", 2, id="2"),
        stop("11:00"),
    )

    assert told.cost("i-1") == Decimal("9.00")


@pytest.mark.req("GG-37")
def test_no_replicas_cost_nothing() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment"),
        replicas("11:00", 0),
        replicas("13:00", 1),
        stop("14:00"),
    )

    assert told.cost("i-1") == Decimal("12.00")


@pytest.mark.req("GG-37", "X-03")
def test_late_replicas_correct_the_lines_after_them() -> None:
    told = tell(
        OPENED, FUNDED, start("10:00", "my-deployment"), tick("12:30"), replicas("10:30", 3), tick("13:00")
    )

    assert told.cost("i-1") == Decimal("48.00")
    assert [(c["start"], c["amount"]) for c in told.charges() if "corrects" in c] == [
        (instant("10:00"), "6.00"),
        (instant("11:00"), "12.00"),
    ]


@pytest.mark.req("GG-37", "X-03")
def test_replicas_that_come_late_between_two_changes() -> None:
    story = (OPENED, FUNDED, start("10:00", "my-deployment"), replicas("12:00", 2))
    told = tell(*story, tick("13:30"), replicas("11:00", 5), stop("14:00"))
    in_time = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment"),
        replicas("11:00", 5),
        replicas("12:00", 2),
        stop("14:00"),
    )

    assert told.cost("i-1") == in_time.cost("i-1") == Decimal(6 * (1 + 5 + 2 + 2))


@pytest.mark.req("GG-37", "GG-36")
def test_a_deployments_idle_time_is_billed_and_it_is_never_cold() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "my-deployment"), state("10:01", "idle"), tick("12:00"))

    assert told.cost("i-1") == Decimal("12.00")
    assert told.commands() == []


# --- scaling ---------------------------------------------------------------------------------------------------


def burst(minute: str, count: int) -> list[bytes]:
    return [
        served(f"{minute}:{n // 10:02d}.{n % 10}", "my-deployment", request=f"{minute} {n}", resource="i-1")
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "bounds", "wanted"),
    [
        (12, (1, 10, 3), 4),
        (13, (1, 10, 3), 5),
        (12, (1, 3, 3), 3),
        (0, (2, 9, 3), 2),
        (300, (1, 10, 300), None),
        (12, (0, 9, 12), None),
        (0, (0, 9, 12), 0),
    ],
)
@pytest.mark.req("GG-38", "GG-39")
def test_every_ten_minutes_as_many_as_the_last_ten_minutes_asked_for(
    count: int, bounds: tuple[int, int, int], wanted: int | None
) -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment"),
        limits("10:00", *bounds),
        *burst("10:05", count),
        tick("10:10"),
    )

    scaling = [(c["time"], c["type"], c["replicas"], c["reason"]) for c in told.of("command")]
    assert scaling == ([] if wanted is None else [(instant("10:10"), "deployment.scale", wanted, "scaling")])


@pytest.mark.req("GG-39")
def test_billing_follows_the_replicas_not_the_command() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment"),
        limits("10:00", 3, 9, 1),
        tick("10:30"),
        stop("11:00"),
    )

    assert told.cost("i-1") == Decimal("6.00")


@pytest.mark.req("GG-39")
def test_decisions_come_every_ten_minutes_and_only_when_something_changes() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment"),
        limits("10:00", 1, 9, 5),
        *burst("10:05", 20),
        replicas("10:10:30", 4),
        *burst("10:15", 20),
        tick("11:00"),
    )

    assert [(c["time"], c["replicas"]) for c in told.of("command")] == [
        (instant("10:10"), 4),
        (instant("10:30"), 1),
    ]


@pytest.mark.req("GG-39")
def test_a_stopped_or_released_deployment_is_not_scaled() -> None:
    story = (OPENED, FUNDED, start("10:00", "my-deployment"), limits("10:00", 3, 9, 5))

    assert tell(*story, stop("10:09"), tick("12:00")).of("command") == []
    assert tell(*story, release("10:09"), tick("12:00")).of("command") == []


@pytest.mark.req("GG-39", "X-02")
def test_a_late_request_of_a_window_that_is_decided_does_not_count_again() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment"),
        limits("10:00", 1, 9, 1),
        tick("10:11"),
        *burst("10:05", 5),
        tick("10:25"),
    )

    assert told.of("command") == []


@pytest.mark.req("GG-36")
def test_a_state_that_comes_late_does_not_undo_a_later_one() -> None:
    told = tell(
        OPENED,
        FUNDED,
        PRIVATE,
        state("10:05", "running"),
        state("10:20", "idle"),
        state("10:10", "starting"),
        tick("11:00"),
    )

    # It is idle since 10:20, so it is cold at 10:30.
    assert told.commands() == [(instant("10:30"), "model.cold", "i-1", "idle")]


@pytest.mark.req("GG-39")
def test_what_is_no_deployment_any_more_is_not_scaled() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment", replicas=1),
        limits("10:01", 2, 4, 1),
        stop("10:02"),
        start("10:03", "my-private"),
        tick("10:30"),
    )

    assert told.of("command", type="deployment.scale") == []


@pytest.mark.req("GG-37")
def test_a_deployment_that_is_heard_of_late_costs_nothing_in_hours_without_replicas() -> None:
    told = tell(
        OPENED,
        FUNDED,
        tick("13:30"),
        start("10:30", "my-deployment", replicas=0),
        replicas("13:40", 2),
        stop("14:00"),
    )

    assert [(c["start"], c["end"], c["amount"]) for c in told.charges()] == [
        (instant("13:00"), instant("14:00"), "4.00")
    ]


@pytest.mark.req("X-03")
def test_more_than_a_line_drew_at_first_goes_back_to_where_its_correction_came_from() -> None:
    granted = event("grant.issued", "00:00", {"grant": "g", "amount": "2", "bucket": "bonus"})
    told = tell(
        OPENED,
        FUNDED,
        granted,
        start("10:00", "my-deployment", replicas=1),
        tick("11:30"),
        replicas("10:00", 2, id="late"),
        stop("10:00:01", id="earlier"),
    )

    # 2.00 of 6.00 came from the bonus, 4.00 and the 6.00 of the second replica from what was paid: all goes back.
    assert told.cost("i-1") == Decimal("0.00")
    assert told.buckets() == {"bonus": "2.00", "paid": "10000.00"}


@pytest.mark.req("GG-39")
@pytest.mark.parametrize("target", [0, "0", -1])
def test_a_target_is_one_request_at_least(target: Any) -> None:
    told = tell(OPENED, FUNDED, start("10:00", "my-deployment"), limits("10:01", 1, 4, target))

    assert told.reasons() == ["schema_invalid"]


@pytest.mark.parametrize("after", [state("10:11", "idle"), replicas("10:11", 2), limits("10:11", 1, 2, 5)])
def test_nothing_is_set_after_a_release(after: bytes) -> None:
    sku = "my-private" if b"state_changed" in after else "my-deployment"

    told = tell(OPENED, FUNDED, start("10:00", sku), release("10:10"), after)

    assert told.reasons() == ["resource_state"]


@pytest.mark.req("GG-36")
def test_a_model_that_was_stopped_while_idle_does_not_go_cold() -> None:
    told = tell(OPENED, FUNDED, PRIVATE, state("10:05", "idle"), stop("10:08"), tick("11:00"))

    assert told.commands() == []


# --- states and windows at their borders -----------------------------------------------------------------------


@pytest.mark.req("GG-32", "GG-36")
def test_a_personal_public_model_that_starts_runs_and_idles_is_billed_by_its_requests_alone() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-public", "m"),
        state("10:01:30", "running", "m"),
        served("10:06:30", "my-public", resource="m", seconds=300),
        state("10:06:30", "idle", "m"),
        tick("12:00"),
    )

    assert [(c["meter"], c["amount"]) for c in told.charges()] == [("runtime", "0.50")]
    assert told.commands() == [(instant("10:16:30"), "model.cold", "m", "idle")]
    assert told.reasons() == []


@pytest.mark.req("GG-41", "GG-32")
def test_a_personal_public_model_is_shut_down_with_the_rest() -> None:
    told = tell(
        OPENED,
        topup("00:00", "1"),
        start("10:00", "my-public", "m"),
        start("10:00", "rtx-4090"),
        tick("12:00"),
    )

    assert [c[2] for c in told.commands() if c[1] == "instance.stop"] == ["i-1", "m"]


@pytest.mark.req("GG-36", "X-02")
def test_a_model_whose_idling_is_told_late_goes_cold_as_if_told_in_time() -> None:
    told = tell(
        OPENED,
        FUNDED,
        PRIVATE,
        state("10:01:30", "running"),
        tick("11:10"),
        state("10:20", "idle"),
        tick("12:00"),
    )

    assert told.cost("i-1") == Decimal("3.00")
    assert told.commands() == [(instant("11:10"), "model.cold", "i-1", "idle")]


@pytest.mark.req("GG-39")
def test_a_request_at_the_instant_of_a_decision_is_of_the_next_ten_minutes() -> None:
    story = (OPENED, FUNDED, start("10:00", "my-deployment", "d"), limits("10:00", 1, 5, 1, "d"))
    three = [served("10:10", "my-deployment", resource="d", id=str(n)) for n in range(3)]

    told = tell(*story, *three, until=instant("10:35"))

    assert [(c["time"], c["replicas"]) for c in told.of("command")] == [
        (instant("10:20"), 3),
        (instant("10:30"), 1),
    ]


@pytest.mark.req("GG-38", "X-02")
def test_limits_that_are_heard_late_do_not_replace_later_ones() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment", "d"),
        limits("10:05", 3, 5, 1, "d"),
        limits("10:00", 2, 5, 1, "d"),
        until=instant("10:16"),
    )

    assert [(c["time"], c["replicas"]) for c in told.of("command")] == [(instant("10:15"), 3)]


@pytest.mark.req("GG-39", "X-02")
def test_decisions_of_limits_that_are_heard_late_come_at_their_own_times() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment", "d"),
        tick("10:27"),
        limits("10:01", 2, 5, 1, "d"),
        until=instant("10:35"),
    )

    assert [c["time"] for c in told.of("command")] == [instant("10:31")]


@pytest.mark.req("GG-20")
def test_a_model_that_is_asked_for_does_not_count_for_the_quota_either() -> None:
    asked = [request("10:00", "my-private", f"m-{n}") for n in range(4)]

    assert tell(OPENED, FUNDED, *asked, request("10:01", "rtx-4090")).reasons() == []


@pytest.mark.req("GG-37", "X-02", "X-03")
def test_replicas_told_late_of_hours_that_had_none_are_billed_as_if_in_time() -> None:
    in_time = (
        start("10:30", "my-deployment", replicas=0),
        replicas("11:30", 2, id="up"),
        replicas("12:15", 0, id="down"),
        replicas("13:00", 1, id="one"),
    )
    begun, up, down, one = in_time

    told = tell(OPENED, FUNDED, begun, one, tick("15:30"), up, down, stop("16:00"))

    assert told.cost("i-1") == tell(OPENED, FUNDED, *in_time, stop("16:00")).cost("i-1") == Decimal("27.00")
    late = [c for c in told.charges() if c["time"] == instant("15:30")]
    # Of the first telling: half an hour of 11:30 and all of 12:00 with two replicas; the second takes some back.
    assert [(c["start"], c["amount"], "corrects" in c) for c in late] == [
        (instant("11:00"), "6.00", False),
        (instant("12:00"), "12.00", False),
        (instant("12:00"), "-9.00", True),
    ]
    assert late[2]["corrects"] == late[1]["id"]
    assert [e["type"] for e in told.entries() if e["time"] == instant("15:30")] == [
        "charge",
        "charge",
        "correction",
    ]


@pytest.mark.req("GG-37", "X-03")
def test_an_hour_without_replicas_that_got_some_late_goes_back_to_nothing_and_up_again() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment", replicas=0),
        tick("14:30"),
        replicas("11:00", 1, id="a"),
        replicas("11:00", 0, id="b"),
        replicas("11:00", 2, id="c"),
        replicas("12:00", 0, id="d"),
        stop("15:00"),
    )

    assert told.cost("i-1") == Decimal("12.00")
    assert len({c["id"] for c in told.charges()}) == len(told.charges())
    known = {c["id"] for c in told.charges()}
    assert all(c["corrects"] in known for c in told.charges() if "corrects" in c)


@pytest.mark.req("GG-37", "X-03")
def test_a_second_told_late_is_a_line_below_the_cent_without_an_entry() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "my-deployment", replicas=0),
        tick("12:30"),
        replicas("11:00:01", 0, id="down"),
        replicas("11:00:00", 1, id="up"),
        stop("13:00"),
    )

    assert [(c["quantity"], c["amount"]) for c in told.charges()] == [("0.000277777778", "0.00")]
    assert [e["type"] for e in told.entries()] == ["topup"]
