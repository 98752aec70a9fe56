"""Records as the worker writes them, with everything a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from schemas import wire
from schemas.values import instant_text

START_MS = 1_793_491_200_000  # 2026-11-01T00:00:00Z
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CAUSE = wire.Cause(source="/gateway", id="ev-1")


def charge(number: int, amount: str = "0.60", *, account: str = "a1", **changes: Any) -> Any:
    """Charge `number`, due `number` seconds after `START_MS`."""
    time = instant_text(START_MS + number * 1_000)
    values: dict[str, Any] = {
        "id": f"charge-{number}", "account": account, "time": time, "cause": CAUSE, "profile": "puredocs", "sku": "gpu-s",
        "meter": "duration", "start": time, "end": time, "quantity": "1", "unit": "hour", "unit_price": amount, "amount": amount,
        "currency": "USD", "rule": "PD-12", "price_version": "2020-01-01", "resource": "r1",
    }  # fmt: skip
    return wire.Charge(**(values | changes))


def entry(seq: int, amount: str, balance: str, *, account: str = "a1", **changes: Any) -> Any:
    """Entry `seq` of its account."""
    values: dict[str, Any] = {
        "id": f"{account}-entry-{seq}", "account": account, "time": instant_text(START_MS + seq * 1_000), "cause": CAUSE, "type": "charge",
        "amount": amount, "bucket": "paid", "balance": balance, "currency": "USD", "seq": seq, "hash": f"hash-{seq}",
    }  # fmt: skip
    return wire.Entry(**(values | changes))


def balance(seq: int, amount: str, *, account: str = "a1", **changes: Any) -> Any:
    """The balance after entry `seq`."""
    values: dict[str, Any] = {
        "id": f"hash-{seq}", "account": account, "time": instant_text(START_MS + seq * 1_000), "cause": CAUSE, "profile": "puredocs",
        "balance": amount, "currency": "USD", "buckets": {"free": "0", "paid": amount}, "flags": [], "keys": {}, "seq": seq,
    }  # fmt: skip
    return wire.Balance(**(values | changes))


def line(amount: str, **changes: Any) -> Any:
    """One line of a window."""
    values: dict[str, Any] = {
        "sku": "gpu-s",
        "meter": "duration",
        "unit": "hour",
        "quantity": "1",
        "amount": amount,
        "charges": 1,
        "resource": "r1",
    }
    return wire.CostLine(**(values | changes))


def window(
    version: int,
    lines: list[Any],
    *,
    account: str = "a1",
    start_ms: int = START_MS,
    length_ms: int = DAY_MS,
    **changes: Any,
) -> Any:
    """A window of `length_ms` with `lines`."""
    values: dict[str, Any] = {
        "id": f"{account}-{start_ms}", "account": account, "time": instant_text(start_ms + version), "cause": CAUSE, "profile": "puredocs",
        "currency": "USD", "start": instant_text(start_ms), "end": instant_text(start_ms + length_ms), "amount": "0", "version": version, "lines": lines,
    }  # fmt: skip
    return wire.WindowCosts(**(values | changes))


def notice(
    number: int, kind: str = "low_balance", values: dict[str, str] | None = None, **changes: Any
) -> Any:
    """Notice `number` of type `kind`."""
    given: dict[str, Any] = {
        "id": f"notice-{number}", "account": "a1", "time": instant_text(START_MS + number * 1_000), "cause": CAUSE, "type": kind,
        "email": "owner@example.com", "currency": "USD", "values": {"balance": "4.90", "threshold": "5.00"} if values is None else values,
    }  # fmt: skip
    return wire.Notice(**(given | changes))


def rejection(number: int, event: object, **changes: Any) -> Any:
    """Rejection `number` of `event`."""
    given: dict[str, Any] = {
        "id": f"rejection-{number}", "account": "a1", "time": instant_text(START_MS), "cause": CAUSE, "reason": "unknown_sku",
        "detail": "no sku x", "event": event,
    }  # fmt: skip
    return wire.Rejection(**(given | changes))


def delivery(version: int, state: str = "delayed", **changes: Any) -> Any:
    """The delivery of `notice-1` by mail in its state `version`."""
    given: dict[str, Any] = {
        "id": "delivery-1", "account": "a1", "time": instant_text(START_MS + version), "cause": CAUSE, "notice": "notice-1",
        "type": "low_balance", "channel": "email", "target": "o***@example.com", "state": state, "attempts": version,
        "version": version,
    }  # fmt: skip
    return wire.Delivery(**(given | changes))
