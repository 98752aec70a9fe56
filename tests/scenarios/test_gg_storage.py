"""GPUGEEK: disks and images by the hour (GG-21 … GG-30), arrears and deletion (GG-40 … GG-42)."""

from decimal import Decimal

import pytest

from streams.core.story import run
from tests.scenarios.renting import deletion, release, request, sample, shown, start, stop, topup
from tests.scenarios.telling import ACCOUNT, BOOK, instant, opened, served, settings, tell, tick

OPENED = opened("gpugeek")
FUNDED = topup("00:00", "10000")


# --- disks of instances ----------------------------------------------------------------------------------------


@pytest.mark.req("GG-21", "GG-22", "GG-27")
def test_an_instances_disk_is_billed_each_hour_on_its_quota_also_when_it_is_off() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "rtx-4090", disk_gb="200"), stop("10:00:01"), tick("2 10:00"))

    disk = told.charges(sku="instance-disk")
    assert [(c["quantity"], c["unit"], c["unit_price"], c["amount"]) for c in disk] == [
        ("200", "GB-hour", "0.0005", "0.10")
    ] * 24
    assert {(c["resource"], c["meter"]) for c in disk} == {("i-1", "capacity")}
    assert disk[0]["time"] == instant("11:00")
    assert sum(Decimal(c["amount"]) for c in disk) == Decimal("2.40")


@pytest.mark.req("GG-23", "R-GG6")
def test_a_release_ends_it_within_the_hour() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "rtx-4090", disk_gb="3000"),
        stop("10:00:01"),
        release("11:20"),
        tick("20:00"),
    )

    # 3,000 GB for an hour and for a third of one; the last window at its regular end.
    assert [(c["time"], c["quantity"], c["amount"]) for c in told.charges(sku="instance-disk")] == [
        (instant("11:00"), "3000", "1.50"),
        (instant("12:00"), "1000", "0.50"),
    ]


@pytest.mark.req("GG-24")
def test_spot_storage_costs_the_same() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "rtx-4090", mode="spot", disk_gb="200"), tick("11:00"))

    assert told.amounts(sku="instance-disk") == ["0.10"]


@pytest.mark.req("GG-22")
def test_a_disk_begins_within_the_hour() -> None:
    told = tell(OPENED, FUNDED, start("10:45", "rtx-4090", disk_gb="2000"), tick("12:00"))

    assert [(c["quantity"], c["amount"]) for c in told.charges(sku="instance-disk")] == [
        ("500", "0.25"),
        ("2000", "1.00"),
    ]


@pytest.mark.req("GG-27")
def test_a_restart_with_another_quota_changes_it_from_then() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "rtx-4090", disk_gb="1000"),
        stop("10:30"),
        start("11:30", "rtx-4090", disk_gb="3000"),
        tick("13:00"),
    )

    assert [c["quantity"] for c in told.charges(sku="instance-disk")] == ["1000", "2000", "3000"]


@pytest.mark.req("GG-22")
def test_instance_and_disk_are_two_lines_of_one_instant() -> None:
    told = tell(OPENED, FUNDED, start("10:00", "rtx-4090", disk_gb="200"), tick("11:00"))

    assert {(c["sku"], c["time"]) for c in told.charges()} == {
        ("rtx-4090", instant("11:00")),
        ("instance-disk", instant("11:00")),
    }
    assert told.balance() == "9996.70"


# --- cloud disks and images ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sku", ["cloud-disk", "image-store"])
@pytest.mark.req("GG-28", "GG-29", "R-GG8")
def test_used_capacity_is_averaged_over_the_hour(sku: str) -> None:
    told = tell(
        OPENED,
        FUNDED,
        sample("10:00", "10", sku=sku),
        sample("10:30", "30", sku=sku),
        deletion("11:00"),
        tick("13:00"),
    )

    (charge,) = told.charges()
    assert (
        charge["quantity"],
        charge["amount"],
        charge["start"],
        charge["end"],
        charge["resource"],
        charge["sku"],
    ) == ("20", "0.01", instant("10:00"), instant("11:00"), "d-1", sku)


@pytest.mark.req("GG-28")
def test_what_is_below_a_cent_is_carried_until_the_gauge_is_deleted() -> None:
    told = tell(OPENED, FUNDED, sample("00:00", "7"), tick("5 04:00"))

    # 7 × 0.0005 = 0.0035 an hour: 0.00, 0.01, 0.00, … and 0.35 in a hundred hours.
    assert told.amounts()[:4] == ["0.00", "0.01", "0.00", "0.00"]
    assert len(told.charges()) == 100
    assert told.cost("d-1") == Decimal("0.35")
    assert len(told.entries(type="charge")) == 35


@pytest.mark.req("GG-28")
def test_an_empty_disk_costs_nothing() -> None:
    told = tell(
        OPENED, FUNDED, sample("00:00", "0"), tick("2 00:00"), sample("2 00:30", "2000"), tick("2 01:00")
    )

    assert [(c["quantity"], c["amount"]) for c in told.charges()] == [("1000", "0.50")]


@pytest.mark.req("GG-23")
def test_after_the_deletion_nothing_is_accepted() -> None:
    told = tell(
        OPENED, FUNDED, sample("10:00", "10"), deletion("10:30"), sample("10:40", "10"), deletion("10:50")
    )

    assert told.reasons() == ["resource_state", "resource_state"]


def test_a_deletion_waits_for_the_first_sample() -> None:
    early = tell(OPENED, FUNDED, deletion("10:30"), sample("10:00", "4000"), tick("12:00"))
    never = tell(OPENED, FUNDED, deletion("10:30"), tick("12:00"))

    assert (early.reasons(), early.cost("d-1")) == ([], Decimal(1))
    assert never.reasons() == ["unknown_resource"]


def test_what_is_not_storage_is_an_unknown_sku() -> None:
    assert (
        tell(OPENED, sample("10:00", "1", sku="rtx-4090"), sample("10:00", "1", "e", sku="tape")).reasons()
        == ["unknown_sku"] * 2
    )


@pytest.mark.req("X-02", "X-03", "R-GG8")
def test_a_late_sample_corrects_the_hours_after_it() -> None:
    told = tell(
        OPENED, FUNDED, sample("10:00", "2000"), tick("12:30"), sample("10:30", "4000"), tick("13:00")
    )
    in_time = tell(OPENED, FUNDED, sample("10:00", "2000"), sample("10:30", "4000"), tick("13:00"))

    assert told.cost("d-1") == in_time.cost("d-1") == Decimal("5.5")
    corrections = [c for c in told.charges() if "corrects" in c]
    assert [(c["start"], c["amount"], c["quantity"], c["time"]) for c in corrections] == [
        (instant("10:00"), "0.50", "1000", instant("12:30")),
        (instant("11:00"), "1.00", "2000", instant("12:30")),
    ]
    assert [e["type"] for e in told.entries()][3:5] == ["correction"] * 2


def test_a_sample_in_the_last_millisecond_of_an_hour_does_not_settle_it() -> None:
    told = tell(OPENED, FUNDED, sample("10:00", "2000"), sample("10:59:59.999", "4000"), tick("11:00"))

    assert [c["time"] for c in told.charges()] == [instant("11:00")]


@pytest.mark.req("X-02")
def test_a_late_first_sample_is_charged_plainly() -> None:
    told = tell(OPENED, FUNDED, tick("12:30"), sample("10:30", "2000"), tick("13:00"))

    assert [(c["start"], c["amount"], "corrects" in c) for c in told.charges()] == [
        (instant("10:00"), "0.50", False),
        (instant("11:00"), "1.00", False),
        (instant("12:00"), "1.00", False),
    ]


@pytest.mark.req("X-03")
def test_a_late_deletion_gives_back_what_came_after_it() -> None:
    told = tell(OPENED, FUNDED, sample("10:00", "2000"), tick("13:30"), deletion("11:30"), tick("20:00"))

    assert told.cost("d-1") == Decimal("1.5")
    assert told.balance() == "9998.50"


@pytest.mark.req("X-03", "GG-23")
def test_a_late_release_gives_back_the_disk_and_the_hours() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "rtx-4090", disk_gb="2000"),
        tick("13:30"),
        release("11:30"),
        tick("20:00"),
    )

    assert told.cost("i-1") == Decimal("4.80") + Decimal("1.50")


# --- arrears ---------------------------------------------------------------------------------------------------

# 2,000 GB: 1.00 an hour. With 8.50 the balance is -0.50 at 09:00.
OWING = (OPENED, topup("00:00", "8.50"), sample("00:00", "2000"))


@pytest.mark.req("GG-42", "GG-40")
def test_seven_days_in_arrears_delete_what_is_stored() -> None:
    told = tell(*OWING, tick("8 12:00"))

    assert told.notices("overdue") == [instant("09:00")]
    assert shown(told.of("notice", type="deletion_due")) == [(instant("7 09:00"), "d-1")]
    assert told.commands() == [(instant("8 09:00"), "data.delete", "d-1", "retention")]
    assert shown(told.of("notice", type="data_deleted")) == [(instant("8 09:00"), "d-1")]


@pytest.mark.req("GG-42")
def test_the_deletion_ends_storage_charges() -> None:
    told = tell(*OWING, tick("30 00:00"))

    assert told.charges()[-1]["end"] == instant("8 09:00")
    assert (
        tell(*OWING, tick("9 00:00"), sample("9 00:00", "1"), deletion("9 00:01")).reasons()
        == ["resource_state"] * 2
    )


@pytest.mark.req("GG-42", "GG-43")
def test_a_recharge_to_zero_or_more_cancels_the_deletion() -> None:
    told = tell(
        *OWING,
        tick("7 08:00"),
        topup("7 08:30", "143.50"),
        tick("7 08:59"),
        topup("7 08:59", "1000"),
        tick("20 00:00"),
    )

    assert told.commands() == []
    assert told.notices("deletion_due") == []


@pytest.mark.req("GG-42")
def test_a_recharge_that_leaves_a_debt_cancels_nothing() -> None:
    told = tell(*OWING, topup("3 00:00", "1"), tick("9 00:00"))

    assert [(c[0], c[1]) for c in told.commands()] == [(instant("8 09:00"), "data.delete")]


@pytest.mark.req("GG-42")
def test_new_arrears_are_counted_anew() -> None:
    told = tell(*OWING, topup("3 00:00", "50"), tick("20 00:00"))

    # 39 h were owed after 8.50; 50 last until 3 November + 10.5 h … so below zero at the 11th hour.
    (deleted,) = told.commands()
    first_owed = next(
        e["time"] for e in told.entries() if e["time"] > instant("3 00:00") and e["balance"].startswith("-")
    )
    assert deleted[0][:10] == f"2026-11-{int(first_owed[8:10]) + 7:02d}"
    assert deleted[0][10:] == first_owed[10:]


@pytest.mark.req("GG-42", "GG-26")
def test_instances_with_their_disks_are_deleted_too_and_those_in_a_term_are_not() -> None:
    told = tell(
        OPENED,
        topup("00:00", "1520"),
        request("00:00", "rtx-4090", "p", mode="package", term="monthly"),
        start("00:00", "rtx-4090", "p", mode="package", disk_gb="100"),
        start("00:00", "a100", "i", disk_gb="200"),
        start("00:00", "rtx-4090", "gone"),
        release("00:30", "gone"),
        sample("00:00", "20", "d"),
        tick("12 00:00"),
    )

    deleted = [c[2] for c in told.commands() if c[1] == "data.delete"]
    assert deleted == ["d", "i"]
    assert sorted(n["resource"] for n in told.of("notice", type="deletion_due")) == ["d", "i"]
    assert [c[2] for c in told.commands() if c[1] == "instance.stop"] == ["i"]


@pytest.mark.req("GG-42")
def test_what_is_deleted_may_not_start_again() -> None:
    told = tell(
        OPENED,
        topup("00:00", "1"),
        start("00:00", "rtx-4090", disk_gb="10"),
        tick("9 00:00"),
        topup("9 00:01", "100"),
        request("9 00:02", "rtx-4090"),
        start("9 00:03", "rtx-4090"),
    )

    assert told.reasons() == ["resource_state"] * 2


@pytest.mark.req("GG-42", "GG-14")
def test_a_package_whose_term_ends_in_arrears_is_deleted_when_its_seven_days_are_over() -> None:
    told = tell(
        OPENED,
        topup("00:00", "61"),
        request("00:00", "rtx-4090", "p", mode="package", term="daily"),
        start("00:00", "rtx-4090", "p", mode="package"),
        start("00:00", "rtx-4090", "i"),
        tick("12 00:00"),
    )

    assert sorted(c[2] for c in told.commands() if c[1] == "data.delete") == ["i", "p"]


@pytest.mark.req("GG-42")
def test_what_was_approved_and_never_ran_has_nothing_to_delete() -> None:
    told = tell(*OWING, request("00:01", "rtx-4090", "never"), tick("12 00:00"))

    assert [c[2] for c in told.commands() if c[1] == "data.delete"] == ["d-1"]


@pytest.mark.req("GG-40", "GG-22")
def test_the_next_hours_fees_include_hourly_storage() -> None:
    # 3.20 for the instance and 1.00 for the disk an hour: 8.40, 4.20 …
    told = tell(OPENED, topup("00:00", "8.40"), start("10:00", "rtx-4090", disk_gb="2000"), tick("11:00"))

    (notice,) = told.of("notice", type="low_balance")
    assert (notice["time"], notice["values"]["threshold"]) == (instant("11:00"), "4.20")


@pytest.mark.req("X-08", "R-GG9")
def test_spend_limits_and_digests_are_of_the_month_and_day_in_shanghai() -> None:
    told = tell(
        OPENED,
        FUNDED,
        settings("00:01", digest="daily", spend_limits={"d-1": "0.50"}),
        sample("30 14:00", "1000"),
        deletion("30 17:00"),
        until="2026-12-02T00:00:00Z",
    )

    # In Shanghai December begins on 30 November at 16:00 UTC; what is settled then is of December.
    digests = told.of("notice", type="spend_digest")
    assert [(d["time"], d["values"]["spent"]) for d in digests] == [
        (instant("30 16:00"), "0.50"),
        ("2026-12-01T16:00:00.000Z", "1.00"),
    ]
    assert told.notices("spend_limit") == [instant("30 15:00"), instant("30 16:00")]


# --- a disk that is resized ------------------------------------------------------------------------------------


@pytest.mark.req("GG-22", "GG-27")
def test_a_disk_that_is_resized_is_billed_by_its_size_from_then() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "rtx-4090", disk_gb="200"),
        stop("10:30"),
        sample("11:30", "400", "i-1", "instance-disk"),
        release("13:00"),
        tick("14:00"),
    )

    assert [(c["quantity"], c["amount"]) for c in told.charges(sku="instance-disk")] == [
        ("200", "0.10"),
        ("300", "0.15"),
        ("400", "0.20"),
    ]
    assert told.reasons() == []


@pytest.mark.req("GG-25")
def test_in_a_term_the_disk_of_any_size_is_included() -> None:
    told = tell(
        OPENED,
        FUNDED,
        request("10:00", "rtx-4090", mode="package", term="daily", disk_gb="100"),
        sample("12:00", "900", "i-1", "instance-disk"),
        tick("2 11:00"),
    )

    assert told.amounts(sku="instance-disk") == ["0.45"]


@pytest.mark.req("GG-27", "X-11")
def test_a_size_waits_for_its_instance_and_is_refused_without_one() -> None:
    size = sample("10:00", "2000", "i-1", "instance-disk")

    waited = tell(OPENED, FUNDED, size, start("09:00", "rtx-4090"), release("11:00"), tick("12:00"))

    assert waited.amounts(sku="instance-disk") == ["1.00"]
    assert tell(OPENED, FUNDED, size, tick("12:00")).reasons() == ["unknown_resource"]
    assert tell(
        OPENED, FUNDED, start("08:00", "rtx-4090"), release("09:00"), size, tick("12:00")
    ).reasons() == ["resource_state"]


@pytest.mark.req("GG-27", "X-02")
def test_the_disk_of_a_start_that_was_refused_counts_once_its_stop_is_known() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "rtx-4090", disk_gb="200"),
        start("11:00", "rtx-4090", disk_gb="400"),
        stop("10:30"),
        stop("11:30"),
        release("12:00"),
        tick("13:00"),
    )

    assert told.reasons() == ["resource_state"]
    assert told.amounts(sku="instance-disk") == ["0.10", "0.20"]


@pytest.mark.req("GG-23", "X-02")
def test_of_two_releases_the_earlier_counts_also_when_it_is_heard_of_later() -> None:
    told = tell(
        OPENED,
        FUNDED,
        start("10:00", "rtx-4090", disk_gb="200"),
        release("14:00"),
        release("12:00"),
        tick("16:00"),
    )

    assert sum(Decimal(c["amount"]) for c in told.charges(sku="instance-disk")) == Decimal("0.20")


# --- arrears and paid terms ------------------------------------------------------------------------------------

# 20 videos are 30.00: the balance falls below zero on the 1st at 01:00.
IN_ARREARS = (topup("00:00", "1510"), served("01:00", "video-gen", videos=20))


@pytest.mark.req("GG-42")
def test_a_package_that_outlasts_the_seven_days_is_deleted_when_its_term_ends() -> None:
    monthly = request("00:00", "rtx-4090", mode="package", term="monthly")
    story = (OPENED, IN_ARREARS[0], monthly, start("00:01", "rtx-4090", mode="package"), IN_ARREARS[1])

    told = tell(*story, until="2026-12-12T00:00:00Z")

    assert shown(told.of("notice", type="deletion_due")) == [(instant("30 00:00"), "i-1")]
    assert told.commands()[1:] == [
        ("2026-12-01T00:00:00.000Z", "instance.stop", "i-1", "expired"),
        ("2026-12-01T00:00:00.000Z", "gpu.release", "i-1", "expired"),
        ("2026-12-01T00:00:00.000Z", "data.delete", "i-1", "retention"),
    ]
    assert shown(told.of("notice", type="data_deleted")) == [("2026-12-01T00:00:00.000Z", "i-1")]


@pytest.mark.req("GG-42")
def test_money_before_the_end_of_its_term_spares_the_package() -> None:
    monthly = request("00:00", "rtx-4090", mode="package", term="monthly")

    told = tell(
        OPENED, IN_ARREARS[0], monthly, IN_ARREARS[1], topup("25 00:00", "100"), until="2026-12-12T00:00:00Z"
    )

    assert "data.delete" not in [c[1] for c in told.commands()]
    assert told.notices("deletion_due") == []


@pytest.mark.req("GG-42")
def test_a_term_that_ends_in_the_last_day_of_arrears_is_told_of_in_time() -> None:
    weekly = request("00:00", "rtx-4090", mode="package", term="weekly")

    told = tell(
        OPENED,
        topup("00:00", "390"),
        weekly,
        served("01:00", "video-gen", videos=20),
        until=instant("10 00:00"),
    )

    assert shown(told.of("notice", type="deletion_due")) == [(instant("7 01:00"), "i-1")]
    assert [c[:2] for c in told.commands() if c[1] == "data.delete"] == [(instant("8 01:00"), "data.delete")]


@pytest.mark.req("GG-42", "GG-23")
def test_a_package_that_is_released_before_its_term_ends_is_not_deleted() -> None:
    monthly = request("00:00", "rtx-4090", mode="package", term="monthly")

    story = (OPENED, IN_ARREARS[0], monthly, start("00:01", "rtx-4090", mode="package"), IN_ARREARS[1])
    told = tell(*story, release("20 00:00"), until="2026-12-12T00:00:00Z")

    assert [c[1] for c in told.commands()] == ["instance.start"]
    assert told.notices("deletion_due") == []


@pytest.mark.req("GG-41", "GG-42")
def test_what_runs_when_its_data_is_deleted_is_stopped_and_bills_no_more() -> None:
    told = tell(
        OPENED,
        topup("00:00", "20"),
        start("00:00", "rtx-4090"),
        stop("00:30"),
        served("00:40", "video-gen", videos=20),
        start("8 00:30", "rtx-4090"),
        until=instant("9 00:00"),
    )

    assert [c[1] for c in told.commands() if c[0] == instant("8 00:40")] == [
        "instance.stop",
        "gpu.release",
        "data.delete",
    ]
    assert told.cost("i-1") == Decimal("1.60") + Decimal("0.53")


@pytest.mark.req("GG-28")
def test_a_gauge_forgets_what_nothing_can_correct_any_more() -> None:
    daily = [
        sample(f"2027-{month:02}-{day:02}T00:30:00Z", "10") for month in (1, 2, 3) for day in range(1, 29)
    ]

    story = run([OPENED, FUNDED, *daily, tick("2027-03-29T00:00:00Z")], BOOK)

    (gauge,) = story.accounts[ACCOUNT].gauges.values()
    assert 35 <= len(gauge.samples) <= 39
    # 87 days less the first half hour.
    assert sum(Decimal(c.quantity) for c in story.out.charges) == Decimal(10) * (24 * 87) - 5


@pytest.mark.req("GG-42")
def test_the_disk_of_what_ran_for_an_instant_is_deleted_for_arrears_too() -> None:
    told = tell(
        OPENED,
        start("10:00", "rtx-4090", disk_gb="2000"),
        stop("10:00"),
        until=instant("9 10:00"),
    )

    assert told.commands()[1:] == [(instant("8 11:00"), "data.delete", "i-1", "retention")]
    assert told.notices("deletion_due") == [instant("7 11:00")]
    assert told.charges(sku="instance-disk")[-1]["time"] == instant("8 11:00")
