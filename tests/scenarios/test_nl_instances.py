"""Neolink: instances by use and by package (NL-01 … NL-12), running out of money, data kept for fifteen days."""

from decimal import Decimal
from typing import Any

import pytest

from tests.scenarios.renting import (
    alive,
    auto_renew,
    release,
    renew,
    request,
    sample,
    shown,
    start,
    stop,
    topup,
    transfer,
)
from tests.scenarios.telling import BOOK, event, given_back, instant, opened, paid, settings, tell, tick

OPENED = opened("neolink")
FUNDED = topup("00:00", "10000")
SKU = "rtx-4090"
PROFILE = BOOK.offers["neolink"].profile


def package(time: str, term: str = "daily", **data: Any) -> bytes:
    """A package is asked for."""
    return request(time, SKU, mode="package", term=term, **data)


def running(time: str, **data: Any) -> bytes:
    """It starts in mode package."""
    return start(time, SKU, mode="package", **data)


# --- money -----------------------------------------------------------------------------------------------------


@pytest.mark.req("NL-01")
def test_nothing_is_paid_out_and_nothing_given_back() -> None:
    story = (OPENED, topup("00:00", "10", payment="p"))

    assert tell(*story, event("withdrawal.requested", "01:00", {"amount": "1"})).reasons() == [
        "withdrawal_not_allowed"
    ]
    assert tell(*story, given_back("payment.refunded", "01:00", "p", "1", currency="CNY")).reasons() == [
        "refund_not_allowed"
    ]
    assert tell(*story, event("refund.requested", "01:00", {"refund": "r"})).reasons() == [
        "refund_not_allowed"
    ]
    assert tell(*story, given_back("payment.disputed", "01:00", "p", "1", currency="CNY")).balance() == "9.00"


@pytest.mark.parametrize(
    ("method", "reasons"),
    [("alipay", []), ("wechat", []), ("qr", ["method_not_accepted"]), ("card", ["method_not_accepted"])],
)
@pytest.mark.req("NL-02")
def test_alipay_wechat_and_transfers_are_taken(method: str, reasons: list[str]) -> None:
    assert tell(OPENED, topup("00:00", "10", method=method)).reasons() == reasons
    assert tell(OPENED, transfer("uploaded", "01:00"), transfer("approved", "02:00")).balance() == "1000.00"


@pytest.mark.req("NL-02")
def test_dollars_are_not_yuan() -> None:
    assert tell(OPENED, paid("01:00", "5", method="alipay")).reasons() == ["currency_mismatch"]


# --- by use ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "reasons"), [(None, ["insufficient_balance"]), ("0.01", [])])
@pytest.mark.req("R-NL1")
def test_by_use_a_balance_above_zero_suffices(amount: str | None, reasons: list[str]) -> None:
    money = [topup("00:00", amount)] if amount else []

    assert tell(OPENED, *money, request("01:00", SKU)).reasons() == reasons


@pytest.mark.req("NL-07", "R-NL3", "NL-04")
def test_lines_on_the_clock_hour_and_at_the_stop_add_up_to_the_exact_total() -> None:
    told = tell(OPENED, FUNDED, start("10:40", SKU), stop("12:10:30"))

    assert [(c["time"], c["amount"]) for c in told.charges()] == [
        (instant("11:00"), "0.66"),
        (instant("12:00"), "1.98"),
        (instant("12:10:30"), "0.35"),
    ]
    assert told.cost("i-1") == Decimal("2.99")


@pytest.mark.req("R-NL3")
def test_the_remainder_is_carried_within_the_session() -> None:
    from streams.core.book import Book

    sku = PROFILE.skus[SKU]
    price = sku.prices[0].model_copy(update={"payg": Decimal("0.37")})
    book = Book(
        [
            PROFILE.model_copy(
                update={"skus": PROFILE.skus | {SKU: sku.model_copy(update={"prices": (price,)})}}
            )
        ]
    )

    told = tell(OPENED, FUNDED, start("10:30:01", SKU), stop("13:29:59"), book=book)

    assert told.cost("i-1") == Decimal("1.11")


@pytest.mark.parametrize(
    ("begin", "end", "cost"),
    [
        ("10:00:00", "10:00:05", "0.01"),
        ("10:00:00", "10:00:00.999", "0"),
        ("10:00:00", "10:00:01", "0.01"),
        ("10:59:58", "11:00:02", "0.01"),
        ("10:59:55", "11:00:00", "0.01"),
        ("10:59:55", "11:00:00.500", "0.01"),
    ],
)
@pytest.mark.req("NL-05", "R-NL2")
def test_a_session_costs_a_cent_at_least(begin: str, end: str, cost: str) -> None:
    told = tell(OPENED, FUNDED, start(begin, SKU), stop(end), tick("13:00"))

    assert told.cost("i-1") == Decimal(cost)


@pytest.mark.parametrize(
    ("begin", "end", "cost"),
    [
        ("10:59:58", "11:00:02", "0.01"),
        ("10:59:55", "11:00:00", "0.01"),
        ("10:00:00", "10:00:05", "0.01"),
        ("10:59:55", "10:59:55.100", "0"),
    ],
)
@pytest.mark.req("NL-05", "X-03")
def test_a_cent_at_least_also_when_the_stop_comes_late(begin: str, end: str, cost: str) -> None:
    at_once = tell(OPENED, FUNDED, start(begin, SKU), tick("11:00:30"), stop(end), tick("13:00"))
    hours_later = tell(OPENED, FUNDED, start(begin, SKU), tick("14:10"), stop(end), tick("15:00"))

    assert at_once.cost("i-1") == Decimal(cost)
    assert hours_later.cost("i-1") == Decimal(cost)


@pytest.mark.req("NL-05", "X-03")
def test_a_stop_that_moves_the_end_takes_the_minimum_back() -> None:
    told = tell(
        OPENED, FUNDED, start("10:00", SKU), alive("10:00:05"), tick("10:20"), stop("10:30"), tick("13:00")
    )

    assert told.cost("i-1") == Decimal("0.99")


@pytest.mark.req("NL-05")
def test_each_power_on_is_a_session() -> None:
    told = tell(OPENED, FUNDED, start("10:00", SKU), stop("10:00:02"), start("10:01", SKU), stop("10:01:02"))

    assert told.amounts() == ["0.01", "0.01"]


@pytest.mark.req("NL-04")
def test_a_release_while_running_ends_billing() -> None:
    told = tell(OPENED, FUNDED, start("10:00", SKU), release("10:30"), tick("15:00"))

    assert told.cost("i-1") == Decimal("0.99")
    assert told.commands() == []


@pytest.mark.req("NL-03")
def test_storage_is_a_line_of_its_own_with_a_cadence_of_its_own() -> None:
    told = tell(OPENED, FUNDED, start("10:00", SKU, disk_gb="50"), tick("17:00"))

    # Midnight in Shanghai is 16:00 UTC.
    disk = told.charges(sku="instance-disk")
    assert [(c["time"], c["quantity"], c["unit"], c["amount"], c["resource"]) for c in disk] == [
        (instant("16:00"), "50", "GB-day", "0.50", "i-1")
    ]
    assert len(told.charges(sku=SKU)) == 7


def test_spot_is_not_offered_nor_auto_renewal() -> None:
    assert tell(OPENED, FUNDED, request("10:00", SKU, mode="spot")).reasons() == ["capability_disabled"]
    assert tell(OPENED, FUNDED, package("10:00", auto_renew=True)).reasons() == ["capability_disabled"]
    assert tell(OPENED, FUNDED, package("10:00"), auto_renew("11:00", True)).reasons() == [
        "capability_disabled"
    ]


def test_there_is_no_quota_unless_it_is_set() -> None:
    many = [start("10:00", SKU, f"i-{n}") for n in range(5)]

    assert tell(OPENED, FUNDED, *many, request("10:01", SKU, "one more")).reasons() == []
    assert tell(
        OPENED, FUNDED, settings("00:00", instance_quota=5), *many, request("10:01", SKU, "one more")
    ).reasons() == ["instance_quota"]


# --- packages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "price", "end"),
    [
        ("daily", "40.00", "2 10:00"),
        ("weekly", "250.00", "8 10:00"),
        ("monthly", "950.00", "2026-12-01T10:00:00Z"),
    ],
)
@pytest.mark.req("NL-08", "NL-09", "NL-12")
def test_a_term_is_paid_in_full_at_the_request(term: str, price: str, end: str) -> None:
    told = tell(OPENED, FUNDED, package("10:00", term), tick("10:00"))

    (charge,) = told.charges()
    assert (charge["amount"], charge["start"], charge["end"]) == (price, instant("10:00"), instant(end))
    assert tell(
        OPENED, topup("00:00", str(Decimal(price) - Decimal("0.01"))), package("10:00", term)
    ).reasons() == ["insufficient_balance"]
    assert tell(OPENED, topup("00:00", price), package("10:00", term)).reasons() == []


@pytest.mark.req("NL-08")
def test_a_start_inside_the_term_is_free_and_before_it_refused() -> None:
    told = tell(
        OPENED,
        FUNDED,
        running("09:00"),
        package("10:00"),
        running("10:01"),
        stop("12:00"),
        running("13:00"),
        tick("23:00"),
    )

    assert told.amounts() == ["40.00"]
    assert told.reasons() == ["resource_state"]


@pytest.mark.req("NL-10")
def test_at_expiry_it_stops_and_the_data_is_kept_for_fifteen_days() -> None:
    told = tell(OPENED, FUNDED, package("12:00"), running("12:00"), until="2026-12-01T00:00:00Z")

    assert told.commands() == [
        (instant("12:00"), "instance.start", "i-1", "admitted"),
        (instant("2 12:00"), "instance.stop", "i-1", "expired"),
        (instant("17 12:00"), "data.delete", "i-1", "retention"),
    ]
    assert told.notices("term_expired") == [instant("2 12:00")]
    assert told.notices("term_expiring") == []
    assert shown(told.of("notice", type="deletion_due")) == [(instant("16 12:00"), "i-1")]
    assert shown(told.of("notice", type="data_deleted")) == [(instant("17 12:00"), "i-1")]


@pytest.mark.req("NL-10")
def test_the_documents_example_of_an_expiry() -> None:
    told = tell(OPENED, FUNDED, package("2026-10-31T12:00:00Z", "monthly"), until="2026-12-20T00:00:00Z")

    assert [(c[0], c[1]) for c in told.commands()][1:] == [("2026-12-15T12:00:00.000Z", "data.delete")]


@pytest.mark.req("NL-11")
def test_before_expiry_a_renewal_extends_from_the_old_end() -> None:
    told = tell(
        OPENED, FUNDED, package("12:00"), running("12:00"), renew("20:00", term="weekly"), tick("9 11:00")
    )

    assert [(c["time"], c["start"], c["end"], c["amount"]) for c in told.charges()][1] == (
        instant("20:00"),
        instant("2 12:00"),
        instant("9 12:00"),
        "250.00",
    )
    assert [c[1] for c in told.commands()] == ["instance.start"]


@pytest.mark.req("NL-11")
def test_after_expiry_a_renewal_is_a_new_term_from_then_and_cancels_the_deletion() -> None:
    told = tell(OPENED, FUNDED, package("12:00"), running("12:00"), renew("10 12:00"), tick("26 11:00"))

    assert [(c["start"], c["end"]) for c in told.charges()][1] == (instant("10 12:00"), instant("11 12:00"))
    assert told.commands()[2:] == [(instant("10 12:00"), "instance.start", "i-1", "resumed")]
    assert told.notices("term_renewed") == [instant("10 12:00")]
    assert told.notices("deletion_due") == [instant("25 12:00")]


@pytest.mark.req("NL-11")
def test_after_the_deletion_there_is_nothing_to_renew() -> None:
    told = tell(OPENED, FUNDED, package("12:00"), running("12:00"), renew("18 12:00"))

    assert told.reasons() == ["resource_state"]


@pytest.mark.req("NL-11")
def test_a_renewal_without_the_money_is_refused() -> None:
    assert tell(OPENED, topup("00:00", "79"), package("12:00"), renew("13:00")).reasons() == [
        "insufficient_balance"
    ]


@pytest.mark.req("NL-17", "R-NL4")
def test_a_package_pays_its_disk_in_advance() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("12:00", "weekly", disk_gb="100"),
        running("12:00", disk_gb="100"),
        tick("8 11:00"),
    )

    assert [(c["sku"], c["quantity"], c["unit"], c["amount"], c["time"]) for c in told.charges()] == [
        (SKU, "1", "term", "250.00", instant("12:00")),
        ("instance-disk", "700", "GB-day", "7.00", instant("12:00")),
    ]
    assert tell(OPENED, topup("00:00", "256.99"), package("12:00", "weekly", disk_gb="100")).reasons() == [
        "insufficient_balance"
    ]
    assert tell(OPENED, topup("00:00", "257"), package("12:00", "weekly", disk_gb="100")).balance() == "0.00"


@pytest.mark.req("NL-17", "NL-11")
def test_every_renewal_pays_the_disk_too() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("12:00", disk_gb="100"),
        running("12:00", disk_gb="100"),
        renew("13:00", term="weekly"),
        tick("13:00"),
    )

    assert [
        (c["start"], c["end"], c["quantity"], c["amount"]) for c in told.charges(sku="instance-disk")
    ] == [
        (instant("12:00"), instant("2 12:00"), "100", "1.00"),
        (instant("2 12:00"), instant("9 12:00"), "700", "7.00"),
    ]
    assert tell(
        OPENED, topup("00:00", "81.99"), package("12:00", disk_gb="100"), renew("13:00")
    ).reasons() == ["insufficient_balance"]


@pytest.mark.req("NL-17", "NL-15")
def test_after_expiry_the_disk_is_daily_until_it_is_deleted() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("12:00", disk_gb="100"),
        running("12:00", disk_gb="100"),
        until=instant("20 00:00"),
    )

    disk = told.charges(sku="instance-disk")
    # Expired on 2 November 20:00 in Shanghai, deleted on the 17th at the same hour: sixteen local days.
    assert [c["amount"] for c in disk] == ["1.00"] * 17
    assert [c["time"] for c in disk][1:3] == [instant("2 16:00"), instant("3 16:00")]
    assert disk[-1]["time"] == instant("17 16:00")


@pytest.mark.req("NL-17")
def test_after_expiry_the_disk_is_daily_until_it_is_released() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("12:00", disk_gb="100"),
        running("12:00", disk_gb="100"),
        release("4 15:59:59"),
        tick("10 00:00"),
    )

    assert [c["time"] for c in told.charges(sku="instance-disk")][1:] == [
        instant("2 16:00"),
        instant("3 16:00"),
        instant("4 16:00"),
    ]


@pytest.mark.req("NL-17")
def test_a_renewal_after_expiry_covers_the_disk_again() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("12:00", disk_gb="100"),
        running("12:00"),
        renew("5 12:00", term="weekly"),
        tick("10 00:00"),
    )

    daily = [c["time"] for c in told.charges(sku="instance-disk") if c["quantity"] == "100"][1:]
    assert daily == [instant("2 16:00"), instant("3 16:00"), instant("4 16:00"), instant("5 16:00")]


@pytest.mark.req("NL-17", "R-NL4")
def test_a_package_without_additional_storage_has_its_disk_billed_daily() -> None:
    told = tell(OPENED, FUNDED, package("12:00", "weekly"), running("12:00", disk_gb="10"), tick("2 17:00"))

    assert told.amounts(sku="instance-disk") == ["0.10", "0.10"]


@pytest.mark.req("NL-17")
def test_what_a_disk_holds_beyond_what_the_package_paid_is_daily() -> None:
    told = tell(
        OPENED, FUNDED, package("12:00", disk_gb="40"), running("12:00", disk_gb="100"), tick("1 17:00")
    )

    assert told.amounts(sku="instance-disk") == ["0.40", "0.60"]


# --- data kept for fifteen days --------------------------------------------------------------------------------


@pytest.mark.req("NL-06")
def test_fifteen_days_after_a_shutdown_the_data_is_cleared() -> None:
    told = tell(OPENED, FUNDED, start("1 07:00", SKU), stop("1 08:00"), until=instant("20 00:00"))

    assert told.commands() == [(instant("16 08:00"), "data.delete", "i-1", "retention")]
    (due,) = told.of("notice", type="deletion_due")
    assert shown([due]) == [(instant("15 08:00"), "i-1")]
    assert due["values"] == {"at": instant("16 08:00")}
    assert shown(told.of("notice", type="data_deleted")) == [(instant("16 08:00"), "i-1")]


@pytest.mark.req("NL-06")
def test_a_power_on_on_day_fourteen_cancels_it_and_the_next_shutdown_counts_anew() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("1 07:00", SKU),
        stop("1 08:00"),
        start("15 07:00", SKU),
        stop("15 09:00"),
        until="2026-12-05T00:00:00Z",
    )

    assert told.commands() == [(instant("30 09:00"), "data.delete", "i-1", "retention")]
    assert told.notices("deletion_due") == [instant("29 09:00")]


@pytest.mark.parametrize("cancel", [release("10 00:00"), package("10 00:00", "monthly")])
@pytest.mark.req("NL-06")
def test_a_release_or_a_package_cancels_it(cancel: bytes) -> None:
    told = tell(OPENED, FUNDED, start("1 07:00", SKU), stop("1 08:00"), cancel, until="2026-12-05T00:00:00Z")

    assert [c[1] for c in told.commands() if c[1] == "data.delete"] == []
    assert told.notices("deletion_due") == []


@pytest.mark.req("NL-06", "X-12")
def test_a_closing_for_silence_counts_as_a_shutdown() -> None:
    told = tell(OPENED, FUNDED, start("1 07:00", SKU), alive("1 08:00"), until=instant("20 00:00"))

    assert told.commands() == [(instant("16 08:00"), "data.delete", "i-1", "retention")]


@pytest.mark.req("NL-06", "X-12")
def test_a_heartbeat_after_the_closing_cancels_the_deletion() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("1 07:00", SKU),
        alive("1 08:00"),
        alive("1 09:00"),
        tick("1 09:10"),
        stop("1 09:14"),
        until=instant("20 00:00"),
    )

    assert told.commands() == [(instant("16 09:14"), "data.delete", "i-1", "retention")]


@pytest.mark.req("NL-06", "X-03")
def test_a_late_stop_counts_from_its_own_time() -> None:
    told = tell(
        OPENED, FUNDED, start("1 07:00", SKU), tick("1 12:00"), stop("1 08:00"), until=instant("20 00:00")
    )

    assert told.commands() == [(instant("16 08:00"), "data.delete", "i-1", "retention")]
    assert told.cost("i-1") == Decimal("1.98")


@pytest.mark.req("NL-06", "X-02")
def test_an_earlier_stop_told_late_moves_the_clearing_which_is_warned_of_once() -> None:
    told = tell(
        OPENED, FUNDED, start("1 07:00", SKU), stop("1 10:00"), stop("1 08:00"), until=instant("20 00:00")
    )

    assert told.commands() == [(instant("16 08:00"), "data.delete", "i-1", "retention")]
    assert told.notices("deletion_due") == [instant("15 08:00")]


@pytest.mark.req("NL-06", "X-02")
def test_a_start_that_comes_after_its_stop_is_kept_for_fifteen_days_too() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("1 07:00", SKU),
        stop("1 08:00"),
        stop("1 10:00"),
        start("1 09:00", SKU),
        until=instant("20 00:00"),
    )

    assert told.commands() == [(instant("16 10:00"), "data.delete", "i-1", "retention")]


@pytest.mark.req("NL-06")
def test_a_stop_inside_a_paid_term_deletes_nothing_before_its_expiry() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("12:00", "monthly"),
        running("12:00"),
        stop("13:00"),
        until=instant("30 00:00"),
    )

    assert [c[1] for c in told.commands()] == ["instance.start"]


@pytest.mark.req("NL-06", "R-NL8")
def test_shared_storage_is_not_cleared_with_the_instance() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("1 07:00", SKU),
        stop("1 08:00"),
        sample("1 07:00", "100", "fs", "shared-fs"),
        until=instant("20 00:00"),
    )

    assert [c[2] for c in told.commands()] == ["i-1"]
    assert len(told.charges(sku="shared-fs")) == 19


@pytest.mark.req("NL-06", "NL-14")
def test_the_clearing_ends_the_disk() -> None:
    told = tell(
        OPENED, FUNDED, start("1 07:00", SKU, disk_gb="10"), stop("1 08:00"), until=instant("25 00:00")
    )

    assert told.charges(sku="instance-disk")[-1]["time"] == instant("16 16:00")


@pytest.mark.req("NL-06")
def test_after_the_clearing_nothing_may_happen() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("1 07:00", SKU),
        stop("1 08:00"),
        start("17 08:00", SKU),
        stop("17 09:00"),
        request("17 10:00", SKU),
        release("17 11:00"),
    )

    assert told.reasons() == ["resource_state"] * 4


@pytest.mark.req("NL-06", "X-02")
def test_a_stop_told_late_deletes_nothing_of_what_runs_again() -> None:
    told = tell(
        OPENED, FUNDED, start("10:00", SKU), start("11:30", SKU), stop("11:00"), until=instant("20 00:00")
    )

    assert told.commands() == []


@pytest.mark.req("NL-06", "X-02")
def test_a_start_told_after_the_clearing_is_billed_until_the_clearing_only() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("1 07:00", SKU),
        stop("1 08:00"),
        tick("17 00:00"),
        start("16 06:00", SKU),
        until=instant("18 00:00"),
    )

    assert told.cost("i-1") == Decimal("1.98") * 3


@pytest.mark.req("NL-15", "X-02")
def test_a_release_told_after_the_clearing_ends_the_disk_at_its_own_day() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("1 07:00", SKU, disk_gb="100"),
        stop("1 08:00"),
        tick("20 00:00"),
        release("10 08:00"),
        until=instant("21 00:00"),
    )

    # The local days of 1 to 10 November.
    assert sum(Decimal(c["amount"]) for c in told.charges(sku="instance-disk")) == Decimal("10.00")


@pytest.mark.req("NL-17", "NL-14")
def test_the_disk_of_a_package_has_the_size_that_was_asked_for_also_after_its_term() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("08:00", SKU, disk_gb="10"),
        stop("09:00"),
        package("10:00", disk_gb="40"),
        tick("3 16:00"),
    )

    # The 10 GB of the first day, the 40 paid in advance, the local days of the expiry and of the 3rd.
    assert [(c["quantity"], c["amount"]) for c in told.charges(sku="instance-disk")] == [
        ("40", "0.40"),
        ("10", "0.10"),
        ("40", "0.40"),
        ("40", "0.40"),
    ]


@pytest.mark.req("NL-14", "NL-17")
def test_a_disk_that_grows_in_a_term_is_daily_beyond_what_was_paid() -> None:
    told = tell(
        OPENED,
        FUNDED,
        package("10:00", "weekly", disk_gb="100"),
        running("10:01"),
        sample("3 10:00", "130", "i-1", "instance-disk"),
        tick("4 16:00"),
    )

    assert [(c["quantity"], c["amount"]) for c in told.charges(sku="instance-disk")] == [
        ("700", "7.00"),
        ("30", "0.30"),
        ("30", "0.30"),
    ]


# --- out of money ----------------------------------------------------------------------------------------------


@pytest.mark.req("R-NL10", "NL-06")
def test_below_zero_at_a_settlement_what_is_paid_by_use_is_shut_down() -> None:
    told = tell(OPENED, topup("00:00", "3"), start("00:00", SKU), tick("03:00"), until=instant("20 00:00"))

    assert told.balance() == "-0.96"
    assert told.commands() == [
        (instant("02:00"), "instance.stop", "i-1", "unpaid"),
        (instant("16 02:00"), "data.delete", "i-1", "retention"),
    ]
    assert told.notices("overdue") == [instant("02:00")]
    assert told.notices("low_balance") == []


@pytest.mark.req("R-NL10")
def test_exactly_zero_stops_nothing_and_a_package_goes_on() -> None:
    at_zero = tell(OPENED, topup("00:00", "3.96"), start("00:00", SKU), tick("02:30"))
    inside = tell(
        OPENED,
        topup("00:00", "41"),
        package("00:00"),
        running("00:00"),
        start("00:00", SKU, "j"),
        tick("10:00"),
    )

    assert at_zero.commands() == []
    assert [(c[1], c[2]) for c in inside.commands()][1:] == [("instance.stop", "j")]


@pytest.mark.req("R-NL10")
def test_daily_storage_alone_leads_into_arrears_and_deletes_nothing() -> None:
    told = tell(
        OPENED, topup("00:00", "1"), sample("00:00", "150", "fs", "shared-fs"), until=instant("28 00:00")
    )

    assert told.notices("overdue") == [instant("1 16:00")]
    assert told.commands() == []


@pytest.mark.req("NL-08", "NL-17")
def test_each_charge_names_the_rule_that_it_follows() -> None:
    told = tell(OPENED, FUNDED, package("10:00", disk_gb="40"), tick("10:05"))

    assert [(line["meter"], line["rule"]) for line in told.charges()] == [
        ("term", "NL-08"),
        ("capacity", "NL-17"),
    ]


@pytest.mark.req("R-NL10")
def test_a_start_that_is_refused_does_not_take_our_stop_from_the_producer_who_confirms_it() -> None:
    told = tell(
        OPENED,
        topup("00:00", "1"),
        start("00:00", SKU),
        running("02:00"),
        alive("02:30"),
        stop("03:00"),
        stop("04:00", id="once more"),
    )

    assert told.commands() == [(instant("01:00"), "instance.stop", "i-1", "unpaid")]
    assert [(r["time"], r["reason"]) for r in told.of("rejection")] == [
        (instant("02:00"), "resource_state"),
        (instant("04:00"), "resource_state"),
    ]


@pytest.mark.req("NL-09")
def test_a_mode_that_is_not_offered_is_not_offered_inside_a_term_either() -> None:
    told = tell(OPENED, FUNDED, package("10:00"), start("11:00", SKU, mode="spot"), start("12:00", SKU))

    assert told.reasons() == ["capability_disabled"]
    assert told.charges(meter="duration") == []


@pytest.mark.req("R-NL10", "NL-10")
def test_a_term_that_ends_meanwhile_does_not_take_our_stop_from_the_producer_who_confirms_it() -> None:
    told = tell(
        OPENED,
        topup("00:00", "1"),
        start("00:00", SKU),
        topup("02:00", "100"),
        package("03:00"),
        stop("2 04:00"),
        stop("2 05:00", id="once more"),
    )

    assert [(r["time"], r["reason"]) for r in told.of("rejection")] == [
        (instant("2 05:00"), "resource_state")
    ]
