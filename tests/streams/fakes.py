"""A small fold with the core's signature: it counts, so that a test sees what was folded and when timers fired."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from schemas.journal import encode_record
from schemas.values import instant_text
from schemas.wire import Event, encode
from streams.core.state import NEVER, Account, Outbox
from streams.worker.ports import Fold

STEP_MS = 1_000


def fake_fold(calls: list[tuple[str, str, int]]) -> Fold:
    """`request.served` adds one to `seq` and arms a timer one second after the event; `calls` notes what happened."""

    def apply(account: Account, event: Event, clock_ms: int, book: Any, out: Outbox) -> None:
        advance(account, clock_ms, book, out)
        calls.append(("event", account.id, event.time_ms))
        account.seq += 1
        account.due_ms = min(account.due_ms, event.time_ms + STEP_MS)
        out.charges.append({"id": f"{account.id}:{account.seq}", "account": account.id})

    def advance(account: Account, clock_ms: int, _book: Any, out: Outbox) -> None:
        if account.due_ms <= clock_ms:
            calls.append(("timer", account.id, account.due_ms))
            out.notices.append(SimpleNamespaceRecord(account.id, account.due_ms))
            account.due_ms = NEVER

    def balance(account: Account, _book: Any) -> Any:
        return {"account": account.id, "seq": account.seq}

    return Fold(SimpleNamespace(), Account, apply, advance, balance, lambda _account, _book: ([], []))


class SimpleNamespaceRecord(dict[str, Any]):
    """A record with `account`, as the outputs need it."""

    def __init__(self, account: str, due_ms: int) -> None:
        super().__init__(account=account, due_ms=due_ms)
        self.account = account


def request(account: str, time_ms: int, number: int = 0) -> bytes:
    """A served request."""
    return encode(
        {
            "specversion": "1.0", "id": f"{account}-{time_ms}-{number}", "source": "t", "type": "request.served",
            "subject": account, "time": instant_text(time_ms), "data": {"request": "r", "model": "m"},
        }
    )  # fmt: skip


def tick(time_ms: int) -> bytes:
    """A clock tick, about no account in particular."""
    return encode(
        {
            "specversion": "1.0",
            "id": f"{time_ms}",
            "source": "t",
            "type": "clock.tick",
            "subject": "clock",
            "time": instant_text(time_ms),
            "data": {},
        }
    )


def record(clock_ms: int, *events: bytes) -> bytes:
    """A journal record."""
    return encode_record(clock_ms, events)
