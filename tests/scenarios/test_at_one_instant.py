"""Events of an instant come before its timers: what they change is what the timers find (contract 8.1)."""

from typing import Any

import pytest

from tests.scenarios.renting import auto_renew, change, renew, request, start, stop, topup
from tests.scenarios.telling import Told, instant, opened, paid, settings, tell, tick

OPENED = opened("puredocs")


def _refilled(time: str, **data: object) -> bytes:
    return settings(time, auto_refill={"enabled": True, "threshold": "500", "amount": "2000"} | data)


def test_a_top_up_of_the_same_millisecond_pays_the_first_hour() -> None:
    told = tell(OPENED, start("10:00", "gpu-s"), paid("10:00", "1"), stop("10:30"), tick("12:00"))

    assert told.commands() == []
    assert told.balance() == "0.40"


def test_a_top_up_of_the_same_millisecond_spares_the_refill() -> None:
    told = tell(OPENED, paid("00:00", "5"), _refilled("00:01"), start("10:00", "gpu-s"), paid("10:00", "1"))

    assert told.of("command") == []


def test_a_refill_switched_off_in_the_same_millisecond_is_not_commanded() -> None:
    told = tell(
        OPENED,
        paid("00:00", "5"),
        _refilled("00:01"),
        start("10:00", "gpu-s"),
        settings("10:00", auto_refill={"enabled": False}),
    )

    assert told.of("command") == []


def test_without_them_it_is_commanded() -> None:
    told = tell(OPENED, paid("00:00", "5"), _refilled("00:01"), start("10:00", "gpu-s"))

    assert [c["time"] for c in told.of("command", type="payment.refill")] == [instant("10:00")]


def test_a_stop_of_the_same_millisecond_leaves_nothing_to_pause() -> None:
    told = tell(OPENED, start("10:00", "gpu-s"), stop("10:00"), tick("12:00"))

    assert told.commands() == []
    assert told.notices("resource_paused") == []


def _package_until_ten_on_the_second(*events: bytes, **data: Any) -> Told:
    bought = request("10:00", "rtx-4090", mode="package", term="daily", **data)
    return tell(
        opened("gpugeek"),
        topup("00:00", "1000"),
        bought,
        start("10:00", "rtx-4090", mode="package"),
        *events,
        until=instant("2 12:30"),
    )


@pytest.mark.req("GG-13", "GG-15")
def test_a_package_renewed_at_the_very_instant_of_its_end_goes_on() -> None:
    told = _package_until_ten_on_the_second(renew("2 10:00"))

    assert told.reasons() == []
    assert [(c["start"], c["end"]) for c in told.charges(meter="term")] == [
        (instant("10:00"), instant("2 10:00")),
        (instant("2 10:00"), instant("3 10:00")),
    ]
    assert [c[1] for c in told.commands()] == ["instance.start"]


@pytest.mark.req("GG-14")
def test_renewed_by_hand_at_the_very_end_it_does_not_renew_itself_too() -> None:
    told = _package_until_ten_on_the_second(renew("2 10:00"), auto_renew=True)

    assert told.reasons() == []
    assert told.amounts(meter="term") == ["60.00", "60.00"]
    assert told.notices("term_renewed") == [instant("2 10:00")]


@pytest.mark.req("GG-14")
def test_auto_renewal_may_be_switched_until_the_very_end() -> None:
    switched_off = _package_until_ten_on_the_second(auto_renew("2 10:00", enabled=False), auto_renew=True)
    switched_on = _package_until_ten_on_the_second(auto_renew("2 10:00", enabled=True))

    assert switched_off.notices("term_expired") == [instant("2 10:00")]
    assert switched_off.amounts(meter="term") == ["60.00"]
    assert switched_on.notices("term_expired") == []
    assert switched_on.amounts(meter="term") == ["60.00", "60.00"]


@pytest.mark.req("GG-16")
def test_a_package_left_at_the_very_instant_of_its_end_goes_on_by_use() -> None:
    told = _package_until_ten_on_the_second(change("2 10:00", "payg"), stop("2 10:30"), auto_renew=True)

    assert told.notices("term_expired") == []
    assert told.amounts(sku="rtx-4090") == ["60.00", "1.60"]


@pytest.mark.req("NL-11")
def test_a_neolink_package_that_its_user_stopped_is_not_started_by_a_renewal_at_the_very_end() -> None:
    told = tell(
        opened("neolink"),
        topup("00:00", "100"),
        request("10:00", "rtx-4090", mode="package", term="daily"),
        start("10:00", "rtx-4090", mode="package"),
        stop("11:00"),
        renew("2 10:00"),
        until=instant("2 12:00"),
    )

    assert [c[1] for c in told.commands()] == ["instance.start"]
    assert told.notices("term_expired") == []
