"""When owners are reminded and warned, how often, and with which figures (GG-12, GG-14, GG-40, X-09)."""

import pytest

from tests.scenarios.renting import renew, request, start, topup
from tests.scenarios.telling import event, instant, opened, tell, tick

OPENED = opened("gpugeek")


@pytest.mark.req("GG-12")
def test_a_day_that_is_paid_ahead_is_reminded_of_at_its_own_start() -> None:
    told = tell(
        OPENED,
        topup("00:00", "1000"),
        request("10:00", "rtx-4090", mode="package", term="daily"),
        renew("12:00"),
        tick("4 00:00"),
    )

    assert told.notices("term_expiring") == [instant("10:00"), instant("2 10:00")]
    assert [n["values"]["expires"] for n in told.of("notice", type="term_expiring")] == [
        instant("2 10:00"),
        instant("3 10:00"),
    ]


@pytest.mark.req("GG-14")
def test_a_renewal_that_fails_tells_what_was_needed_and_what_was_there() -> None:
    told = tell(
        OPENED,
        topup("00:00", "70"),
        request("10:00", "rtx-4090", mode="package", term="daily", auto_renew=True),
        tick("3 00:00"),
    )

    (failed,) = told.of("notice", type="renewal_failed")
    assert failed["values"] == {"price": "60.00", "balance": "10.00"}


@pytest.mark.req("GG-40", "X-09")
def test_a_balance_that_recovers_between_two_settlements_and_falls_again_is_warned_of_again() -> None:
    told = tell(
        OPENED,
        topup("00:00", "5"),
        start("10:00", "rtx-4090"),
        topup("11:10", "100", payment="p"),
        event("payment.disputed", "11:20", {"payment": "p", "amount": "100", "currency": "CNY"}),
        tick("11:59"),
        topup("11:59:30", "4"),
        tick("12:30"),
    )

    # 1.80 at 11:00 and 2.60 at 12:00 are less than the next hour's 3.20.
    assert told.notices("low_balance") == [instant("11:00"), instant("12:00")]
