"""Right-size (PD-34) and quantize (PD-35): a cheaper sku that is known to hold the model's weights. Pure.

The size comes from the model's name ("…-70b"); a name that says none is left alone. Of experts ("8x7b") all are
counted, which is more than they weigh together, so that nothing is promised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.values import money_text, plain
from sinks.clickhouse.suggest.facts import ESTIMATE, Deployment, Suggestion, floor_percent
from sinks.clickhouse.suggest.rules import Rules

_SIZE: Final = re.compile(r"(?<![0-9a-z.])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?![0-9a-z])", re.IGNORECASE)
_WORDS: Final = re.compile(r"[0-9a-z]+", re.IGNORECASE)
# (profile, sku) → the present price of an hour.
Prices = Mapping[tuple[str, str], Decimal]


class Model(NamedTuple):
    """What a name says: billions of parameters, the precision, and whether the name said it."""

    billions: Decimal
    precision: str
    named: bool


def model_of(name: str, rules: Rules) -> Model | None:
    """The size and precision in a model's name; None where it names no size."""
    found = _SIZE.search(name)
    if found is None:
        return None
    words = [word.lower() for word in _WORDS.findall(name)]
    named = next((word for word in words if word in rules.precision.bytes), None)
    billions = Decimal(found[1] or 1) * Decimal(found[2])
    return Model(billions, named or rules.precision.unnamed, named is not None)


def resize(deployment: Deployment, prices: Prices, rules: Rules, hours_a_month: Decimal) -> Suggestion | None:
    """A cheaper sku for the model as it is, else for its quantized form; None where none is known to hold it."""
    model = model_of(deployment.model, rules)
    if model is None or deployment.price <= 0:
        return None
    present_gb = model.billions * rules.precision.bytes[model.precision]
    quantized_gb = model.billions * rules.precision.bytes[rules.precision.quantized]
    as_it_is = _cheapest(deployment, present_gb, prices, rules)
    if as_it_is is not None:
        return _suggest("right_size", deployment, model, present_gb, as_it_is, prices, rules, hours_a_month)
    smaller = _cheapest(deployment, quantized_gb, prices, rules)
    if smaller is None or quantized_gb >= present_gb:
        return None
    return _suggest("quantize", deployment, model, quantized_gb, smaller, prices, rules, hours_a_month)


def _cheapest(deployment: Deployment, gb: Decimal, prices: Prices, rules: Rules) -> str | None:
    fitting = {
        held.sku: prices[held.profile, held.sku]
        for held in rules.holds
        if held.profile == deployment.profile and held.gb >= gb and (held.profile, held.sku) in prices
    }
    cheaper = {sku: price for sku, price in fitting.items() if price < deployment.price}
    return min(cheaper, key=lambda sku: (cheaper[sku], sku)) if cheaper else None


def _suggest(
    kind: str, deployment: Deployment, model: Model, gb: Decimal, sku: str, prices: Prices, rules: Rules, hours_a_month: Decimal
) -> Suggestion:  # fmt: skip
    price = prices[deployment.profile, sku]
    less = deployment.price - price
    percent = floor_percent(less, deployment.price)
    wanted = rules.precision.quantized.upper() if kind == "quantize" else model.precision.upper()
    assumed = "" if model.named else f" (taken for {model.precision.upper()}: its name does not say)"
    begin = (
        f"{deployment.model}{assumed} is over-provisioned on {deployment.sku}"
        if kind == "right_size"
        else f"{deployment.model}{assumed} on {deployment.sku}, quantized to {wanted}"
    )
    text = (
        f"{begin}: {plain(gb)} GB of weights fit {sku} at {money_text(price)} instead of {money_text(deployment.price)} "
        f"an hour, ~{percent} % less"
    )
    return Suggestion(
        type=kind,
        text=text,
        resource=deployment.resource,
        percent=percent,
        saving=ESTIMATE.multiply(less * deployment.replicas, hours_a_month),
        figures={
            "model": deployment.model,
            "parameters_billion": model.billions,
            "precision": model.precision,
            "precision_assumed": not model.named,
            "weights_gb": gb,
            "sku": deployment.sku,
            "price_per_hour": deployment.price,
            "suggested_sku": sku,
            "suggested_precision": wanted.lower(),
            "suggested_price_per_hour": price,
            "hours_per_month": hours_a_month,
            "source": next(h.source for h in rules.holds if (h.profile, h.sku) == (deployment.profile, sku)),
        },
    )
