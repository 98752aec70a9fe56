"""Waiting without sleeping blindly: poll until something holds, or fail at a deadline that says what was awaited."""

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T | None], what: str, *, timeout_s: float = 30.0, every_s: float = 0.05
) -> T:
    """The first true value of `condition()`; fails with `what` after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    pause = Event()
    while not (value := condition()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        pause.wait(every_s)
    return value
