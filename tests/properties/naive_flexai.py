"""A second, naive reading of the contract for flex.ai: every request at once, the sign-up credit first.

As `naive_puredocs.py`: from the contract's sentences alone. What comes late is a charge at the clock like any other.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from tests.properties.naive_account import Walk, quantity, rounded

PRICES = {
    "llama-3.3-70b": {"tokens_in": Decimal("0.20"), "tokens_out": Decimal("0.60")},
    "qwen-vl-72b": {"tokens_in": Decimal("0.40"), "tokens_out": Decimal("1.20")},
    "bge-m3": {"tokens_in": Decimal("0.02")},
}
MILLION = 1_000_000


class FlexAI(Walk):
    """One account's walk."""

    methods = frozenset({"card"})
    minimum = Decimal(5)
    places = 12

    def __init__(self, zone: str) -> None:
        super().__init__(zone)
        self.low = Decimal(5)
        self.tiers: list[tuple[int, str | None, str | None]] = []
        self.post("grant", Decimal(10), "free")

    def serve(self, model: str, tokens: dict[str, int], resource: str | None, key: str | None) -> str | None:
        if model not in PRICES:
            return "unknown_sku"
        for meter, price in PRICES[model].items():
            count = tokens.get(meter, 0)
            if not count:
                continue
            exact = Fraction(count, MILLION)
            amount = rounded(exact * Fraction(price), self.places)
            self.charges.append((self.now, resource, model, key, meter, quantity(exact), price, amount))
            self.draw(amount)
            self.count(resource, amount)
        return None

    def credit(self, payment: str, amount: Decimal, fee: Decimal, bonus: Decimal) -> None:
        super().credit(payment, amount, fee, bonus)
        self.tiers.append((self.time, None, "paid"))

    def key(self, key: str) -> None:
        self.tiers.append((self.time, key, None))

    def tier(self, key: str, tier: str) -> None:
        self.tiers.append((self.time, key, tier))

    def keys(self) -> dict[str, str]:
        """What was said of keys, in order of its own time: the first top-up moves them all."""
        keys: dict[str, str] = {}
        begin = "free"
        for _, key, tier in sorted(self.tiers, key=lambda said: said[0]):
            if key is None:
                keys = dict.fromkeys(keys, "paid") if begin == "free" else keys
                begin = "paid"
            else:
                keys[key] = tier or keys.get(key, begin)
        return keys
