"""Stage 4 of 6, prices: the price book that is in force, looked up by sku and instant. Pure once loaded.

A `Book` is what the loaded profiles come to. Looking up a price never reads a clock: the caller says when.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from schemas.events import Mode, Spec
from schemas.profile import OutOfMoney, Price, Profile, Sku, SkuKind
from schemas.records import Meter
from schemas.values import money_text
from streams.core.amounts import EXACT
from streams.core.state import NEVER

MILLION = 1_000_000
# Meter → (unit, how many of the counted thing are one unit): tokens are priced by the million.
UNIT_OF_METER: dict[Meter, tuple[str, int]] = {
    Meter.TOKENS_IN: ("1M tokens", MILLION),
    Meter.TOKENS_OUT: ("1M tokens", MILLION),
    Meter.CHARACTERS: ("1M characters", MILLION),
    Meter.IMAGES: ("image", 1),
    Meter.VIDEOS: ("video", 1),
    Meter.SECONDS: ("second", 1),
    Meter.RUNTIME: ("hour", 3_600),
}
# Meter → the field of `request.served` that it counts, in the order of a request's lines.
COUNTER_OF_METER: dict[Meter, str] = {
    Meter.TOKENS_IN: "input_tokens",
    Meter.TOKENS_OUT: "output_tokens",
    Meter.IMAGES: "images",
    Meter.VIDEOS: "videos",
    Meter.SECONDS: "seconds",
    Meter.RUNTIME: "seconds",
    Meter.CHARACTERS: "characters",
}


@dataclass(frozen=True, slots=True)
class Counter:
    """How one meter of a request is priced by one price version."""

    meter: str
    field: str
    unit: str
    per_unit: int
    price: Decimal
    price_text: str
    # Whole counts at this price never have more decimals than a charge: nothing is rounded, nothing carried.
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Rate:
    """The counters of one model in one price version, in force during [start_ms, end_ms)."""

    sku: str
    rule: str
    version: str
    start_ms: int
    end_ms: int
    counters: tuple[Counter, ...]


class Offer:
    """One profile, made ready for look-ups."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.name = profile.name
        self.currency = profile.currency
        self.scale = profile.rounding.scale
        self.modes = frozenset(mode for sku in profile.skus.values() for mode in sku.modes)
        self.shuts_down = profile.running_out.action is OutOfMoney.SHUT_DOWN
        hosting = [sku.hosting for sku in profile.skus.values() if sku.hosting is not None]
        self.hosts_models = bool(hosting)
        self.hosts_replicas = any(each.replicas for each in hosting)
        self.hosts_scaling = any(each.scale_s is not None for each in hosting)
        self._rates = {
            name: tuple(_rate(name, sku, price, self.scale) for price in sku.prices)
            for name, sku in profile.skus.items()
            if sku.is_billed_by_request
        }

    def rate(self, model: str, time_ms: int) -> Rate | None:
        """How a request to `model` is priced at `time_ms`; None where the model is not sold then."""
        for rate in self._rates.get(model, ()):
            if rate.start_ms <= time_ms < rate.end_ms:
                return rate
        return None

    def instance(self, sku: str, time_ms: int) -> tuple[Sku, Price] | None:
        """The sku that runs, and its price version at `time_ms`; None where it is not sold then."""
        return self._sold(sku, time_ms, RUNNING_KINDS)

    def storage(self, sku: str, time_ms: int) -> tuple[Sku, Price] | None:
        """The storage sku and its price version at `time_ms`; None where it is not sold then."""
        return self._sold(sku, time_ms, STORAGE_KINDS)

    def _sold(self, sku: str, time_ms: int, kinds: frozenset[SkuKind]) -> tuple[Sku, Price] | None:
        found = self.profile.skus.get(sku)
        if found is None or found.kind not in kinds:
            return None
        for price in found.prices:
            if price.start_ms <= time_ms < (NEVER if price.end_ms is None else price.end_ms):
                return found, price
        return None


RUNNING_KINDS = frozenset({SkuKind.INSTANCE, SkuKind.HOSTED})
STORAGE_KINDS = frozenset({SkuKind.STORAGE})


def _rate(name: str, sku: Sku, price: Price, scale: int) -> Rate:
    counters = tuple(
        _counter(meter, field, price.requests[meter], scale)
        for meter, field in COUNTER_OF_METER.items()
        if meter in price.requests
    )
    end_ms = NEVER if price.end_ms is None else price.end_ms
    return Rate(name, sku.rule, price.version, price.start_ms, end_ms, counters)


def _counter(meter: Meter, field: str, price: Decimal, scale: int) -> Counter:
    unit, per_unit = UNIT_OF_METER[meter]
    exponent = price.as_tuple().exponent
    is_exact = per_unit == MILLION and isinstance(exponent, int) and 6 - exponent <= scale
    return Counter(meter.value, field, unit, per_unit, price, money_text(price), is_exact)


def hourly_rate(price: Price, mode: Mode, spec: Spec | None) -> Decimal | None:
    """What an hour costs in `mode`; None for an unknown gpu. FX-05: gpu × gpus + vcpus + RAM + disk of the spec."""
    if price.spec is None:
        return price.payg if mode is Mode.PAYG else price.spot
    if spec is None or spec.gpu not in price.spec.gpu:
        return None
    parts = (
        (price.spec.gpu[spec.gpu], spec.gpus),
        (price.spec.vcpu, spec.vcpus),
        (price.spec.ram_gb, spec.ram_gb),
        (price.spec.disk_gb, spec.disk_gb),
    )
    total = Decimal(0)
    for each, amount in parts:
        total = EXACT.add(total, EXACT.multiply(each, amount))
    return total


class Book:
    """Every loaded profile by name."""

    def __init__(self, profiles: Iterable[Profile]) -> None:
        self.offers = {profile.name: Offer(profile) for profile in profiles}
        self.spec_skus = _spec_skus(self.offers.values())


def _spec_skus(offers: Iterable[Offer]) -> frozenset[str]:
    """Skus that need a `spec` wherever they are sold, so that its absence is a fault of form (contract 8.3)."""
    needs: dict[str, bool] = {}
    for offer in offers:
        for name, sku in offer.profile.skus.items():
            by_spec = any(price.spec is not None for price in sku.prices)
            needs[name] = needs.get(name, True) and by_spec
    return frozenset(name for name, by_spec in needs.items() if by_spec)
