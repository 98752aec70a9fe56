"""GPUGEEK: packages (GG-10 … GG-17, GG-25, GG-26): bought, reminded of, renewed, changed, expired."""

from decimal import Decimal
from typing import Any

import pytest

from tests.scenarios.renting import (
    alive,
    auto_renew,
    change,
    release,
    renew,
    request,
    shown,
    start,
    stop,
    topup,
)
from tests.scenarios.telling import BOOK, Record, instant, opened, settings, tell, tick

OPENED = opened("gpugeek")
FUNDED = topup("00:00", "10000")


def package(
    time: str, term: str = "monthly", resource: str = "i-1", sku: str = "rtx-4090", **data: Any
) -> bytes:
    """A package is asked for."""
    return request(time, sku, resource, mode="package", term=term, **data)


def running(time: str, resource: str = "i-1", sku: str = "rtx-4090", **data: Any) -> bytes:
    """It starts in mode package."""
    return start(time, sku, resource, mode="package", **data)


@pytest.mark.parametrize(
    ("term", "price", "begin", "end"),
    [
        ("daily", "60.00", "2026-11-01T10:00:00Z", "2026-11-02T10:00:00.000Z"),
        ("weekly", "380.00", "2026-11-01T10:00:00Z", "2026-11-08T10:00:00.000Z"),
        ("monthly", "1500.00", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00.000Z"),
        ("monthly", "1500.00", "2027-01-31T12:00:00Z", "2027-03-02T12:00:00.000Z"),
        ("monthly", "1500.00", "2028-01-31T12:00:00Z", "2028-03-01T12:00:00.000Z"),
    ],
)
@pytest.mark.req("GG-10", "GG-15")
def test_a_term_is_paid_in_full_at_the_request_and_counts_hours_not_calendar_months(
    term: str, price: str, begin: str, end: str
) -> None:
    told = tell(OPENED, FUNDED, package(begin, term), tick(begin))

    (charge,) = told.charges()
    assert (charge["meter"], charge["unit"], charge["quantity"], charge["unit_price"], charge["amount"]) == (
        "term",
        "term",
        "1",
        price,
        price,
    )
    assert (charge["start"], charge["end"], charge["time"]) == (instant(begin), end, instant(begin))
    assert told.commands() == [(instant(begin), "instance.start", "i-1", "admitted")]


@pytest.mark.parametrize(("balance", "reasons"), [("59.99", ["insufficient_balance"]), ("60.00", [])])
@pytest.mark.req("GG-10")
def test_a_package_needs_its_price_and_no_more(balance: str, reasons: list[str]) -> None:
    told = tell(OPENED, topup("00:00", balance), package("10:00", "daily"))

    assert told.reasons() == reasons
    assert told.balance() == ("0.00" if not reasons else balance)


@pytest.mark.req("GG-10", "GG-07")
def test_a_package_needs_its_price_after_what_has_accrued() -> None:
    story = (OPENED, topup("00:00", "63.20"), start("10:00", "rtx-4090", "a"))

    assert tell(*story, package("11:00", "daily")).reasons() == []
    assert tell(*story, tick("11:00"), package("11:00:10", "daily")).reasons() == ["insufficient_balance"]


@pytest.mark.req("GG-10")
def test_a_start_inside_a_paid_term_is_free_on_and_off() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily"),
        running("10:01"),
        stop("12:00"),
        start("13:00", "rtx-4090"),
        stop("20:00"),
        tick("2 09:00"),
    )

    assert told.amounts() == ["60.00"]
    assert told.reasons() == []
    assert [c[1] for c in told.commands()] == ["instance.start"]


@pytest.mark.req("GG-10")
def test_a_package_does_not_start_without_a_paid_term() -> None:
    assert tell(OPENED, FUNDED, running("10:00")).reasons() == ["resource_state"]
    assert tell(OPENED, FUNDED, package("10:00", "daily"), running("2 10:00")).reasons() == ["resource_state"]
    assert tell(OPENED, FUNDED, request("10:00", "rtx-4090"), running("10:01")).reasons() == [
        "resource_state"
    ]


def test_a_second_package_inside_a_paid_term_is_refused() -> None:
    assert tell(OPENED, FUNDED, package("10:00", "daily"), package("11:00", "monthly")).reasons() == [
        "resource_state"
    ]


def test_a_package_without_a_term_is_a_fault_of_form() -> None:
    assert tell(OPENED, FUNDED, request("10:00", "rtx-4090", mode="package")).reasons() == ["schema_invalid"]


# --- the reminder ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "reminder"),
    [
        ("monthly", "2026-11-24T00:00:00.000Z"),
        ("weekly", "2026-11-01T00:00:00.000Z"),
        ("daily", "2026-11-01T00:00:00.000Z"),
    ],
)
@pytest.mark.req("GG-12", "R-GG3")
def test_the_reminder_is_seven_days_before_the_end_or_at_the_start(term: str, reminder: str) -> None:
    told = tell(OPENED, FUNDED, package("00:00", term), until="2026-12-02T00:00:00Z")

    assert told.notices("term_expiring") == [reminder]


@pytest.mark.req("GG-12", "GG-14")
def test_the_reminder_is_also_sent_when_the_term_renews_itself_once_a_period() -> None:
    told = tell(OPENED, FUNDED, package("00:00", "daily", auto_renew=True), until=instant("3 12:00"))

    notices = told.of("notice", type="term_expiring")
    assert [n["time"] for n in notices] == [instant("00:00"), instant("2 00:00"), instant("3 00:00")]
    assert {n["values"]["auto_renew"] for n in notices} == {"true"}


@pytest.mark.req("GG-12")
def test_a_term_renewed_by_hand_has_a_reminder_of_its_own() -> None:
    told = tell(OPENED, FUNDED, package("00:00", "weekly"), renew("2 00:00"), until="2026-12-02T00:00:00Z")

    assert told.notices("term_expiring") == [instant("1 00:00"), instant("8 00:00")]


@pytest.mark.req("GG-12", "R-GG3")
def test_a_term_that_is_renewed_already_is_reminded_of_before_its_new_end_only() -> None:
    told = tell(OPENED, FUNDED, package("00:00"), renew("10 00:00"), until="2027-01-01T00:00:00Z")

    (notice,) = told.of("notice", type="term_expiring")
    assert (notice["time"], notice["values"]["expires"]) == (
        "2026-12-24T00:00:00.000Z",
        "2026-12-31T00:00:00.000Z",
    )


@pytest.mark.req("GG-12")
def test_after_a_release_or_a_change_of_mode_there_is_no_reminder() -> None:
    bought = (OPENED, FUNDED, package("00:00"), running("00:01"))

    assert tell(*bought, release("2 00:00"), until=instant("30 00:00")).notices("term_expiring") == []
    assert tell(*bought, change("2 00:00", "payg"), until=instant("30 00:00")).notices("term_expiring") == []


# --- expiry ----------------------------------------------------------------------------------------------------


@pytest.mark.req("GG-13")
def test_at_expiry_the_instance_is_shut_down_and_the_gpu_released() -> None:
    told = tell(OPENED, FUNDED, package("10:00", "daily"), running("10:01"), tick("3 00:00"))

    end = instant("2 10:00")
    assert told.commands()[1:] == [
        (end, "instance.stop", "i-1", "expired"),
        (end, "gpu.release", "i-1", "expired"),
    ]
    assert shown(told.of("notice", type="term_expired")) == [(end, "i-1")]
    assert told.amounts() == ["60.00"]


@pytest.mark.req("GG-13")
def test_a_stop_that_confirms_the_expiry_changes_nothing() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily"),
        running("10:01"),
        alive("2 10:00:01"),
        stop("2 10:00:05", reason="expired"),
        tick("3 00:00"),
    )

    assert told.reasons() == []
    assert told.amounts() == ["60.00"]
    assert len(told.notices("resource_stopped")) == 1


@pytest.mark.req("GG-13")
def test_a_package_that_does_not_run_expires_too() -> None:
    told = tell(OPENED, FUNDED, package("10:00", "daily"), running("10:01"), stop("11:00"), tick("3 00:00"))

    assert [c[1] for c in told.commands()] == ["instance.start", "gpu.release"]
    assert told.notices("term_expired") == [instant("2 10:00")]


@pytest.mark.req("GG-13")
def test_after_an_expiry_that_stopped_nothing_a_stop_is_refused() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily"),
        running("10:01"),
        stop("11:00"),
        stop("2 10:05"),
        alive("2 10:06"),
    )

    assert told.reasons() == ["resource_state", "resource_state"]


@pytest.mark.req("GG-13")
def test_after_expiry_the_instance_may_run_by_use() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily"),
        running("10:01"),
        tick("2 11:00"),
        request("2 11:00", "rtx-4090"),
        start("2 11:00", "rtx-4090"),
        stop("2 12:00"),
    )

    assert told.amounts() == ["60.00", "3.20"]
    assert told.reasons() == []


@pytest.mark.req("GG-13", "X-02")
def test_a_stop_that_comes_after_the_expiry_with_an_earlier_time_costs_nothing() -> None:
    told = tell(OPENED, FUNDED, package("10:00", "daily"), running("10:01"), tick("3 00:00"), stop("1 12:00"))

    assert told.amounts() == ["60.00"]


# --- renewal ---------------------------------------------------------------------------------------------------


@pytest.mark.req("GG-14", "R-GG4")
def test_with_auto_renewal_a_new_period_is_charged_at_expiry_and_nothing_stops() -> None:
    told = tell(OPENED, FUNDED, package("10:00", "daily", auto_renew=True), running("10:01"), tick("3 12:00"))

    assert [(c["time"], c["start"], c["end"], c["amount"]) for c in told.charges()] == [
        (instant("10:00"), instant("10:00"), instant("2 10:00"), "60.00"),
        (instant("2 10:00"), instant("2 10:00"), instant("3 10:00"), "60.00"),
        (instant("3 10:00"), instant("3 10:00"), instant("4 10:00"), "60.00"),
    ]
    assert [c[1] for c in told.commands()] == ["instance.start"]
    assert told.notices("term_renewed") == [instant("2 10:00"), instant("3 10:00")]


@pytest.mark.req("GG-14", "R-GG4")
def test_without_the_money_it_is_not_renewed_but_shut_down() -> None:
    told = tell(
        OPENED,
        topup("00:00", "119.99"),
        package("10:00", "daily", auto_renew=True),
        running("10:01"),
        tick("3 12:00"),
    )

    end = instant("2 10:00")
    assert told.balance() == "59.99"
    assert shown(told.of("notice", type="renewal_failed")) == [(end, "i-1")]
    assert [(c[0], c[1]) for c in told.commands()][1:] == [(end, "instance.stop"), (end, "gpu.release")]
    assert told.notices("term_expired") == [end]


@pytest.mark.req("GG-14")
def test_auto_renewal_is_switched_on_and_off() -> None:
    bought = (OPENED, FUNDED, package("10:00", "daily"), running("10:01"))

    assert len(tell(*bought, auto_renew("11:00", True), tick("2 12:00")).charges()) == 2
    assert (
        len(tell(*bought, auto_renew("11:00", True), auto_renew("12:00", False), tick("2 12:00")).charges())
        == 1
    )
    assert tell(*bought, auto_renew("2 11:00", True)).reasons() == ["resource_state"]
    assert tell(OPENED, FUNDED, request("10:00", "rtx-4090"), auto_renew("10:05", True)).reasons() == [
        "resource_state"
    ]


@pytest.mark.req("GG-14")
def test_a_renewal_before_expiry_extends_from_the_old_end() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily"),
        running("10:01"),
        renew("20:00", term="weekly"),
        until=instant("10 00:00"),
    )

    assert [(c["time"], c["start"], c["end"], c["amount"]) for c in told.charges()][1] == (
        instant("20:00"),
        instant("2 10:00"),
        instant("9 10:00"),
        "380.00",
    )
    assert told.notices("term_expired") == [instant("9 10:00")]
    assert told.notices("term_renewed") == [instant("20:00")]


@pytest.mark.req("GG-14")
def test_a_renewal_suffices_with_an_approved_request() -> None:
    assert tell(OPENED, FUNDED, package("10:00", "daily"), renew("11:00")).reasons() == []


@pytest.mark.req("GG-14")
def test_a_renewal_may_spend_what_its_own_instance_holds_for_an_hour() -> None:
    bought = (OPENED, topup("00:00", "120"), package("10:00", "daily"))

    assert tell(*bought, request("11:00", "rtx-4090"), renew("11:05")).reasons() == []
    assert tell(*bought, request("11:00", "rtx-4090", "other"), renew("11:05")).reasons() == [
        "insufficient_balance"
    ]


@pytest.mark.req("GG-14", "X-02")
def test_a_late_renewal_from_before_the_start_suffices_with_the_request() -> None:
    assert (
        tell(
            OPENED, FUNDED, package("10:00", "daily"), running("12:00"), renew("11:00"), tick("15:00")
        ).reasons()
        == []
    )


@pytest.mark.req("GG-14")
def test_a_renewal_without_the_money_after_expiry_or_without_a_term_is_refused() -> None:
    assert tell(OPENED, topup("00:00", "100"), package("10:00", "daily"), renew("11:00")).reasons() == [
        "insufficient_balance"
    ]
    assert tell(OPENED, FUNDED, package("10:00", "daily"), renew("2 10:00:01")).reasons() == [
        "resource_state"
    ]
    assert tell(OPENED, FUNDED, start("10:00", "rtx-4090"), renew("11:00")).reasons() == ["resource_state"]
    assert tell(
        OPENED, FUNDED, package("10:00", "daily"), running("10:01"), release("11:00"), renew("12:00")
    ).reasons() == ["resource_state"]
    assert tell(OPENED, FUNDED, renew("11:00"), tick("13:00")).reasons() == ["unknown_resource"]


@pytest.mark.req("GG-20")
def test_a_term_that_is_paid_comes_before_the_quota() -> None:
    quota = settings("00:00", instance_quota=1)

    told = tell(OPENED, FUNDED, quota, package("10:00", "daily"), package("11:00", "daily"))
    other = tell(OPENED, FUNDED, quota, package("10:00", "daily"), package("10:01", "daily", "i-2"))

    assert told.reasons() == ["resource_state"]
    assert other.reasons() == ["instance_quota"]


# --- change of mode --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours_later", "back"), [("5 04:00", "1180.00"), ("20 12:32:30", "0.67"), ("25 00:00", None)]
)
@pytest.mark.req("GG-16", "R-GG5")
def test_from_a_package_the_rest_is_given_back(hours_later: str, back: str | None) -> None:
    # 100 h × 3.20 = 320; 1,499.33 used; more than was paid.
    told = tell(
        OPENED, FUNDED, package("00:00"), running("00:00"), change(hours_later, "payg"), stop(hours_later)
    )

    assert told.amounts("entry", type="refund") == ([back] if back else [])
    assert told.reasons() == []


@pytest.mark.req("GG-16")
def test_the_documents_example_of_a_change() -> None:
    from streams.core.book import Book

    profile = BOOK.offers["gpugeek"].profile
    sku = profile.skus["rtx-4090"]
    price = sku.prices[0].model_copy(
        update={"payg": Decimal("1.50"), "terms": {term: Decimal(600) for term in sku.prices[0].terms}}
    )
    book = Book(
        [
            profile.model_copy(
                update={"skus": profile.skus | {"rtx-4090": sku.model_copy(update={"prices": (price,)})}}
            )
        ]
    )

    story = (OPENED, FUNDED, package("00:00"), running("00:00"))
    after_100_h = tell(*story, change("5 04:00", "payg"), stop("5 04:00"), book=book)
    after_400_h = tell(*story, change("17 16:00", "payg"), stop("17 16:00"), book=book)

    assert after_100_h.amounts("entry", type="refund") == ["450.00"]
    assert after_400_h.amounts("entry", type="refund") == []


def _changes() -> list[tuple[bytes, bytes, dict[str, object], list[str], list[str]]]:
    payg, spot = start("10:00", "rtx-4090"), start("10:00", "rtx-4090", mode="spot")
    daily: Record = {"term": "daily"}
    return [
        (payg, change("11:30", "spot"), {}, ["3.20", "1.60", "0.80", "1.60", "0.80"], []),
        (spot, change("11:30", "payg"), {}, ["1.60", "0.80", "1.60", "3.20", "1.60"], []),
        (payg, change("11:30", "package", **daily), {}, ["3.20", "60.00", "1.60"], []),
        (spot, change("11:30", "package", **daily), {}, ["1.60", "60.00", "0.80"], []),
    ]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.req("GG-16")
def test_between_modes_each_stretch_has_its_own_price(which: int) -> None:
    begin, switch, _, amounts, reasons = _changes()[which]

    told = tell(OPENED, FUNDED, begin, switch, stop("13:30"), tick("14:00"))

    assert sorted(told.amounts()) == sorted(amounts)
    assert told.reasons() == reasons
    assert Decimal(told.balance()) == 10000 - sum(map(Decimal, amounts))


@pytest.mark.req("GG-16")
def test_a_change_to_a_package_begins_its_term_then() -> None:
    told = tell(
        OPENED, FUNDED, start("10:00", "rtx-4090"), change("11:30", "package", term="daily"), tick("3 00:00")
    )

    assert told.charges(meter="term")[0]["start"] == instant("11:30")
    assert told.notices("term_expired") == [instant("2 11:30")]
    assert told.cost("i-1") == Decimal("64.80")


@pytest.mark.req("GG-16")
def test_a_change_to_a_package_without_the_money_changes_nothing() -> None:
    told = tell(
        OPENED,
        topup("00:00", "64.79"),
        start("10:00", "rtx-4090"),
        change("11:30", "package", term="daily"),
        stop("12:00"),
    )

    assert told.reasons() == ["insufficient_balance"]
    assert told.amounts() == ["3.20", "3.20"]


@pytest.mark.req("GG-16")
def test_a_package_changes_to_spot_and_back() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily"),
        running("10:00"),
        change("12:00", "spot"),
        change("13:00", "package", term="daily"),
        stop("14:00"),
        tick("14:00"),
    )

    # 2 h × 3.20 used of 60.
    assert told.amounts("entry", type="refund") == ["53.60"]
    assert sorted(told.amounts()) == ["1.60", "60.00", "60.00"]


@pytest.mark.req("GG-16")
def test_periods_paid_ahead_are_given_back_too() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily"),
        running("10:00"),
        renew("11:00"),
        change("12:00", "payg"),
        stop("12:00"),
    )

    assert told.amounts("entry", type="refund") == ["113.60"]


@pytest.mark.req("GG-16")
def test_a_stopped_package_may_be_changed_and_gives_the_rest_back() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily"),
        running("10:00"),
        stop("11:00"),
        change("12:00", "payg"),
        tick("3 00:00"),
    )

    assert told.amounts("entry", type="refund") == ["53.60"]
    assert told.notices("term_expired") == []


@pytest.mark.req("GG-16")
def test_a_change_to_the_mode_that_it_is_in_or_after_release_is_refused() -> None:
    by_use = (OPENED, FUNDED, start("10:00", "rtx-4090"))

    assert tell(*by_use, change("11:00", "payg")).reasons() == ["resource_state"]
    assert tell(*by_use, release("11:00"), change("12:00", "spot")).reasons() == ["resource_state"]
    assert tell(*by_use, change("11:00", "package")).reasons() == ["schema_invalid"]


@pytest.mark.parametrize("profile", ["fluxedge", "puredocs", "neolink", "flexai"])
def test_other_providers_do_not_change_modes(profile: str) -> None:
    assert tell(opened(profile), change("11:00", "payg")).reasons() == ["capability_disabled"]


@pytest.mark.req("GG-16", "X-02")
def test_a_late_change_of_mode_is_as_if_in_time() -> None:
    told = tell(
        OPENED, FUNDED, start("10:00", "rtx-4090"), tick("12:30"), change("11:30", "spot"), stop("13:30")
    )

    assert told.cost("i-1") == Decimal("3.20") + Decimal("1.60") + Decimal("3.20")


@pytest.mark.req("GG-20")
def test_a_running_package_counts_for_the_quota() -> None:
    story = [OPENED, FUNDED, settings("00:00", instance_quota=1), package("10:00", "daily"), running("10:01")]

    assert tell(*story, request("10:02", "rtx-4090", "j")).reasons() == ["instance_quota"]


@pytest.mark.req("GG-41")
def test_inside_its_term_a_package_goes_on_without_money() -> None:
    told = tell(
        OPENED,
        topup("00:00", "63"),
        package("10:00", "daily"),
        running("10:01"),
        start("10:00", "rtx-4090", "j"),
        tick("20:00"),
    )

    assert [(c[1], c[2]) for c in told.commands()] == [
        ("instance.start", "i-1"),
        ("instance.stop", "j"),
        ("gpu.release", "j"),
    ]


# --- the disk of a package -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "begun"),
    [({"disk_gb": "200"}, {"disk_gb": "200"}), ({}, {"disk_gb": "200"}), ({"disk_gb": "200"}, {})],
)
@pytest.mark.req("GG-25", "GG-26", "R-GG7")
def test_inside_the_term_the_disk_is_included_and_after_it_hourly(asked: Record, begun: Record) -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily", **asked),
        running("10:00", **begun),
        stop("12:00"),
        tick("2 12:00"),
    )

    assert told.amounts() == ["60.00", "0.10", "0.10"]
    assert [c["start"] for c in told.charges(sku="instance-disk")] == [instant("2 10:00"), instant("2 11:00")]


@pytest.mark.req("GG-25")
def test_a_renewed_term_goes_on_covering_the_disk() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily", auto_renew=True),
        running("10:00", disk_gb="200"),
        tick("3 12:00"),
    )

    assert {c["sku"] for c in told.charges()} == {"rtx-4090"}


@pytest.mark.req("GG-16", "GG-25")
def test_on_a_change_the_disk_is_covered_until_then() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "daily", disk_gb="200"),
        running("10:00", disk_gb="200"),
        change("11:30", "payg"),
        tick("13:00"),
    )

    assert [(c["start"], c["quantity"], c["amount"]) for c in told.charges(sku="instance-disk")] == [
        (instant("11:00"), "100", "0.05"),
        (instant("12:00"), "200", "0.10"),
    ]


@pytest.mark.req("GG-16", "GG-25")
def test_a_change_to_a_package_covers_the_disk_from_then() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "rtx-4090", disk_gb="200"),
        change("11:30", "package", term="daily"),
        tick("15:00"),
    )

    assert [(c["start"], c["quantity"]) for c in told.charges(sku="instance-disk")] == [
        (instant("10:00"), "200"),
        (instant("11:00"), "100"),
    ]
