"""Words that several stories use: money that comes, what starts and stops, what is served and stored."""

from __future__ import annotations

from infra.demo.script import SECOND_MS, Script

WEEKEND: tuple[int, ...] = (5, 6)


def workdays(first: int, last: int) -> list[int]:
    """Days from `first` up to `last` on which people work; the month begins with a work day."""
    return [day for day in range(first, last) if day % 7 not in WEEKEND]


def paid(
    script: Script, account: str, payment: str, amount: str, time_ms: int, *, method: str, currency: str
) -> None:
    """A payment is begun and succeeds."""
    body = {"payment": payment, "method": method, "amount": amount, "currency": currency}
    script.event(account, "payment.created", time_ms, body)
    script.event(account, "payment.succeeded", time_ms + 20 * SECOND_MS, body)


def asked(
    script: Script,
    account: str,
    resource: str,
    sku: str,
    time_ms: int,
    *,
    mode: str = "payg",
    **more: object,
) -> None:
    """May this start? A package is paid here."""
    script.event(
        account, "instance.requested", time_ms, {"resource": resource, "sku": sku, "mode": mode, **more}
    )


def started(
    script: Script,
    account: str,
    resource: str,
    sku: str,
    time_ms: int,
    *,
    mode: str = "payg",
    **more: object,
) -> None:
    """It runs."""
    script.event(
        account, "instance.started", time_ms, {"resource": resource, "sku": sku, "mode": mode, **more}
    )


def begun(
    script: Script,
    account: str,
    resource: str,
    sku: str,
    time_ms: int,
    *,
    mode: str = "payg",
    **more: object,
) -> None:
    """It is asked for, and runs a minute later."""
    asked(script, account, resource, sku, time_ms - 60 * SECOND_MS, mode=mode)
    started(script, account, resource, sku, time_ms, mode=mode, **more)


def stopped(
    script: Script,
    account: str,
    resource: str,
    time_ms: int,
    *,
    reason: str = "user",
    arrives_ms: int | None = None,
) -> None:
    """It no longer runs."""
    body = {"resource": resource, "reason": reason}
    script.event(account, "instance.stopped", time_ms, body, arrives_ms=arrives_ms)


def released(script: Script, account: str, resource: str, time_ms: int) -> None:
    """It and its disk are given back."""
    script.event(account, "instance.released", time_ms, {"resource": resource})


def beats(script: Script, account: str, resource: str, start_ms: int, end_ms: int, every_ms: int) -> None:
    """It says that it runs, between start and end."""
    for time_ms in range(start_ms + every_ms, end_ms, every_ms):
        script.event(account, "instance.heartbeat", time_ms, {"resource": resource})


def served(script: Script, account: str, model: str, time_ms: int, **used: object) -> None:
    """A model answers a request."""
    number = f"{account}-r{time_ms}-{script.random.randrange(10**6)}"
    script.event(account, "request.served", time_ms, {"request": number, "model": model, **used})


def sampled(script: Script, account: str, resource: str, sku: str, time_ms: int, gb: str) -> None:
    """So much is stored from now on."""
    script.event(account, "capacity.sampled", time_ms, {"resource": resource, "sku": sku, "gb": gb})
