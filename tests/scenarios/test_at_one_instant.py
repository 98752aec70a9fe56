"""Events of an instant come before its timers: what they change is what the timers find (contract 8.1)."""

from tests.scenarios.renting import start, stop
from tests.scenarios.telling import instant, opened, paid, settings, tell, tick

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
