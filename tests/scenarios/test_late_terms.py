"""What is told late of packages (X-02, X-03): bought, renewed, switched and changed as if in time, within what was sent."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.events import Mode
from streams.core.book import Book
from tests.scenarios.renting import auto_renew, change, release, renew, request, sample, start, stop, topup
from tests.scenarios.telling import BOOK, Told, granted, instant, opened, tell, tick

GPUGEEK = (opened("gpugeek"), topup("00:00", "10000"))
NEOLINK = (opened("neolink"), topup("00:00", "10000"))


def package(time: str, **data: Any) -> bytes:
    """A daily package is asked for."""
    return request(time, "rtx-4090", mode="package", term="daily", **data)


def running(time: str, **data: Any) -> bytes:
    """It starts in mode package."""
    return start(time, "rtx-4090", mode="package", **data)


def terms(told: Told) -> list[tuple[str, str, str]]:
    """(time, start, amount) of every charge of a term."""
    return [(c["time"], c["start"], c["amount"]) for c in told.charges(meter="term")]


# --- bought late -----------------------------------------------------------------------------------------------


@pytest.mark.req("X-02", "GG-10")
def test_a_start_that_a_late_purchase_covers_costs_nothing_after_all() -> None:
    told = tell(
        *GPUGEEK, start("10:30", "rtx-4090"), tick("11:30"), package("10:00"), stop("13:00"), tick("14:00")
    )

    assert told.cost("i-1") == Decimal("60.00")
    assert [(c["amount"], c["time"]) for c in told.charges() if "corrects" in c] == [
        ("-1.60", instant("11:30"))
    ]


@pytest.mark.req("X-02", "GG-13")
def test_a_package_that_starts_before_its_late_purchase_ends_with_its_term() -> None:
    told = tell(*GPUGEEK, running("10:01"), tick("10:05"), package("10:00"), until=instant("3 00:00"))

    assert told.reasons() == ["resource_state"]
    assert [c[:2] for c in told.commands()][1:] == [
        (instant("2 10:00"), "instance.stop"),
        (instant("2 10:00"), "gpu.release"),
    ]
    assert told.amounts() == ["60.00"]


@pytest.mark.req("X-02")
def test_a_purchase_that_is_heard_of_when_a_later_term_is_paid_is_refused() -> None:
    told = tell(*GPUGEEK, package("3 10:00"), package("1 10:00"))

    assert told.reasons() == ["resource_state"]


@pytest.mark.req("X-02", "NL-17")
def test_a_late_purchase_pays_the_disk_that_was_there_at_its_time() -> None:
    told = tell(*NEOLINK, start("1 20:00", "rtx-4090", disk_gb="50"), package("1 10:00"), tick("1 21:00"))

    assert told.charges(sku="instance-disk", unit_price="0.01") == []
    assert told.charges(meter="term")[0]["amount"] == "40.00"


# --- starts told late ------------------------------------------------------------------------------------------


@pytest.mark.req("X-02", "GG-13")
def test_a_late_start_in_a_term_that_is_over_is_stopped_at_once_and_owes_nothing() -> None:
    told = tell(*GPUGEEK, package("10:00"), tick("3 00:00"), running("10:01"), tick("3 05:00"))

    assert told.amounts() == ["60.00"]
    assert told.commands()[-1] == (instant("3 00:00"), "instance.stop", "i-1", "expired")
    assert (
        tell(
            *GPUGEEK, package("10:00"), tick("3 00:00"), running("10:01"), stop("3 00:01", reason="expired")
        ).reasons()
        == []
    )
    assert (
        tell(
            *GPUGEEK, package("10:00"), tick("3 00:00"), running("10:01"), start("3 01:00", "rtx-4090")
        ).reasons()
        == []
    )


@pytest.mark.req("X-02", "GG-16")
def test_a_late_start_in_a_term_that_was_changed_since_is_covered_until_the_change() -> None:
    told = tell(
        *GPUGEEK,
        package("10:00"),
        running("10:01"),
        stop("11:00"),
        change("13:00", "payg"),
        tick("13:30"),
        start("12:00", "rtx-4090"),
        stop("14:00"),
    )

    assert told.charges(meter="duration")[0]["start"] == instant("13:00")
    assert sum(Decimal(c["amount"]) for c in told.charges(meter="duration")) == Decimal("3.20")


@pytest.mark.req("GG-10")
def test_a_term_covers_its_own_machine_and_no_other() -> None:
    told = tell(*GPUGEEK, package("10:00"), start("11:00", "a100"), stop("12:00"))

    assert told.amounts(meter="duration") == ["9.00"]


# --- renewed late ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", [GPUGEEK, NEOLINK])
@pytest.mark.req("X-02", "GG-14", "NL-11")
def test_a_renewal_from_before_the_end_that_comes_after_it_starts_the_instance_again(
    account: tuple[bytes, ...],
) -> None:
    told = tell(
        *account, package("10:00"), running("10:01"), tick("2 12:00"), renew("2 09:00"), tick("2 13:00")
    )

    assert [time for time, _, _ in terms(told)] == [instant("10:00"), instant("2 12:00")]
    assert terms(told)[1][1] == instant("2 10:00")
    assert told.commands()[-1] == (instant("2 12:00"), "instance.start", "i-1", "resumed")


@pytest.mark.req("X-02", "GG-14")
def test_what_ran_by_use_since_the_end_is_covered_by_a_late_renewal() -> None:
    told = tell(
        *GPUGEEK,
        package("10:00"),
        running("10:01"),
        tick("2 10:00"),
        start("2 10:30", "rtx-4090"),
        tick("2 12:00"),
        renew("2 09:00"),
        tick("2 15:00"),
    )

    assert told.cost("i-1") == Decimal("120.00")
    assert [c[3] for c in told.commands()].count("resumed") == 0


@pytest.mark.req("X-02", "GG-14")
def test_a_user_who_had_stopped_before_the_end_is_not_started_by_a_late_renewal() -> None:
    told = tell(
        *GPUGEEK, package("10:00"), running("10:01"), stop("20:00"), tick("2 12:00"), renew("2 09:00")
    )

    assert [c[3] for c in told.commands()] == ["admitted", "expired"]


@pytest.mark.req("X-02", "GG-14")
def test_a_late_renewal_takes_the_place_of_the_one_that_came_by_itself() -> None:
    told = tell(
        *GPUGEEK,
        package("10:00", auto_renew=True),
        tick("2 12:00"),
        renew("2 09:00"),
        until=instant("3 09:00"),
    )

    assert len(terms(told)) == 2
    assert told.reasons() == []


@pytest.mark.req("NL-11")
def test_what_runs_by_use_when_its_term_begins_again_is_paid_by_the_term_from_then() -> None:
    told = tell(
        *NEOLINK,
        package("10:00"),
        running("10:01"),
        tick("2 10:00"),
        start("2 11:00", "rtx-4090"),
        renew("2 12:30"),
        until=instant("4 00:00"),
    )

    assert told.amounts(meter="duration") == ["1.98", "0.99"]
    assert [c[3] for c in told.commands()] == ["admitted", "expired", "expired"]


@pytest.mark.req("NL-11")
def test_a_renewal_at_the_very_end_finds_it_running_and_starts_nothing() -> None:
    told = tell(*NEOLINK, package("10:00"), running("10:01"), renew("2 10:00"), tick("2 12:00"))

    assert [c[1] for c in told.commands()] == ["instance.start"]
    assert len(terms(told)) == 2


# --- auto-renewal switched late --------------------------------------------------------------------------------


@pytest.mark.req("X-02", "GG-14")
def test_auto_renewal_switched_on_before_an_end_that_has_passed_renews_it() -> None:
    told = tell(
        *GPUGEEK,
        package("10:00"),
        running("10:01"),
        tick("2 12:00"),
        auto_renew("2 09:00", True),
        until=instant("3 12:00"),
    )

    assert terms(told) == [
        (instant("10:00"), instant("10:00"), "60.00"),
        (instant("2 12:00"), instant("2 10:00"), "60.00"),
        (instant("3 10:00"), instant("3 10:00"), "60.00"),
    ]
    assert told.commands()[-1] == (instant("2 12:00"), "instance.start", "i-1", "resumed")
    assert told.notices("term_renewed") == [instant("2 12:00"), instant("3 10:00")]


@pytest.mark.req("X-02", "GG-14", "R-GG4")
def test_switched_on_late_without_the_money_nothing_is_renewed() -> None:
    told = tell(
        opened("gpugeek"),
        topup("00:00", "100"),
        package("10:00"),
        running("10:01"),
        tick("2 12:00"),
        auto_renew("2 09:00", True),
    )

    assert len(terms(told)) == 1
    assert told.notices("renewal_failed") == [instant("2 12:00")]


@pytest.mark.req("X-03", "GG-14")
def test_auto_renewal_switched_off_before_an_end_that_has_passed_takes_the_renewal_back() -> None:
    told = tell(
        opened("gpugeek"),
        topup("00:00", "60"),
        granted("00:01", "60"),
        package("10:00", auto_renew=True),
        running("10:01", disk_gb="200"),
        tick("2 12:00"),
        auto_renew("2 09:00", False),
        until=instant("2 14:00"),
    )

    renewal, back = told.charges(meter="term")[1:]
    assert (back["corrects"], back["amount"], back["quantity"]) == (renewal["id"], "-60.00", "-1")
    assert (back["time"], back["start"]) == (instant("2 12:00"), instant("2 10:00"))
    assert [(e["type"], e["amount"], e["bucket"]) for e in told.entries(charge=back["id"])] == [
        ("correction", "60.00", "paid")
    ]
    assert told.commands()[-2:] == [
        (instant("2 12:00"), "instance.stop", "i-1", "expired"),
        (instant("2 12:00"), "gpu.release", "i-1", "expired"),
    ]
    # The disk is not covered any more from the end on.
    assert [(c["start"], c["amount"]) for c in told.charges(sku="instance-disk")] == [
        (instant("2 10:00"), "0.10"),
        (instant("2 11:00"), "0.10"),
        (instant("2 12:00"), "0.10"),
        (instant("2 13:00"), "0.10"),
    ]


@pytest.mark.req("X-03", "GG-14")
def test_what_was_started_by_use_in_a_renewal_that_is_taken_back_is_billed() -> None:
    told = tell(
        *GPUGEEK,
        package("10:00", auto_renew=True),
        tick("2 10:30"),
        start("2 11:00", "rtx-4090"),
        tick("2 12:30"),
        auto_renew("2 09:00", False),
        stop("2 13:00"),
    )

    assert told.cost("i-1") == Decimal("66.40")
    assert [c[1] for c in told.commands()] == ["instance.start", "gpu.release", "gpu.release"]


@pytest.mark.req("X-02", "GG-14")
def test_of_two_switches_the_later_in_time_counts_not_the_later_heard() -> None:
    told = tell(
        *GPUGEEK, package("10:00"), auto_renew("12:00", False), auto_renew("11:00", True), tick("2 12:00")
    )

    assert len(terms(told)) == 1


# --- changed late ----------------------------------------------------------------------------------------------


@pytest.mark.req("X-02", "GG-16", "GG-09")
def test_a_late_change_that_comes_after_the_stop_releases_the_gpu() -> None:
    told = tell(
        *GPUGEEK, package("10:00"), running("10:01"), stop("12:00"), change("11:00", "payg"), tick("13:00")
    )

    assert told.commands()[-1] == (instant("12:00"), "gpu.release", "i-1", "stopped")
    assert told.balance() == "9993.60"


@pytest.mark.req("X-02", "GG-09")
def test_a_late_change_between_modes_paid_by_use_releases_the_gpu_once() -> None:
    told = tell(*GPUGEEK, start("10:00", "rtx-4090"), stop("12:00"), change("11:00", "spot"), tick("13:00"))

    assert told.cost("i-1") == Decimal("4.80")
    assert [c[1] for c in told.commands()] == ["gpu.release"]


@pytest.mark.req("X-02", "GG-16")
def test_a_stop_told_late_leaves_nothing_running_for_a_change_after_it() -> None:
    told = tell(
        *GPUGEEK,
        start("10:00", "rtx-4090"),
        change("12:00", "spot"),
        tick("12:30"),
        stop("11:00"),
        tick("15:00"),
    )

    assert told.cost("i-1") == Decimal("3.20")


@pytest.mark.req("X-02", "GG-16")
def test_a_start_told_late_is_changed_by_the_change_after_it() -> None:
    told = tell(
        *GPUGEEK,
        start("09:00", "rtx-4090"),
        stop("09:30"),
        change("11:00", "spot"),
        start("10:00", "rtx-4090"),
        stop("12:00"),
    )

    assert told.cost("i-1") == Decimal("1.60") + Decimal("3.20") + Decimal("1.60")


# --- sizes told late -------------------------------------------------------------------------------------------


@pytest.mark.req("X-02", "GG-23")
def test_a_disk_heard_of_after_the_release_has_ended_with_it() -> None:
    told = tell(
        *GPUGEEK,
        start("10:00", "rtx-4090"),
        release("12:00"),
        tick("13:30"),
        sample("11:00", "2000", "i-1", "instance-disk"),
        tick("15:00"),
    )

    assert told.amounts(sku="instance-disk") == ["1.00"]


# --- seldom ----------------------------------------------------------------------------------------------------


def sold_otherwise(**terms: Any) -> Book:
    """GPUGEEK, but for the a100, which is sold in packages only, and for `terms`."""
    profile = BOOK.offers["gpugeek"].profile
    a100 = profile.skus["a100"].model_copy(update={"modes": (Mode.PACKAGE,)})
    update = {"skus": profile.skus | {"a100": a100}, "terms": profile.terms.model_copy(update=terms)}
    return Book([profile.model_copy(update=update)])


@pytest.mark.req("X-03", "GG-14")
def test_what_is_sold_in_packages_only_did_not_start_in_a_renewal_that_is_taken_back() -> None:
    told = tell(
        *GPUGEEK,
        request("10:00", "a100", mode="package", term="daily", auto_renew=True),
        tick("2 10:30"),
        start("2 11:00", "a100"),
        tick("2 12:30"),
        auto_renew("2 09:00", False),
        tick("2 14:00"),
        book=sold_otherwise(),
    )

    assert told.cost("i-1") == Decimal("170.00")


@pytest.mark.req("X-03", "NL-17")
def test_a_prepaid_disk_goes_back_with_the_renewal_that_it_belongs_to() -> None:
    told = tell(
        *GPUGEEK,
        package("10:00", auto_renew=True, disk_gb="2000"),
        tick("2 12:30"),
        auto_renew("2 09:00", False),
        book=sold_otherwise(disk="prepaid"),
    )

    # Two days of the disk are 1.00 each; of the second nothing is left, but two hours by use at 1.00.
    disk = [(c["amount"], "corrects" in c) for c in told.charges(sku="instance-disk")]
    assert disk == [("1.00", False), ("1.00", False), ("-1.00", True), ("1.00", False), ("1.00", False)]
    assert told.balance() == "9937.00"


@pytest.mark.req("X-02", "GG-16")
def test_a_late_change_to_a_package_is_refused_where_a_later_term_is_paid() -> None:
    told = tell(
        *GPUGEEK,
        start("10:00", "rtx-4090"),
        stop("11:00"),
        package("3 10:00"),
        change("10:30", "package", term="daily"),
    )

    assert told.reasons() == ["resource_state"]


@pytest.mark.req("GG-14", "X-02")
def test_a_switch_of_auto_renewal_that_changes_nothing_late_changes_nothing() -> None:
    bought = package("10:00", auto_renew=True)
    failed = tell(
        opened("gpugeek"), topup("00:00", "60"), bought, tick("2 12:00"), auto_renew("2 09:00", True)
    )
    off = tell(*GPUGEEK, package("10:00"), tick("2 12:00"), auto_renew("2 09:00", False))

    assert failed.notices("renewal_failed") == [instant("2 10:00")]
    assert len(terms(off)) == len(terms(failed)) == 1


@pytest.mark.req("GG-14", "X-02", "X-03")
def test_hours_that_a_late_renewal_covers_twice_and_uncovers_twice_are_charged_after_all() -> None:
    switched = [
        line
        for minute, enabled in enumerate((True, False, True, False))
        for line in (auto_renew(f"2 09:0{minute}", enabled), tick(f"2 13:0{minute}"))
    ]

    told = tell(*GPUGEEK, package("10:00"), start("2 11:00", "rtx-4090"), tick("2 13:00"), *switched)

    # Two hours, twice taken back and twice written again, each time under ids of their own.
    assert told.amounts(meter="duration") == ["3.20", "3.20", *["-3.20", "-3.20", "3.20", "3.20"] * 2]


@pytest.mark.req("GG-13", "GG-14", "X-02")
def test_a_renewal_taken_back_after_months_ends_the_session_that_began_with_the_first_term() -> None:
    told = tell(
        *GPUGEEK,
        request("10:00", "rtx-4090", mode="package", term="monthly", auto_renew=True),
        running("10:00"),
        tick("2027-02-03T00:00:00Z"),
        auto_renew("2027-01-25T00:00:00Z", False),
    )

    # Renewed on 1 and 31 December and on 30 January, which is taken back: the first term is forgotten by then.
    assert [start[:10] for _, start, _ in terms(told)] == [
        "2026-11-01",
        "2026-12-01",
        "2026-12-31",
        "2027-01-30",
        "2027-01-30",
    ]
    assert ("2027-02-03T00:00:00.000Z", "instance.stop", "i-1", "expired") in told.commands()


@pytest.mark.req("X-02", "GG-14")
def test_what_waited_for_a_late_purchase_finds_the_renewals_that_came_before_it() -> None:
    told = tell(
        *GPUGEEK,
        auto_renew("2 12:00", False),
        package("1 10:00", auto_renew=True),
        until=instant("4 00:00"),
    )

    assert told.reasons() == []
    assert [start for _, start, _ in terms(told)] == [instant("10:00"), instant("2 10:00")]


@pytest.mark.req("GG-16")
def test_a_change_at_the_instant_of_the_start_is_a_start_in_the_other_mode() -> None:
    told = tell(*GPUGEEK, start("10:00", "rtx-4090"), change("10:00", "spot"), stop("11:00"))

    assert told.amounts() == ["1.60"]
