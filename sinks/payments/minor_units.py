"""Amounts as Stripe writes them, whole numbers of a currency's smallest unit, and as we do. Pure, exact.

Source: https://docs.stripe.com/currencies ("Zero-decimal currencies", "Three-decimal currencies", "Special cases").
ISO 4217, and with it babel's table, differs from what Stripe does: ISK and UGX have no decimals there, but Stripe
takes them with two that are always 00 (5 UGX is 500), and MGA has two there and none here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

ZERO_DECIMAL: Final = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)  # fmt: skip
THREE_DECIMAL: Final = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
# Two decimals to Stripe, none in life.
WHOLE_UNITS: Final = frozenset({"ISK", "UGX"})


def decimals_of(currency: str) -> int:
    """How many decimals Stripe's amounts in `currency` have."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def from_minor(amount: int, currency: str) -> Decimal:
    """Stripe's `amount` in `currency` (capital letters): 2000 is 20.00 USD, 500 is 500 JPY, 5120 is 5.120 KWD."""
    return Decimal(amount).scaleb(-decimals_of(currency))


def to_minor(amount: Decimal, currency: str) -> int:
    """`amount` as Stripe takes it. Raises ValueError for what it cannot be charged: fractions of the smallest unit,
    of ISK and UGX any fraction, and a last digit other than 0 where there are three decimals.
    """
    number = amount.scaleb(decimals_of(currency))
    whole = int(number)
    step = 100 if currency in WHOLE_UNITS else 10 if currency in THREE_DECIMAL else 1
    if number != whole or whole % step:
        raise ValueError(
            f"{amount} {currency} cannot be charged: its smallest step is {from_minor(step, currency)}"
        )
    return whole
