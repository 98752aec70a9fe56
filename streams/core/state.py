"""What the fold knows about one account: one value, so it is atomic. Pure data.

The worker keeps one such value an account in the `accounts` table and its changelog. Times are UTC
milliseconds, money exact decimals in the account's currency. Fields are only ever appended (array_like):
a value written by an older release reads with the defaults of the newer fields.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

NEVER = 2**62
ZERO = Decimal(0)


class Outbox:
    """The records that folding produced, by topic, in the order in which they fell due."""

    __slots__ = ("charges", "commands", "daily", "entries", "hourly", "notices", "rejections")

    def __init__(self) -> None:
        self.charges: list[Any] = []
        self.entries: list[Any] = []
        self.hourly: list[Any] = []
        self.daily: list[Any] = []
        self.notices: list[Any] = []
        self.commands: list[Any] = []
        self.rejections: list[Any] = []


class Segment(msgspec.Struct, array_like=True):
    """`count` settled lines of `step_ms` each, from `start_ms` on, written in the run's revision `revision`."""

    start_ms: int
    step_ms: int
    count: int
    revision: int

    @property
    def end_ms(self) -> int:
        """End of the last line."""
        return self.start_ms + self.step_ms * self.count


class Draw(msgspec.Struct, array_like=True):
    """Where the money of the lines in [`start_ms`, `end_ms`) came from, in the order in which it was drawn.

    One part means all of it; `paid` alone is not noted.
    """

    start_ms: int
    end_ms: int
    parts: list[tuple[str, Decimal]]


class Run(msgspec.Struct, array_like=True):
    """One session of a resource: started, running, ended; its price is pinned at its start."""

    start_ms: int
    sku: str
    mode: str
    rate: Decimal
    price_version: str
    rule: str
    model: str | None = None
    end_ms: int = NEVER
    ended_by: str = ""
    beat_ms: int = -NEVER
    settled_ms: int = -NEVER
    revision: int = 0
    segments: list[Segment] = []
    draws: list[Draw] = []


class Fact(msgspec.Struct, array_like=True):
    """Something that happened to a resource: `start` (with the run it would open), `stop`, `lost`, `release`."""

    time_ms: int
    kind: str
    reason: str = ""
    run: Run | None = None


class Resource(msgspec.Struct, array_like=True):
    """One rented thing: what happened to it in the correctable past, and the sessions that follow from it."""

    facts: list[Fact] = []
    runs: list[Run] = []
    released_ms: int = NEVER
    # We ended the last run (command or silence) and the producer has not confirmed it yet.
    stop_expected: bool = False
    # Counts reversals, so that lines written after one get ids of their own.
    revision: int = 0


class PaymentState(msgspec.Struct, array_like=True):
    """How far a payment has come: what was credited gross, what went back."""

    state: str
    amount: Decimal = ZERO
    returned: Decimal = ZERO


class Cost(msgspec.Struct, array_like=True):
    """What one resource, sku, model and key cost by one meter, in the open hour and the open day.

    `open_*` counts since the last border of an hour or a day; `hour_*` and `day_*` are what came before it in
    the open hour (only where a day's border splits it) and in the open day. So a charge costs two additions.
    """

    unit: str
    open_quantity: Decimal = ZERO
    open_amount: Decimal = ZERO
    open_charges: int = 0
    hour_quantity: Decimal = ZERO
    hour_amount: Decimal = ZERO
    hour_charges: int = 0
    day_quantity: Decimal = ZERO
    day_amount: Decimal = ZERO
    day_charges: int = 0


class Account(msgspec.Struct, array_like=True):
    """The whole state of one account."""

    id: str
    # Offset of the last journal record that is folded in; the worker's, the fold never reads it.
    journal_offset: int = -1
    # The greatest event time or tick seen.
    clock_ms: int = -NEVER
    # Due time of the account's first timer.
    due_ms: int = NEVER
    # Empty until the account is opened.
    profile: str = ""
    email: str = ""
    zone: str = ""
    locale: str | None = None
    # --- the ledger
    balance: Decimal = ZERO
    free: Decimal = ZERO
    trial: Decimal = ZERO
    bonus: Decimal = ZERO
    paid: Decimal = ZERO
    seq: int = 0
    hash: str = ""
    entry_ms: int = -NEVER
    cause_source: str = ""
    cause_id: str = ""
    flags: list[str] = []
    # --- what counts once
    payments: dict[str, PaymentState] = {}
    grants: list[str] = []
    keys: dict[str, str] = {}
    # --- metering
    resources: dict[str, Resource] = {}
    remainders: dict[str, Decimal] = {}
    waiting: list[tuple[int, bytes]] = []
    timers: list[tuple[int, int, str, str]] = []
    # --- windows
    hour_ms: int = -NEVER
    day_ms: int = -NEVER
    day_end_ms: int = -NEVER
    # End of the open hour or day, whichever comes first.
    border_ms: int = -NEVER
    charges: int = 0
    costs: dict[str, Cost] = {}
    # --- settings and thresholds
    low_balance: Decimal | None = None
    runway_alert: bool = False
    instance_quota: int | None = None
    digest: str = "off"
    spend_limits: dict[str, Decimal] = {}
    below_low: bool = False
    below_runway: bool = False
    topped_up: bool = False
