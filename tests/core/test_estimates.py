"""The hour from which a change of mode gives nothing back."""

from decimal import Decimal

import pytest

from streams.core.estimates import break_even_hours


@pytest.mark.req("GG-17")
@pytest.mark.parametrize(
    ("price", "rate", "hours"),
    [
        ("600", "1.50", "400"),
        ("1500", "3.20", "468.75"),
        ("60", "3.20", "18.75"),
        ("40", "1.98", "20.2"),
        ("0", "3.20", "0"),
        ("10", "3", "3.33"),
        ("1", "200", "0.01"),
        ("1", "0.0005", "2000"),
    ],
)
def test_the_break_even_hour_is_the_price_by_the_hourly_rate(price: str, rate: str, hours: str) -> None:
    """600 paid, 1.50 an hour: after 400 hours all of it is used."""
    assert break_even_hours(Decimal(price), Decimal(rate)) == Decimal(hours)


def test_at_no_rate_there_is_no_break_even_hour() -> None:
    assert break_even_hours(Decimal(600), Decimal(0)) is None
