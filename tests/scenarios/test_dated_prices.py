"""Prices that begin and end: what is sold then, and what is never free by accident (contract 8.4)."""

from datetime import date
from decimal import Decimal

import pytest

from schemas.profile import Profile
from streams.core.book import Book
from tests.scenarios.renting import renew, request, sample, start, state, stop, topup
from tests.scenarios.telling import BOOK, Told, granted, instant, opened, paid, served, tell, tick

FUNDED = topup("00:00", "10000")
SECOND = date(2026, 11, 2)


def priced(
    name: str, sku: str, *, from_: date | None = None, until: date | None = None, **prices: object
) -> Book:
    """The shipped profile `name`, where `sku` is sold from and until those days only."""
    profile = BOOK.offers[name].profile
    price = profile.skus[sku].prices[0]
    changed = price.model_copy(update={"from_": from_ or price.from_, "until": until, **prices})
    return _with(profile, sku, changed)


def _with(profile: Profile, sku: str, *prices: object) -> Book:
    skus = profile.skus | {sku: profile.skus[sku].model_copy(update={"prices": list(prices)})}
    return Book([profile.model_copy(update={"skus": skus})])


def _told(book: Book, *lines: bytes, until: str | None = None) -> Told:
    return tell(opened(*book.offers), FUNDED, *lines, book=book, until=until)


@pytest.mark.parametrize(("time", "reasons"), [("23:59:59.999", ["unknown_sku"]), ("2 00:00", [])])
def test_before_its_first_price_an_instance_is_not_sold(time: str, reasons: list[str]) -> None:
    book = priced("gpugeek", "rtx-4090", from_=SECOND)

    assert _told(book, start(time, "rtx-4090")).reasons() == reasons


@pytest.mark.parametrize(("time", "reasons"), [("23:59:59.999", []), ("2 00:00", ["unknown_sku"])])
def test_when_its_last_price_has_ended_an_instance_is_not_sold(time: str, reasons: list[str]) -> None:
    book = priced("gpugeek", "rtx-4090", until=SECOND)

    assert _told(book, start(time, "rtx-4090")).reasons() == reasons


def test_what_is_not_sold_any_more_is_not_renewed_by_hand() -> None:
    book = priced("neolink", "rtx-4090", until=SECOND)

    told = _told(book, request("10:00", "rtx-4090", mode="package", term="weekly"), renew("2 10:00"))

    assert told.reasons() == ["unknown_sku"]
    assert told.amounts() == ["250.00"]


def test_a_term_that_todays_price_does_not_name_is_not_renewed() -> None:
    profile = BOOK.offers["neolink"].profile
    then = profile.skus["rtx-4090"].prices[0].model_copy(update={"until": SECOND})
    now = then.model_copy(update={"from_": SECOND, "until": None, "terms": {}})
    book = _with(profile, "rtx-4090", then, now)

    told = _told(book, request("10:00", "rtx-4090", mode="package", term="weekly"), renew("2 10:00"))

    assert told.reasons() == ["capability_disabled"]
    assert told.amounts() == ["250.00"]


@pytest.mark.req("R-PD8")
def test_a_price_that_falls_makes_nothing_resumable_before_money_comes() -> None:
    profile = BOOK.offers["puredocs"].profile
    then = profile.skus["gpu-l"].prices[0].model_copy(update={"until": SECOND})
    now = then.model_copy(update={"from_": SECOND, "until": None, "payg": Decimal("0.10")})
    book = _with(profile, "gpu-l", then, now)

    told = tell(
        opened("puredocs"),
        paid("00:00", "3"),
        start("10:00", "gpu-l", "dear"),
        start("2 10:00", "gpu-s"),
        stop("2 10:30"),
        granted("2 12:00", "1"),
        book=book,
    )

    assert told.notices("resource_paused") == [instant("10:00")]
    assert told.notices("resource_resumable") == [instant("2 12:00")]


@pytest.mark.parametrize(
    "book", [priced("gpugeek", "cloud-disk", until=SECOND), priced("gpugeek", "cloud-disk")]
)
def test_what_is_stored_keeps_its_last_price(book: Book) -> None:
    told = _told(book, sample("22:00", "1000"), until="2 02:00")

    assert told.amounts() == ["0.50"] * 4


def test_what_is_stored_before_the_first_price_has_that_price() -> None:
    profile = BOOK.offers["gpugeek"].profile
    price = profile.skus["cloud-disk"].prices[0].model_copy(update={"from_": SECOND})
    book = _with(profile, "cloud-disk", price)

    # Known late: of the hour before the price there is a sample only because the clock went on to a sold hour.
    told = _told(book, sample("2 00:00", "1000"), sample("1 23:30", "1000", id="early"), until="2 01:00")

    assert told.reasons() == ["unknown_sku"]
    assert told.amounts() == ["0.50"]


def test_a_package_pays_its_disk_at_the_last_price() -> None:
    book = priced("neolink", "instance-disk", until=SECOND)

    told = _told(book, request("2 10:00", "rtx-4090", mode="package", term="daily", disk_gb="100"))

    assert told.amounts() == ["40.00", "1.00"]


def test_a_model_that_warms_up_after_its_last_price_keeps_that_of_its_start() -> None:
    book = priced("gpugeek", "my-private", until=SECOND)

    told = _told(
        book,
        start("22:00", "my-private"),
        state("23:00", "cold"),
        state("2 10:00", "running"),
        stop("2 11:00"),
        tick("2 12:00"),
    )

    assert told.cost("i-1") == Decimal("12.00")


def test_a_model_that_warms_up_has_the_price_of_that_time() -> None:
    profile = BOOK.offers["gpugeek"].profile
    then = profile.skus["my-private"].prices[0].model_copy(update={"until": SECOND})
    now = then.model_copy(update={"from_": SECOND, "until": None, "payg": Decimal("7.00")})
    book = _with(profile, "my-private", then, now)

    told = _told(
        book,
        start("22:00", "my-private"),
        state("23:00", "cold"),
        state("2 10:00", "running"),
        stop("2 11:00"),
        tick("2 12:00"),
    )

    assert told.amounts() == ["6.00", "7.00"]
    assert [c["time"] for c in told.charges()] == [instant("23:00"), instant("2 11:00")]


@pytest.mark.req("X-06")
def test_a_price_finer_than_the_line_is_rounded_half_up_and_carries_nothing() -> None:
    profile = BOOK.offers["flexai"].profile
    price = profile.skus["bge-m3"].prices[0]
    fine = price.model_copy(update={"requests": dict.fromkeys(price.requests, Decimal("0.1234565"))})
    book = _with(profile, "bge-m3", fine)

    told = tell(
        opened("flexai"), *(served(f"10:0{n}", "bge-m3", input_tokens=1) for n in range(2)), book=book
    )

    # 0.0000001234565 each: the second line is what two come to, 0.000000246913, less the first.
    assert told.amounts() == ["0.000000123457", "0.000000123456"]
