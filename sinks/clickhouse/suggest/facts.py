"""What suggestions are made from, and what one is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from schemas.values import money_text, plain

# Estimates are divided; nothing here is posted.
ESTIMATE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Hour:
    """A local hour that a deployment was paid for, and the requests in it. `weekday` is 1 for Monday."""

    day: date
    weekday: int
    hour: int
    paid_hours: Decimal
    requests: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """One that runs now. `price` is an hour of one replica, `per_hour` of all; `busy_s` None where it was not told."""

    resource: str
    profile: str
    sku: str
    model: str
    price: Decimal
    per_hour: Decimal
    replicas: int
    paid_hours: Decimal = Decimal(0)
    busy_s: Decimal | None = None
    hours: Sequence[Hour] = field(default_factory=tuple)

    @property
    def days_seen(self) -> int:
        """On how many local days it was paid for."""
        return len({hour.day for hour in self.hours})


@dataclass(frozen=True, slots=True)
class Spending:
    """What requests with a price of their own cost in `days` days, and those above `limit` among them."""

    days: int
    requests: int
    cost: Decimal
    limit: Decimal
    above: int
    above_cost: Decimal


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`saving` is in the account's currency and a month of 30 days, cut to cents: never more than the figures carry."""

    type: str
    text: str
    saving: Decimal
    figures: dict[str, Any]
    resource: str = ""
    percent: int | None = None

    def row(self, currency: str) -> dict[str, Any]:
        """As JSON has it."""
        row: dict[str, Any] = {"type": self.type, "text": self.text}
        if self.resource:
            row["resource"] = self.resource
        row |= {"saving_per_month": money_text(cents(self.saving)), "currency": currency}
        if self.percent is not None:
            row["saving_percent"] = self.percent
        return row | {"figures": {name: _shown(value) for name, value in self.figures.items()}}


def cents(value: Decimal) -> Decimal:
    """`value` cut to cents."""
    return value.quantize(_CENT, rounding=ROUND_DOWN, context=ESTIMATE)


def floor_percent(part: Decimal, whole: Decimal) -> int:
    """Whole percent, cut: 48.57 is 48 (R-PD7)."""
    return int(ESTIMATE.divide(part * 100, whole))


def _shown(value: Any) -> Any:
    return plain(value) if isinstance(value, Decimal) else value
