"""What is decided late takes effect at its own time (contract 8.1): it does not undo what was decided after it."""

import pytest

from tests.scenarios.renting import start, stop
from tests.scenarios.telling import event, instant, opened, paid, settings, tell, tick

FLEX = opened("flexai")
CREATED = event("key.created", "01:00", {"key": "k"})


def tiered(time: str, tier: str) -> bytes:
    """An operator decides on the key's tier."""
    return event("key.tier_changed", time, {"key": "k", "tier": tier}, id=f"{tier} {time}")


def created(time: str, **data: object) -> bytes:
    """The key begins, at a tier or at the account's."""
    return event("key.created", time, {"key": "k"} | data)


# --- tiers of keys -----------------------------------------------------------------------------------------

TOPUP = paid("02:00", "5")


@pytest.mark.req("FA-14", "R-FA4", "X-02")
@pytest.mark.parametrize(
    ("story", "tier"),
    [
        ((CREATED, tiered("02:00", "elevated"), tiered("03:00", "free")), "free"),
        ((created("01:00", tier="elevated"), TOPUP), "paid"),
        ((CREATED, TOPUP, tiered("03:00", "elevated")), "elevated"),
        ((CREATED, tiered("01:30", "elevated"), TOPUP), "paid"),
        ((TOPUP, created("03:00")), "paid"),
        ((TOPUP, created("03:00", tier="free")), "free"),
        ((CREATED, TOPUP, tiered("03:00", "elevated"), paid("04:00", "5")), "elevated"),
    ],
)
def test_a_tier_is_the_same_in_every_order_of_arrival(story: tuple[bytes, ...], tier: str) -> None:
    in_time, backwards = tell(FLEX, *story), tell(FLEX, *reversed(story))

    assert in_time.line()["keys"] == {"k": tier}
    assert backwards.line()["keys"] == {"k": tier}
    assert backwards.reasons() == []


@pytest.mark.req("R-FA4")
def test_at_one_instant_tiers_are_taken_in_order_of_arrival() -> None:
    word_first = tell(FLEX, CREATED, tiered("02:00", "elevated"), TOPUP)
    topup_first = tell(FLEX, CREATED, TOPUP, tiered("02:00", "elevated"))
    two_words = tell(FLEX, CREATED, tiered("02:00", "elevated"), tiered("02:00", "free"))

    assert [told.line()["keys"]["k"] for told in (word_first, topup_first, two_words)] == [
        "paid",
        "elevated",
        "free",
    ]


# --- settings ----------------------------------------------------------------------------------------------


def test_a_late_threshold_does_not_replace_a_later_one() -> None:
    told = tell(
        opened("puredocs"),
        paid("00:00", "5"),
        settings("03:00", low_balance="100"),
        settings("02:00", low_balance="900"),
        tick("04:00"),
    )

    assert told.notices("low_balance") == []


def test_a_late_setting_stands_where_nothing_was_set_after_it() -> None:
    told = tell(
        opened("puredocs"),
        paid("00:00", "5"),
        settings("03:00", digest="daily"),
        settings("02:00", low_balance="900", digest="off"),
        start("04:00", "gpu-s"),
        stop("04:10"),
        tick("2 01:00"),
    )

    assert told.notices("low_balance") == [instant("03:00")]
    assert told.notices("spend_digest") == [instant("2 00:00")]


def test_limits_of_spending_are_each_a_setting_of_its_own() -> None:
    told = tell(
        opened("puredocs"),
        paid("00:00", "5"),
        settings("03:00", spend_limits={"a": "1000"}),
        settings("02:00", spend_limits={"a": "10", "b": "10"}),
        start("04:00", "gpu-s", "a"),
        start("04:00", "gpu-s", "b"),
    )

    assert [n["resource"] for n in told.of("notice", type="spend_limit")] == ["b"]


@pytest.mark.req("PD-13")
def test_a_late_auto_refill_does_not_undo_its_switching_off() -> None:
    refill = {"enabled": True, "threshold": "500", "amount": "2000"}
    told = tell(
        opened("puredocs"),
        settings("03:00", auto_refill={"enabled": False}),
        settings("02:00", auto_refill=refill),
        tick("04:00"),
    )

    assert told.commands() == []


def test_a_setting_that_is_late_and_refused_is_refused_all_the_same() -> None:
    told = tell(
        opened("puredocs"),
        settings("03:00", auto_refill={"enabled": False}),
        settings("02:00", auto_refill={"enabled": True, "threshold": "500", "amount": "1"}),
    )

    assert told.reasons() == ["below_minimum"]
