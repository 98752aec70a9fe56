"""What is suggested, from figures alone: sizes are read honestly, pauses are those that were seen, money is cut down."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from sinks.clickhouse.suggest.capacity import expensive_requests, fewer_replicas
from sinks.clickhouse.suggest.facts import Deployment, Hour, Spending, floor_percent
from sinks.clickhouse.suggest.idleness import pauses, quiet_hours
from sinks.clickhouse.suggest.rules import rules
from sinks.clickhouse.suggest.sizing import model_of, resize
from tests.scenarios.telling import BOOK

RULES = rules()
PRICES = {
    ("puredocs", "gpu-s"): Decimal("0.60"),
    ("puredocs", "gpu-m"): Decimal("1.80"),
    ("puredocs", "gpu-l"): Decimal("3.50"),
}
MONDAY = date(2026, 11, 2)


def deployment(model: str = "", sku: str = "gpu-l", **changes: object) -> Deployment:
    price = PRICES["puredocs", sku]
    values: dict[str, object] = {
        "resource": "d", "profile": "puredocs", "sku": sku, "model": model, "price": price, "per_hour": price, "replicas": 1,
    }  # fmt: skip
    return Deployment(**(values | changes))  # type: ignore[arg-type]


def hours(days: int, busy: range, *, weekends: bool = True, paid: range = range(24)) -> list[Hour]:
    """`days` days from a Monday: paid for in `paid` hours, a request in each of the `busy` ones."""
    found = []
    for day in (MONDAY + timedelta(days=n) for n in range(days)):
        for hour in paid:
            asked = hour in busy and (weekends or day.isoweekday() < 6)
            found.append(Hour(day, day.isoweekday(), hour, Decimal(1), int(asked)))
    return found


@pytest.mark.req("PD-34", "PD-35")
@pytest.mark.parametrize(
    ("name", "billions", "precision", "named"),
    [
        ("llama-3.3-70b", "70", "fp16", False),
        ("Meta-Llama-3-8B-Instruct", "8", "fp16", False),
        ("Qwen1.5-110B-Chat-AWQ", "110", "awq", True),
        ("qwen2.5-0.5b-int8", "0.5", "int8", True),
        ("Mixtral-8x7B", "56", "fp16", False),
        ("mistral_7b_fp8", "7", "fp8", True),
    ],
)
def test_a_name_is_read_for_what_it_says(name: str, billions: str, precision: str, named: bool) -> None:
    assert model_of(name, RULES) == (Decimal(billions), precision, named)


@pytest.mark.parametrize("name", ["", "bge-m3", "chat-base", "web2bench", "70bit", "glm-4-9billion"])
def test_a_name_without_a_size_says_none(name: str) -> None:
    assert model_of(name, RULES) is None


@pytest.mark.req("PD-34")
def test_a_7b_model_on_the_largest_tier_is_over_provisioned() -> None:
    found = resize(deployment("mistral-7b"), PRICES, RULES, Decimal(720))

    assert found is not None
    assert (found.type, found.percent, found.saving) == ("right_size", 48, Decimal("1224.00"))
    assert "over-provisioned" in found.text
    assert found.figures["precision_assumed"] is True


@pytest.mark.req("PD-35", "R-PD7")
def test_a_70b_model_in_fp16_is_quantized_to_the_middle_tier_for_about_48_percent_less() -> None:
    found = resize(deployment("llama-70b-fp16"), PRICES, RULES, Decimal(720))

    assert found is not None
    assert (found.type, found.percent, found.figures["suggested_sku"]) == ("quantize", 48, "gpu-m")
    assert "~48 %" in found.text
    assert floor_percent(Decimal("1.70"), Decimal("3.50")) == 48


@pytest.mark.parametrize(
    ("model", "sku"),
    [("llama-70b-awq", "gpu-m"), ("qwen-110b", "gpu-l"), ("mistral-7b", "gpu-m"), ("chat-base", "gpu-l"), ("tiny-1b", "gpu-s")],
)  # fmt: skip
def test_nothing_is_suggested_that_is_not_known_to_fit(model: str, sku: str) -> None:
    assert resize(deployment(model, sku), PRICES, RULES, Decimal(720)) is None


def test_skus_of_the_rules_are_sold_by_their_profile() -> None:
    for held in RULES.holds:
        assert held.sku in BOOK.offers[held.profile].profile.skus


@pytest.mark.req("PD-36")
def test_twelve_idle_hours_a_night_at_sixty_cents_are_216_a_month() -> None:
    (found,) = pauses(deployment("", "gpu-s", hours=hours(10, range(8, 20))), RULES)

    assert (found.type, found.saving) == ("pause_nights", Decimal(216))
    assert (found.figures["from_hour"], found.figures["to_hour"]) == (20, 8)


@pytest.mark.req("PD-36")
def test_hours_that_are_paused_already_save_nothing() -> None:
    seen = hours(10, range(8, 20), paid=range(6, 22))

    # Midnight was not paid for: what was, from 20:00 to 22:00 and from 6:00 to 8:00, is no stretch of four hours.
    assert list(pauses(deployment("", "gpu-s", hours=seen), RULES)) == []


@pytest.mark.req("PD-36")
def test_weekends_without_a_request_are_counted_beside_the_nights() -> None:
    seen = hours(14, range(8, 20), weekends=False)

    nights, weekends = pauses(deployment("", "gpu-s", hours=seen), RULES)

    # 12 hours of four days in two weekends, 30 / 7 weekends a month.
    assert (weekends.type, weekends.figures["idle_hours"]) == ("pause_weekends", Decimal(48))
    assert weekends.row("USD")["saving_per_month"] == "61.71"
    assert nights.saving == 216


@pytest.mark.parametrize("days", [0, 6])
def test_a_few_days_are_no_pattern(days: int) -> None:
    assert list(pauses(deployment("", "gpu-s", hours=hours(days, range(8, 20))), RULES)) == []


def test_one_request_in_the_night_breaks_the_pattern() -> None:
    seen = hours(10, range(8, 20))
    seen[2] = (
        seen[2]._replace(requests=1) if hasattr(seen[2], "_replace") else Hour(MONDAY, 1, 2, Decimal(1), 1)
    )

    assert quiet_hours(seen) == (20, 21, 22, 23, 0, 1)


@pytest.mark.req("PD-37")
def test_replicas_that_were_not_needed_are_pointed_out() -> None:
    found = fewer_replicas(
        deployment(
            "",
            "gpu-s",
            replicas=4,
            paid_hours=Decimal(40),
            busy_s=Decimal(36_000),
            hours=hours(10, range(24)),
        ),
        RULES,
        Decimal(720),
    )

    assert found is not None
    assert (found.figures["suggested_replicas"], found.saving) == (1, Decimal("1296.00"))


def test_where_seconds_were_not_told_replicas_are_left_alone() -> None:
    seen = deployment("", "gpu-s", replicas=4, paid_hours=Decimal(40), hours=hours(10, range(24)))

    assert fewer_replicas(seen, RULES, Decimal(720)) is None


@pytest.mark.parametrize(
    ("requests", "above", "above_cost", "is_said"),
    [(100, 2, "20", True), (99, 2, "20", False), (100, 0, "0", False), (100, 2, "19", False)],
)
def test_expensive_requests_must_be_many_times_the_median_and_a_good_part_of_the_cost(
    requests: int, above: int, above_cost: str, is_said: bool
) -> None:
    spending = Spending(30, requests, Decimal(100), Decimal(1), above, Decimal(above_cost))

    assert (expensive_requests(spending, RULES) is not None) == is_said
