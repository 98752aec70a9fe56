"""Errors of the engine: a broken promise ends the process before anything is acknowledged."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class BrokenInvariant(Exception):
    """Something that cannot be has been; the worker stops without acknowledging, nothing is billed on top of it."""


def given(value: T | None, what: str) -> T:
    """`value`, which is there by the rules; BrokenInvariant naming `what` where it is not."""
    if value is None:
        raise BrokenInvariant(f"there is no {what}")
    return value
