"""Arithmetic: exact where it can be, half-up where it must be rounded, loud where it would be neither."""

from decimal import Decimal, Inexact
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.amounts import EXACT, cost_of_seconds, hours_of, ratio, ratio_up
from tests.properties.stories import law


@pytest.mark.req("X-06")
@pytest.mark.parametrize(
    ("number", "scale", "expected"),
    [
        ("0.005", 2, "0.01"), ("0.0049", 2, "0.00"), ("0.015", 2, "0.02"), ("2.9865", 2, "2.99"), ("-0.005", 2, "-0.01"),
        ("-0.0049", 2, "0.00"), ("1", 2, "1.00"), ("0.0000000000005", 12, "0.000000000001"), ("99.995", 2, "100.00"),
    ],
)  # fmt: skip
def test_money_is_rounded_half_up(number: str, scale: int, expected: str) -> None:
    assert ratio(Decimal(number), 1, scale) == Decimal(expected)


@pytest.mark.req("X-06", "FX-02")
@pytest.mark.parametrize(
    ("rate", "seconds", "scale", "cost"),
    [
        ("1.20", 5, 12, "0.001666666667"), ("0.36", 37, 12, "0.0037"), ("6", 3, 12, "0.005"), ("3.20", 5025, 2, "4.47"),
        ("1.98", 5430, 2, "2.99"), ("0.37", 0, 2, "0"), ("0", 99, 12, "0"),
    ],
)  # fmt: skip
def test_a_cost_is_divided_last_and_once(rate: str, seconds: int, scale: int, cost: str) -> None:
    assert cost_of_seconds(Decimal(rate), seconds, scale) == Decimal(cost)


def test_hours_are_half_up_to_twelve_decimals() -> None:
    assert [str(hours_of(s)) for s in (3600, 60, 20, 1)] == [
        "1.000000000000",
        "0.016666666667",
        "0.005555555556",
        "0.000277777778",
    ]
    assert hours_of(-60) == Decimal("-0.016666666667")


@pytest.mark.req("X-06")
@law
@given(st.decimals(-(10**26), 10**26, places=12), st.integers(1, 10**12), st.integers(0, 12))
def test_a_ratio_is_the_nearest_step_and_ties_go_away_from_zero(
    number: Decimal, divisor: int, scale: int
) -> None:
    exact = Fraction(number) / divisor
    nearest = (abs(exact) * 10**scale + Fraction(1, 2)).__floor__()

    assert ratio(number, divisor, scale) == (Decimal(nearest) if exact >= 0 else -Decimal(nearest)).scaleb(
        -scale, EXACT
    )


@pytest.mark.req("X-06")
def test_what_would_not_be_exact_is_loud() -> None:
    with pytest.raises(Inexact):
        EXACT.divide(Decimal(1), Decimal(3))


@law
@given(st.decimals(-(10**26), 10**26, places=12), st.integers(1, 10**12), st.integers(0, 12))
def test_a_carried_remainder_goes_up_on_a_tie_on_either_side_of_zero(
    number: Decimal, divisor: int, scale: int
) -> None:
    exact = Fraction(number) / divisor

    assert ratio_up(number, divisor, scale) == Decimal(
        (exact * 10**scale + Fraction(1, 2)).__floor__()
    ).scaleb(-scale, EXACT)


def test_half_a_cent_below_zero_is_carried_as_nothing() -> None:
    assert ratio_up(Decimal("-0.005"), 1, 2) == 0
    assert ratio(Decimal("-0.005"), 1, 2) == Decimal("-0.01")
