"""flex.ai, mails: below five dollars and at zero, once a crossing (FA-23, FA-24, R-FA3, X-09)."""

import pytest

from tests.scenarios.telling import instant, opened, paid, settings, spent, tell

OPENED = opened("flexai")


@pytest.mark.req("FA-23")
def test_the_first_mail_comes_below_five_dollars() -> None:
    told = tell(OPENED, spent("01:00", "4.90"), spent("02:00", "0.20"))

    # 5.10 → 4.90.
    assert told.notices("low_balance") == [instant("02:00")]
    assert told.of("notice", type="low_balance")[0]["values"] == {"balance": "4.90", "threshold": "5.00"}


@pytest.mark.req("FA-23")
def test_five_dollars_exactly_are_enough() -> None:
    told = tell(OPENED, spent("01:00", "5.00"))

    assert told.notices() == []


@pytest.mark.req("FA-23", "X-09")
def test_a_balance_that_stays_low_is_told_once() -> None:
    told = tell(OPENED, spent("01:00", "5.10"), spent("02:00", "0.20"), spent("03:00", "0.20"))

    assert told.notices("low_balance") == [instant("01:00")]


@pytest.mark.req("FA-23", "X-09")
def test_a_top_up_above_five_dollars_arms_the_mail_again() -> None:
    told = tell(
        OPENED, spent("01:00", "5.30"), paid("02:00", "5"), spent("03:00", "4.70"), spent("04:00", "0.01")
    )

    # 4.70 → 9.70 → 5.00 → 4.99.
    assert told.notices("low_balance") == [instant("01:00"), instant("04:00")]


@pytest.mark.req("FA-24")
def test_the_second_mail_comes_at_zero() -> None:
    told = tell(OPENED, spent("01:00", "6"), spent("02:00", "4"))

    assert told.notices("balance_zero") == [instant("02:00")]


@pytest.mark.req("FA-24", "X-09")
def test_zero_is_told_at_the_first_crossing_only_and_again_after_recovery() -> None:
    told = tell(
        OPENED,
        spent("01:00", "10"),
        spent("02:00", "1"),
        paid("03:00", "5"),
        spent("04:00", "4"),
        spent("05:00", "1"),
    )

    assert told.notices("balance_zero") == [instant("01:00"), instant("04:00")]


@pytest.mark.req("FA-24", "X-09")
def test_a_top_up_that_leaves_a_debt_does_not_arm_the_mail() -> None:
    told = tell(OPENED, spent("01:00", "20"), paid("02:00", "5"), spent("03:00", "1"))

    assert told.notices("balance_zero") == [instant("01:00")]


@pytest.mark.req("R-FA3", "FA-23", "FA-24")
def test_one_request_may_cross_both_thresholds() -> None:
    told = tell(OPENED, spent("01:00", "4"), spent("02:00", "7"))

    # 6 → -1.
    assert told.notices("low_balance") == told.notices("balance_zero") == [instant("02:00")]
    assert len({notice["id"] for notice in told.of("notice")}) == 2


@pytest.mark.req("FA-23")
def test_the_owner_may_choose_another_threshold_and_it_is_looked_at_when_chosen() -> None:
    told = tell(OPENED, settings("01:00", low_balance="12.50"), spent("02:00", "1"))

    assert told.notices("low_balance") == [instant("01:00")]


@pytest.mark.req("FA-23")
def test_zero_switches_the_first_mail_off() -> None:
    told = tell(OPENED, settings("01:00", low_balance="0"), spent("02:00", "6"), spent("03:00", "6"))

    assert told.notices("low_balance") == []
    assert told.notices("balance_zero") == [instant("03:00")]


@pytest.mark.req("FA-23")
def test_the_mail_knows_whom_to_write_to_and_how() -> None:
    told = tell(opened("flexai", locale="de", zone="Europe/Berlin"), spent("01:00", "6"))

    (notice,) = told.of("notice")
    assert (notice["email"], notice["locale"], notice["zone"], notice["currency"]) == (
        "owner@example.com",
        "de",
        "Europe/Berlin",
        "USD",
    )
