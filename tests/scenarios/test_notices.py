"""Notices (contract 8.7): each once a crossing, armed again on recovery, looked at when a setting is accepted."""

import pytest

from tests.scenarios.renting import start, stop
from tests.scenarios.telling import (
    PER_HOUR_1_20,
    TEN_CENTS_A_SECOND,
    given_back,
    granted,
    instant,
    opened,
    paid,
    served,
    settings,
    spent,
    started,
    stopped,
    tell,
    tick,
)


@pytest.mark.req("X-09")
@pytest.mark.parametrize("profile", ["fluxedge", "flexai"])
def test_every_credited_payment_has_its_receipt(profile: str) -> None:
    told = tell(
        opened(profile), paid("01:00", "5"), paid("02:00", "6"), paid("02:00", "6"), granted("03:00", "1")
    )

    assert told.notices("receipt") == [instant("01:00"), instant("02:00")]


@pytest.mark.req("X-09")
@pytest.mark.parametrize("profile", ["fluxedge", "flexai"])
def test_zero_is_told_on_every_profile(profile: str) -> None:
    told = tell(
        opened(profile),
        settings("00:30", low_balance="0"),
        paid("01:00", "20", payment="p"),
        given_back("payment.disputed", "02:00", "p", "20"),
        granted("03:00", "1"),
    )

    assert told.notices("balance_zero") == ([] if profile == "flexai" else [instant("02:00")])


@pytest.mark.req("X-09")
def test_a_low_balance_is_off_on_fluxedge_until_it_is_set() -> None:
    off = tell(opened("fluxedge"), paid("01:00", "1"))
    on = tell(opened("fluxedge"), paid("01:00", "1"), settings("02:00", low_balance="2"))

    assert (off.notices("low_balance"), on.notices("low_balance")) == ([], [instant("02:00")])


@pytest.mark.req("X-09")
def test_a_threshold_that_is_lowered_and_raised_again_is_crossed_again() -> None:
    told = tell(
        opened("fluxedge"),
        paid("01:00", "10"),
        settings("02:00", low_balance="20"),
        settings("03:00", low_balance="30"),
        settings("04:00", low_balance="5"),
        settings("05:00", low_balance="20"),
    )

    assert told.notices("low_balance") == [instant("02:00"), instant("05:00")]


@pytest.mark.req("X-09")
def test_a_threshold_switched_off_and_on_is_crossed_again() -> None:
    told = tell(
        opened("fluxedge"),
        paid("01:00", "10"),
        settings("02:00", low_balance="20"),
        settings("03:00", low_balance="0"),
        settings("04:00", low_balance="20"),
    )

    assert told.notices("low_balance") == [instant("02:00"), instant("04:00")]


@pytest.mark.req("X-09")
def test_a_late_charge_crosses_at_the_clock() -> None:
    told = tell(opened("flexai"), tick("05:00"), spent("01:00", "6"))

    assert told.notices("low_balance") == [instant("05:00")]


@pytest.mark.req("X-09")
def test_a_correction_that_lifts_the_balance_arms_the_notice_again() -> None:
    told = tell(
        opened("fluxedge"),
        paid("01:00", "100"),
        settings("01:00", low_balance="90"),
        started("02:00", TEN_CENTS_A_SECOND),
        tick("02:02"),
        stopped("02:00:30"),
        started("03:00", TEN_CENTS_A_SECOND),
        stopped("03:02"),
    )

    # 88 → 97 → 91 → 85.
    assert told.notices("low_balance") == [instant("02:02"), instant("03:02")]


@pytest.mark.req("PD-28")
def test_a_spend_limit_is_told_when_the_resource_reaches_it() -> None:
    told = tell(
        opened("flexai"),
        settings("00:30", spend_limits={"r": "1.00"}),
        *(served(f"0{hour}:00", resource="r", input_tokens=2_500_000) for hour in (1, 2, 3)),
    )

    assert told.notices("spend_limit") == [instant("02:00")]


@pytest.mark.req("PD-27")
def test_a_daily_digest_comes_at_midnight_when_something_was_spent() -> None:
    told = tell(opened("flexai"), settings("00:30", digest="daily"), spent("01:00", "1"), tick("4 00:00"))

    assert told.notices("spend_digest") == [instant("2 00:00")]


@pytest.mark.req("PD-27")
def test_a_weekly_digest_comes_on_monday_in_the_accounts_zone() -> None:
    told = tell(
        opened("flexai", zone="Asia/Shanghai"),
        settings("00:30", digest="weekly"),
        spent("01:00", "1"),
        tick("12 00:00"),
    )

    # 1 November 2026 is a Sunday; Monday begins at 16:00 UTC in Shanghai.
    assert told.notices("spend_digest") == [instant("16:00")]


@pytest.mark.req("PD-27")
def test_no_digest_when_nothing_was_spent() -> None:
    told = tell(
        opened("flexai"),
        settings("00:30", digest="daily"),
        spent("01:00", "1"),
        spent("3 12:00", "1"),
        tick("6 00:00"),
    )

    assert told.notices("spend_digest") == [instant("2 00:00"), instant("4 00:00")]


@pytest.mark.req("PD-27", "X-03")
def test_no_digest_of_a_day_that_only_gave_something_back() -> None:
    told = tell(
        opened("puredocs"),
        paid("00:00", "100"),
        settings("00:30", digest="daily"),
        start("10:00", "gpu-s"),
        tick("2 05:00"),
        stop("10:30"),
        tick("4 00:00"),
    )

    assert told.charges()[-1]["time"] == instant("2 05:00")
    assert [d["time"] for d in told.of("notice", type="spend_digest")] == [instant("2 00:00")]


@pytest.mark.req("PD-27")
def test_a_weekly_digest_sums_the_seven_days_before() -> None:
    told = tell(
        opened("flexai"),
        settings("00:30", digest="weekly"),
        *(spent(f"{day} 12:00", "1") for day in (1, 2, 8, 9)),
        tick("30 00:00"),
    )

    # Mondays: the 2nd, the 9th, the 16th.
    assert [(n["time"], n["values"]["spent"]) for n in told.of("notice", type="spend_digest")] == [
        (instant("2 00:00"), "1.00"),
        (instant("9 00:00"), "2.00"),
        (instant("16 00:00"), "1.00"),
    ]


@pytest.mark.req("PD-27")
def test_a_digest_may_be_switched_off() -> None:
    told = tell(
        opened("flexai"),
        settings("00:30", digest="daily"),
        spent("01:00", "1"),
        settings("02:00", digest="off"),
        tick("4 00:00"),
    )

    assert told.notices("spend_digest") == []


@pytest.mark.req("PD-28", "X-09")
def test_a_spend_limit_is_armed_again_with_the_month() -> None:
    told = tell(
        opened("flexai"),
        settings("00:30", spend_limits={"r": "1.00"}),
        *(
            served(time, resource="r", input_tokens=6_000_000)
            for time in ("01:00", "2 01:00", "2026-12-01T01:00:00Z")
        ),
    )

    assert told.notices("spend_limit") == [instant("01:00"), instant("2026-12-01T01:00:00Z")]


@pytest.mark.req("PD-28")
def test_a_spend_limit_is_looked_at_when_it_is_set() -> None:
    told = tell(
        opened("flexai"),
        served("01:00", resource="r", input_tokens=6_000_000),
        settings("02:00", spend_limits={"r": "1.00"}),
    )

    assert told.notices("spend_limit") == [instant("02:00")]


@pytest.mark.req("PD-28")
def test_a_spend_limit_is_reached_by_its_resource_alone_over_hours_and_models() -> None:
    told = tell(
        opened("flexai"),
        settings("00:30", spend_limits={"r": "2.00"}),
        served("01:00", resource="r", input_tokens=5_000_000),
        served("01:10", "qwen-vl-72b", resource="r", input_tokens=1_000_000),
        served("02:00", resource="r2", input_tokens=50_000_000),
        served("02:10", input_tokens=50_000_000),
        served("02:20", resource="r", input_tokens=2_000_000),
        served("02:30", "qwen-vl-72b", resource="r", input_tokens=500_000),
    )

    # 1.00 and 0.40 in the first hour, 0.40 and 0.20 in the second.
    assert told.notices("spend_limit") == [instant("02:30")]


@pytest.mark.req("PD-28")
def test_a_spend_limit_is_of_the_month_in_the_accounts_zone() -> None:
    told = tell(
        opened("flexai", zone="Asia/Shanghai"),
        settings("00:30", spend_limits={"r": "2.00"}),
        served("30 15:59:59", resource="r", input_tokens=6_000_000),
        served("30 16:00", resource="r", input_tokens=6_000_000),
        served("30 16:01", resource="r", input_tokens=6_000_000),
    )

    assert told.notices("spend_limit") == [instant("30 16:01")]


@pytest.mark.req("X-09")
def test_a_runway_alert_switched_off_and_on_again_is_told_again() -> None:
    told = tell(
        opened("fluxedge"),
        paid("00:00", "5"),
        settings("00:01", runway_alert=True),
        started("01:00", PER_HOUR_1_20),
        settings("01:10", runway_alert=False),
        settings("01:20", runway_alert=True),
        stopped("01:30"),
    )

    assert told.notices("low_balance") == [instant("01:00"), instant("01:20")]
