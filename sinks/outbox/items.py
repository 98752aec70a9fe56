"""What goes out and how it can end. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from schemas.records import Cause, DeliveryState


class Unreadable(Exception):
    """Bytes of a topic that are no record, with the reason in words."""


class Taken(NamedTuple):
    """A record of `topic`, by its name without the namespace."""

    topic: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """One record on its way to one target.

    `lane`: what gets one item at a time (a recipient). `group`: what fails together (a server). `target`: what may be
    told of the address. `body`: what the channel sends from. `bundle`: items of one lane with the same one are told
    together, for which they wait `quiet_s`.
    """

    id: str
    record: str
    type: str
    account: str
    cause: Cause
    lane: str
    group: str
    target: str
    body: bytes
    bundle: str = ""
    quiet_s: float = 0.0


class Queued(NamedTuple):
    """An item in the queue; `since_s` is when it was first put off, None where it never was."""

    position: int
    item: Item
    attempts: int
    version: int
    since_s: float | None


class Settled(NamedTuple):
    """How an item ended."""

    state: DeliveryState
    detail: str | None = None


class Received(NamedTuple):
    """An item made of a record; with `settled` it has ended before it was ever tried."""

    item: Item
    settled: Settled | None = None


# --- how an attempt can end --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """It was accepted."""


@dataclass(frozen=True, slots=True)
class Later:
    """This one not now; `after_s` where the other side said when."""

    reason: str
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """This one never."""

    reason: str


@dataclass(frozen=True, slots=True)
class Away:
    """Nothing of this group now: whoever takes it cannot be reached; `after_s` where the other side said when."""

    reason: str
    after_s: float = 0.0


Outcome = Sent | Later | Refused | Away


class Report(NamedTuple):
    """A delivery record that is to be written: the account that it is keyed by and its bytes."""

    position: int
    account: str
    value: bytes


def delivery_id(channel: str, target: str, record: str) -> str:
    """The id of the delivery of `record` to `target`: the same whenever it is tried."""
    text = f"{channel}\x1f{target}\x1f{record}"
    return f"dlv_{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"
