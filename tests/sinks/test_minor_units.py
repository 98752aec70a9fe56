"""Stripe's amounts: the list of its documentation, and not ISO's where the two differ."""

from decimal import Decimal

import pytest

from sinks.payments.minor_units import THREE_DECIMAL, ZERO_DECIMAL, from_minor, to_minor


@pytest.mark.parametrize(
    ("minor", "currency", "amount"),
    [
        (2000, "USD", "20.00"),
        (1, "CNY", "0.01"),
        (500, "JPY", "500"),
        (500, "KRW", "500"),
        (5120, "KWD", "5.120"),
        # ISO 4217 gives these none; Stripe takes two that are always 00.
        (500, "ISK", "5.00"),
        (500, "UGX", "5.00"),
        # ISO 4217 gives it two; Stripe none.
        (500, "MGA", "500"),
        (0, "USD", "0.00"),
        (99_999_999, "USD", "999999.99"),
    ],
)
def test_minor_units_become_amounts_and_back(minor: int, currency: str, amount: str) -> None:
    assert str(from_minor(minor, currency)) == amount
    assert to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("0.001", "USD"), ("1.5", "JPY"), ("5.124", "KWD"), ("5.50", "ISK"), ("0.01", "UGX"), ("1.0001", "BHD")],
)
def test_what_cannot_be_charged_to_the_last_digit_is_refused_and_not_rounded(
    amount: str, currency: str
) -> None:
    with pytest.raises(ValueError, match="cannot be charged"):
        to_minor(Decimal(amount), currency)


def test_no_currency_has_two_scales() -> None:
    assert set(ZERO_DECIMAL) & set(THREE_DECIMAL) == set()
    assert len(ZERO_DECIMAL) == 15
