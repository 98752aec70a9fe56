"""Neolink: storage and images by the local day (NL-13 … NL-23), models that are free or to come (NL-24 … NL-26)."""

from datetime import date
from decimal import Decimal

import pytest

from schemas.events import Mode
from streams.core.book import Book
from tests.scenarios.renting import deletion, request, sample, start, topup
from tests.scenarios.telling import BOOK, instant, opened, served, tell, tick

OPENED = opened("neolink")
FUNDED = topup("00:00", "1000")
PROFILE = BOOK.offers["neolink"].profile
# In Shanghai the 2nd of November begins here.
MIDNIGHT = "1 16:00"


def fs(time: str, gb: str, resource: str = "fs") -> bytes:
    """So much is in a shared file system."""
    return sample(time, gb, resource, "shared-fs")


def image(time: str, gb: str, resource: str) -> bytes:
    """An image is so large."""
    return sample(time, gb, resource, "image-store")


@pytest.mark.req("NL-13", "NL-18", "NL-19", "R-NL5", "R-NL6")
def test_a_days_highest_capacity_is_settled_at_midnight_of_the_following_day() -> None:
    told = tell(
        OPENED, FUNDED, fs("1 17:00", "80"), fs("1 20:00", "120"), fs("2 01:00", "60"), tick("2 17:00")
    )

    (charge,) = told.charges()
    assert (charge["quantity"], charge["unit"], charge["unit_price"], charge["amount"], charge["rule"]) == (
        "120",
        "GB-day",
        "0.01",
        "1.20",
        "NL-19",
    )
    assert (charge["start"], charge["end"], charge["time"]) == (
        instant(MIDNIGHT),
        instant("2 16:00"),
        instant("2 16:00"),
    )


@pytest.mark.req("NL-13")
def test_one_settlement_a_day() -> None:
    told = tell(OPENED, FUNDED, fs("00:00", "80"), tick("4 17:00"))

    assert [c["time"] for c in told.charges()] == [instant(f"{day} 16:00") for day in (1, 2, 3, 4)]
    assert told.cost("fs") == Decimal("3.20")


@pytest.mark.req("NL-15")
def test_the_day_of_the_deletion_is_charged_at_its_peak() -> None:
    told = tell(
        OPENED, FUNDED, fs("00:00", "80"), fs("3 17:00", "200"), deletion("3 18:00", "fs"), tick("9 00:00")
    )

    assert told.amounts() == ["0.80", "0.80", "0.80", "2.00"]
    assert told.charges()[-1]["time"] == instant("4 16:00")


@pytest.mark.req("NL-15")
def test_a_deletion_at_midnight_begins_no_day_and_a_millisecond_later_does() -> None:
    assert tell(OPENED, FUNDED, fs("00:00", "80"), deletion("1 16:00", "fs"), tick("4 00:00")).amounts() == [
        "0.80"
    ]
    assert tell(
        OPENED, FUNDED, fs("00:00", "80"), deletion("1 16:00:00.001", "fs"), tick("4 00:00")
    ).amounts() == ["0.80", "0.80"]


@pytest.mark.parametrize(
    ("gb", "amounts"), [("0.4", ["0.01"]), ("0", []), ("1", ["0.01"]), ("1.5", ["0.02"]), ("150", ["1.50"])]
)
@pytest.mark.req("NL-16", "R-NL2")
def test_a_settlement_costs_a_cent_at_least_unless_there_was_nothing(gb: str, amounts: list[str]) -> None:
    assert tell(OPENED, FUNDED, fs("00:00", gb), tick("1 17:00")).amounts() == amounts


@pytest.mark.req("NL-18")
def test_a_sample_holds_over_midnight() -> None:
    told = tell(OPENED, FUNDED, fs("00:00", "100"), fs("2 10:00", "50"), tick("3 17:00"))

    assert [c["quantity"] for c in told.charges()] == ["100", "100", "50"]


@pytest.mark.req("NL-18")
def test_each_shared_file_system_has_its_own_line_peak_and_minimum() -> None:
    told = tell(OPENED, FUNDED, fs("00:00", "0.1", "a"), fs("00:00", "0.1", "b"), tick("1 17:00"))

    assert [(c["resource"], c["amount"]) for c in told.charges()] == [("a", "0.01"), ("b", "0.01")]


@pytest.mark.req("X-08", "NL-13")
def test_local_days_of_23_and_25_hours() -> None:
    spring = tell(
        opened("neolink", "2026-03-28T00:00:00Z", zone="Europe/Berlin"),
        topup("2026-03-28T00:00:00Z", "10"),
        fs("2026-03-28T00:00:00Z", "100"),
        until="2026-03-31T00:00:00Z",
    )
    autumn = tell(
        opened("neolink", "2026-10-31T05:00:00Z", zone="America/New_York"),
        topup("2026-10-31T05:00:00Z", "10"),
        fs("2026-10-31T05:00:00Z", "100"),
        until="2026-11-03T00:00:00Z",
    )

    assert [c["time"] for c in spring.charges()] == [
        "2026-03-28T23:00:00.000Z",
        "2026-03-29T22:00:00.000Z",
        "2026-03-30T22:00:00.000Z",
    ]
    assert {c["amount"] for c in spring.charges()} == {"1.00"}
    assert [c["time"] for c in autumn.charges()] == ["2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z"]


@pytest.mark.req("NL-13")
def test_a_leap_day_is_a_day() -> None:
    told = tell(
        opened("neolink", "2028-02-28T00:00:00Z"),
        topup("2028-02-28T00:00:00Z", "10"),
        fs("2028-02-28T00:00:00Z", "100"),
        until="2028-03-02T00:00:00Z",
    )

    assert [c["time"][:10] for c in told.charges()] == ["2028-02-28", "2028-02-29", "2028-03-01"]


@pytest.mark.req("X-02", "X-03", "NL-18")
def test_a_late_sample_corrects_the_days_after_it() -> None:
    told = tell(OPENED, FUNDED, fs("00:00", "80"), tick("3 17:00"), fs("2 10:00", "120"), tick("4 17:00"))
    in_time = tell(OPENED, FUNDED, fs("00:00", "80"), fs("2 10:00", "120"), tick("4 17:00"))

    assert told.cost("fs") == in_time.cost("fs") == Decimal("4.40")
    corrections = [c for c in told.charges() if "corrects" in c]
    assert [(c["amount"], c["quantity"], c["time"]) for c in corrections] == [
        ("0.40", "40", instant("3 17:00"))
    ] * 2
    assert told.balance() == in_time.balance()


@pytest.mark.req("X-03", "NL-16")
def test_a_late_sample_below_the_peak_changes_nothing() -> None:
    told = tell(
        OPENED,
        FUNDED,
        fs("00:00", "80"),
        fs("10:00", "80"),
        tick("1 17:00"),
        fs("05:00", "70"),
        tick("2 10:00"),
    )

    assert told.amounts() == ["0.80"]


@pytest.mark.req("X-03", "NL-15")
def test_a_late_deletion_takes_the_days_after_it_back() -> None:
    told = tell(
        OPENED, FUNDED, fs("00:00", "80"), tick("4 17:00"), deletion("2 10:00", "fs"), tick("6 00:00")
    )

    assert told.cost("fs") == Decimal("1.60")
    assert told.balance() == "998.40"


# --- images ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "quantity", "amount"),
    [
        (("12", "15", "10"), "7", "0.07"),
        (("30.5",), "0.5", "0.01"),
        (("10", "20.0"), None, None),
        (("30",), None, None),
        (("31",), "1", "0.01"),
    ],
)
@pytest.mark.req("NL-20", "NL-21", "NL-22", "NL-23", "R-NL7")
def test_images_are_pooled_and_thirty_gigabytes_are_free(
    sizes: tuple[str, ...], quantity: str | None, amount: str | None
) -> None:
    told = tell(
        OPENED, FUNDED, *(image("00:00", gb, f"img-{n}") for n, gb in enumerate(sizes)), tick("1 17:00")
    )

    found = [(c["resource"], c["sku"], c["quantity"], c["amount"], c["time"]) for c in told.charges()]
    assert found == (
        [] if amount is None else [("image-store", "image-store", quantity, amount, instant("1 16:00"))]
    )


@pytest.mark.req("NL-20")
def test_the_peak_is_of_the_sum_not_the_sum_of_the_peaks() -> None:
    told = tell(
        OPENED,
        FUNDED,
        image("00:00", "40", "a"),
        image("05:00", "10", "a"),
        image("06:00", "35", "b"),
        tick("1 17:00"),
    )

    assert [c["quantity"] for c in told.charges()] == ["15"]


@pytest.mark.req("NL-20")
def test_an_image_replaced_by_another_does_not_count_twice() -> None:
    told = tell(
        OPENED,
        FUNDED,
        image("00:00", "40", "a"),
        deletion("05:00", "a"),
        image("05:00", "40", "b"),
        tick("1 17:00"),
    )

    assert [c["quantity"] for c in told.charges()] == ["10"]


@pytest.mark.req("NL-20", "NL-15")
def test_after_the_last_deletion_no_day_is_charged() -> None:
    told = tell(OPENED, FUNDED, image("00:00", "40", "a"), deletion("2 10:00", "a"), tick("6 00:00"))

    assert told.amounts() == ["0.10", "0.10"]


@pytest.mark.req("NL-20", "X-02")
def test_images_again_after_days_without() -> None:
    told = tell(
        OPENED,
        FUNDED,
        image("00:00", "40", "a"),
        deletion("10:00", "a"),
        image("5 00:00", "50", "b"),
        tick("6 17:00"),
    )

    assert [(c["time"], c["amount"]) for c in told.charges()] == [
        (instant("1 16:00"), "0.10"),
        (instant("5 16:00"), "0.20"),
        (instant("6 16:00"), "0.20"),
    ]


@pytest.mark.req("NL-20", "X-03")
def test_a_late_image_corrects_the_pool() -> None:
    told = tell(
        OPENED,
        FUNDED,
        image("00:00", "40", "a"),
        tick("2 17:00"),
        image("2 10:00", "20", "b"),
        tick("3 17:00"),
    )

    assert told.cost("image-store") == Decimal("0.10") + Decimal("0.30") * 2


@pytest.mark.req("NL-20", "X-03")
def test_a_late_image_deletion_corrects_the_pool() -> None:
    told = tell(
        OPENED, FUNDED, image("00:00", "40", "a"), tick("3 17:00"), deletion("2 10:00", "a"), tick("5 17:00")
    )

    assert told.cost("image-store") == Decimal("0.20")


# --- models ----------------------------------------------------------------------------------------------------

FREE = ["Meta-Llama-3-8B", "Qwen2-7B-Instruct", "GLM-4-9B-Chat", "BGE-M3"]
SOON = [
    "Meta-Llama-3-70B", "Mixtral-8x7B", "Baichuan-13B-Chat", "Qwen2-72B-Instruct", "Qwen1.5-14B-Chat", "Qwen1.5-110B-Chat",
    "gte-Qwen2-7B-instruct", "DeepSeek-V2-Chat", "Yi-1.5-34B-Chat", "ChatGLM3-6B-32K",
]  # fmt: skip


@pytest.mark.req("NL-25")
def test_there_are_fourteen_models() -> None:
    models = [name for name, sku in PROFILE.skus.items() if sku.kind.value == "model"]

    assert sorted(models) == sorted(FREE + SOON)


@pytest.mark.parametrize("model", FREE)
@pytest.mark.req("NL-24", "NL-25")
def test_a_free_model_is_recorded_at_price_zero(model: str) -> None:
    told = tell(OPENED, served("10:00", model, input_tokens=1000, output_tokens=500))

    assert [(c["meter"], c["quantity"], c["unit_price"], c["amount"]) for c in told.charges()] == [
        ("tokens_in", "0.001", "0.00", "0.00"),
        ("tokens_out", "0.0005", "0.00", "0.00"),
    ]
    assert told.entries() == []


@pytest.mark.parametrize("model", SOON)
@pytest.mark.req("NL-26", "X-11")
def test_a_model_that_is_coming_soon_is_never_silently_free(model: str) -> None:
    told = tell(
        OPENED, served("10:00", model, input_tokens=1000), start("10:01", model), request("10:02", model)
    )

    assert told.reasons() == ["sku_not_launched"] * 3
    assert told.charges() == []


@pytest.mark.req("NL-26", "NL-12", "R-NL9")
def test_a_free_model_that_gets_a_price_leaves_earlier_usage_free() -> None:
    sku = PROFILE.skus["BGE-M3"]
    free = sku.prices[0].model_copy(update={"until": date(2026, 11, 10)})
    dear = sku.prices[0].model_copy(
        update={
            "from_": date(2026, 11, 10),
            "requests": {meter: Decimal(2) for meter in sku.prices[0].requests},
        }
    )
    changed = sku.model_copy(update={"prices": (free, dear)})
    book = Book([PROFILE.model_copy(update={"skus": PROFILE.skus | {"BGE-M3": changed}})])

    told = tell(
        OPENED,
        FUNDED,
        served("9 23:59:59.999", "BGE-M3", input_tokens=1_000_000),
        served("10 00:00", "BGE-M3", input_tokens=1_000_000),
        served("9 12:00", "BGE-M3", input_tokens=1_000_000),
        book=book,
    )

    assert told.amounts() == ["0.00", "2.00", "0.00"]
    assert [c["price_version"] for c in told.charges()] == ["2020-01-01", "2026-11-10", "2020-01-01"]


@pytest.mark.req("NL-12")
def test_prices_are_versions_with_dates_and_sources() -> None:
    for sku in PROFILE.skus.values():
        for price in sku.prices:
            assert price.from_ == date(2020, 1, 1)
            assert price.until is None
            assert price.source
    assert PROFILE.skus["rtx-4090"].modes == (Mode.PAYG, Mode.PACKAGE)


@pytest.mark.req("NL-12", "R-NL9")
def test_a_gauge_has_the_price_of_its_windows_start_and_a_session_that_of_its_own() -> None:
    def raised(name: str) -> object:
        sku = PROFILE.skus[name]
        price = sku.prices[0]
        old = price.model_copy(update={"until": date(2026, 11, 2)})
        new = price.model_copy(update={"from_": date(2026, 11, 2), "payg": (price.payg or Decimal(0)) * 2})
        return sku.model_copy(update={"prices": (old, new)})

    skus = PROFILE.skus | {name: raised(name) for name in ("shared-fs", "rtx-4090")}
    book = Book([PROFILE.model_copy(update={"skus": skus})])
    told = tell(OPENED, FUNDED, fs("00:00", "100"), start("1 23:00", "rtx-4090"), tick("3 17:00"), book=book)

    # The local day of 2 November begins on the 1st at 16:00 UTC, so only the 3rd has the new price.
    assert told.amounts(sku="shared-fs") == ["1.00", "1.00", "2.00"]
    assert {c["unit_price"] for c in told.charges(sku="rtx-4090")} == {"1.98"}


@pytest.mark.req("NL-18", "X-03")
def test_a_late_sample_corrects_no_day_that_stays_as_it_was() -> None:
    told = tell(
        OPENED, FUNDED, fs("1 10:00", "50"), fs("1 16:00", "30"), tick("3 17:00"), fs("1 12:00", "80")
    )

    assert [(c["start"], c["amount"]) for c in told.charges() if "corrects" in c] == [
        ("2026-10-31T16:00:00.000Z", "0.30")
    ]
    assert told.cost("fs") == Decimal("1.40")


@pytest.mark.req("NL-16", "X-03")
def test_a_correction_below_the_cent_is_told_without_an_entry() -> None:
    # 0.3 GB and 0.4 GB of a day cost the minimum, a cent.
    told = tell(OPENED, FUNDED, fs("1 10:00", "0.3"), tick("2 17:00"), fs("1 12:00", "0.4"))

    corrections = [c for c in told.charges() if "corrects" in c]
    assert [(c["quantity"], c["amount"]) for c in corrections] == [("0.1", "0.00"), ("0.1", "0.00")]
    assert told.entries(type="correction") == []
