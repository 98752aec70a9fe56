"""Small journals with everything that makes folding order matter: sessions with timers, money, late events, ticks."""

from __future__ import annotations

import json
import random
from typing import Any

from schemas.journal import encode_record
from schemas.values import instant_text

PARTITIONS = 2
# Two minutes before a full hour and day, so that windows close on the way.
START_MS = 1_795_305_600_000 - 120_000

Journal = dict[int, list[bytes]]


def journal_of(seed: int) -> Journal:
    """A journal of two partitions with two accounts each; the same seed gives the same bytes."""
    draw = random.Random(seed)
    return {partition: _partition(draw, partition) for partition in range(PARTITIONS)}


def _partition(draw: random.Random, partition: int) -> list[bytes]:
    accounts = [f"flux-{partition}", f"flex-{partition}"]
    clock_ms = START_MS
    events = [_opened(accounts[0], "fluxedge", clock_ms), _opened(accounts[1], "flexai", clock_ms)]
    events += [_paid(account, clock_ms + 1) for account in accounts]
    events.append(_started(accounts[0], clock_ms + 2))
    records = [encode_record(clock_ms, events)]
    for number in range(draw.randint(6, 14)):
        if draw.random() < 0.6:
            clock_ms += draw.choice((1_000, 30_000, 65_000, 150_000))
        events = [_usage(draw, accounts, clock_ms, f"{number}.{each}") for each in range(draw.randint(0, 3))]
        events = events or [_event("clock.tick", f"t{number}", "clock", clock_ms, {})]
        records.append(encode_record(clock_ms, events))
    return records


def _usage(draw: random.Random, accounts: list[str], clock_ms: int, name: str) -> bytes:
    # Some events are late, some are ahead of the tick.
    time_ms = clock_ms + draw.randint(-40_000, 900)
    kind = draw.randrange(10)
    if kind < 5:
        body = {
            "request": f"r{name}",
            "model": "llama-3.3-70b",
            "input_tokens": draw.randint(1, 9_999),
            "output_tokens": 7,
        }
        return _event("request.served", f"r{name}", accounts[1], time_ms, body)
    if kind < 8:
        return _event("instance.heartbeat", f"h{name}", accounts[0], time_ms, {"resource": "vm"})
    if kind == 8:
        return _paid(draw.choice(accounts), time_ms, name)
    body = {"request": f"u{name}", "model": "unknown", "input_tokens": 1}
    return _event("request.served", f"u{name}", accounts[1], time_ms, body)


def _opened(account: str, profile: str, time_ms: int) -> bytes:
    return _event("account.opened", "open", account, time_ms, {"profile": profile, "email": "a@example.org"})


def _paid(account: str, time_ms: int, name: str = "0") -> bytes:
    body = {"payment": f"p{name}", "method": "card", "amount": "20.00", "currency": "USD"}
    return _event("payment.succeeded", f"pay{name}", account, time_ms, body)


def _started(account: str, time_ms: int) -> bytes:
    spec = {"gpu": "rtx-4090", "gpus": 1, "vcpus": 8, "ram_gb": "32", "disk_gb": "100"}
    return _event(
        "instance.started",
        "start",
        account,
        time_ms,
        {"resource": "vm", "sku": "machine", "mode": "payg", "spec": spec},
    )


def _event(kind: str, event_id: str, account: str, time_ms: int, body: dict[str, Any]) -> bytes:
    envelope = {
        "specversion": "1.0", "id": event_id, "source": "chaos", "type": kind, "subject": account,
        "time": instant_text(time_ms), "datacontenttype": "application/json", "data": body,
    }  # fmt: skip
    return json.dumps(envelope).encode()
