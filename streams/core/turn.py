"""Stage 1 of 6, the turn: what every stage is handed while one event or timer is folded in. Pure.

`time_ms` is when what the turn causes falls due: the event's time, or the account's clock where the event is
late (contract 8.1). `cause` names the event or timer.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from schemas.records import Reason
from schemas.values import instant_text
from schemas.wire import Cause
from streams.core.book import Offer
from streams.core.state import Account, Outbox

TIMER = "timer"


class Refusal:
    """A business rule says no: a value, not an exception; the event goes to `rejections` with `reason`."""

    __slots__ = ("detail", "reason")

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail


class Turn:
    """One event or timer at one account."""

    __slots__ = ("account", "cause", "offer", "out", "time_ms", "time_text")

    def __init__(
        self, account: Account, offer: Offer, out: Outbox, time_ms: int, source: str, cause_id: str
    ) -> None:
        self.account = account
        self.offer = offer
        self.out = out
        self.time_ms = time_ms
        self.time_text = instant_text(time_ms)
        self.cause = Cause(source=source, id=cause_id)


def touch(turn: Turn) -> None:
    """The balance record changed in something that is no entry."""
    account = turn.account
    account.edition += 1
    account.entry_ms = turn.time_ms
    account.cause_source, account.cause_id = turn.cause.source, turn.cause.id


def record_id(prefix: str, *parts: object) -> str:
    """A deterministic id from what makes a record unique: a replay gives the same one."""
    return text_id(prefix, "\x1f".join(map(str, parts)))


def text_id(prefix: str, text: str) -> str:
    """As `record_id`, for parts that are joined already."""
    return f"{prefix}_{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"


def in_one_line(raw: bytes | msgspec.Raw) -> msgspec.Raw:
    """JSON as it came but on one line: a raw line break in JSON can only stand between tokens."""
    return msgspec.Raw(bytes(raw).replace(b"\n", b" ").replace(b"\r", b" "))
