"""The thresholds and facts of `rules.toml`, read once."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

RULES_FILE: Final = Path(__file__).parent / "rules.toml"


class Shape(BaseModel):
    """Base: unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Holds(Shape):
    """Weights that a sku is known to hold."""

    profile: str
    sku: str
    gb: Decimal
    source: str


class Precision(Shape):
    """Bytes a parameter, by the word in a model's name."""

    unnamed: str
    quantized: str
    bytes: dict[str, Decimal]


class Nights(Shape):
    """When a pause in the night is suggested."""

    days_min: int
    hours_min: int


class Weekends(Shape):
    """When a pause on weekends is suggested."""

    weekends_min: int


class Replicas(Shape):
    """When fewer replicas are suggested."""

    days_min: int


class Requests(Shape):
    """When fewer expensive requests are suggested."""

    count_min: int
    times_median: Decimal
    share_min: Decimal


class Rules(Shape):
    """The whole file."""

    days_of_month: int
    holds: tuple[Holds, ...]
    precision: Precision
    nights: Nights
    weekends: Weekends
    replicas: Replicas
    requests: Requests


@cache
def rules() -> Rules:
    """The rules that ship with this release."""
    return Rules.model_validate(tomllib.loads(RULES_FILE.read_text(encoding="utf-8")))
