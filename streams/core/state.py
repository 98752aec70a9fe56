"""What the fold knows about one account: one value, so it is atomic. Pure data.

The worker keeps one such value an account in the `accounts` table and its changelog. Times are UTC
milliseconds, money exact decimals in the account's currency. Fields are only ever appended (array_like):
a value written by an older release reads with the defaults of the newer fields. Nothing refers back to what holds it,
so Python's collector need not look at the structs (gc=False).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

NEVER = 2**62
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
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


class Segment(msgspec.Struct, array_like=True, gc=False):
    """`count` settled lines of `step_ms` each, from `start_ms` on, written in the run's revision `revision`."""

    start_ms: int
    step_ms: int
    count: int
    revision: int

    @property
    def end_ms(self) -> int:
        """End of the last line."""
        return self.start_ms + self.step_ms * self.count


class Draw(msgspec.Struct, array_like=True, gc=False):
    """Where the money of the lines in [`start_ms`, `end_ms`) came from, in the order in which it was drawn.

    One part means all of it; `paid` alone is not noted.
    """

    start_ms: int
    end_ms: int
    parts: list[tuple[str, Decimal]]


class Run(msgspec.Struct, array_like=True, gc=False):
    """One session of a resource: started, running, ended; its price is pinned at its start.

    `weights` is how many replicas ran since when; empty stands for one all the time.
    """

    start_ms: int
    sku: str
    mode: str
    rate: Decimal
    price_version: str
    rule: str
    timing: str
    meter: str
    model: str | None = None
    period_s: int = 3600
    minimum: Decimal | None = None
    weights: list[tuple[int, int]] = []
    end_ms: int = NEVER
    ended_by: str = ""
    settled_ms: int = -NEVER
    revision: int = 0
    segments: list[Segment] = []
    draws: list[Draw] = []
    # Heartbeats before this are of an earlier session: one at the very start that arrived before it.
    beats_ms: int = -NEVER


class Fact(msgspec.Struct, array_like=True, gc=False):
    """Something that happened to a resource; `run` is the one that it would open, `count` its replicas.

    `mode` is the one that a start named. One that is `void` has no effect as far as is known: a package without a
    paid term.
    """

    time_ms: int
    kind: str
    mode: str = ""
    run: Run | None = None
    count: int = 0
    disk_gb: Decimal | None = None
    void: bool = False


class Gauge(msgspec.Struct, array_like=True, gc=False):
    """Stored gigabytes over time. `covered` are spans of which a package has paid so many
    gigabytes, or all (None); `carry` is not yet billed.

    `days` holds, for settlements of local days, (start, basis, carry before, amount) of each, so that a late
    sample can be worked in; `voided` the windows whose line a correction has taken back wholly.
    """

    sku: str
    samples: list[tuple[int, Decimal]] = []
    deleted_ms: int = NEVER
    settled_ms: int = -NEVER
    covered: list[tuple[int, int, Decimal | None]] = []
    carry: Decimal = ZERO
    days: list[tuple[int, Decimal, Decimal, Decimal]] = []
    voided: list[int] = []
    draws: list[Draw] = []


class PaidLine(msgspec.Struct, array_like=True, gc=False):
    """A charge that a period was paid with: the term's, or its disk's; `parts` are the buckets that it came from."""

    charge: str
    amount: Decimal
    parts: list[tuple[str, Decimal]]


class Period(msgspec.Struct, array_like=True, gc=False):
    """One paid period of a package, and whether it was renewed by itself."""

    start_ms: int
    end_ms: int
    paid: Decimal
    by_itself: bool = False
    lines: list[PaidLine] = []


class Package(msgspec.Struct, array_like=True, gc=False):
    """A paid term: its periods, its price at purchase, and whether it goes on by itself.

    `auto_renew` is what was asked for at the purchase, `switches` are (time, enabled) of what was said later.
    """

    sku: str
    term: str
    price: Decimal
    price_version: str
    rule: str
    auto_renew: bool
    disk_gb: Decimal
    periods: list[Period]
    expired_ms: int = NEVER
    switches: list[tuple[int, bool]] = []

    @property
    def end_ms(self) -> int:
        """When the last paid period ends."""
        return self.periods[-1].end_ms

    def renews_at(self, time_ms: int) -> bool:
        """Whether it goes on by itself, as told by `time_ms`."""
        told = [enabled for at_ms, enabled in self.switches if at_ms <= time_ms]
        return told[-1] if told else self.auto_renew


class Resource(msgspec.Struct, array_like=True, gc=False):
    """One rented thing: what happened to it in the correctable past, and the sessions that follow from it."""

    facts: list[Fact] = []
    runs: list[Run] = []
    # Released by its user, or its data deleted by us: nothing may happen to it any more.
    released_ms: int = NEVER
    # Spans of heartbeats no further apart than the silence allowed, and the last beat before a silence that closed.
    beats: list[tuple[int, int]] = []
    lost_ms: int = -NEVER
    silence_armed: bool = False
    # Counts reversals, so that lines written after one get ids of their own.
    revision: int = 0
    # --- the approval of a request: when, and what it holds
    approved_ms: int = -NEVER
    held: Decimal = ZERO
    package: Package | None = None
    disk: Gauge | None = None
    # --- out of money, out of use
    paused: bool = False
    resumable_told: bool = False
    retained_ms: int = NEVER
    # --- a hosted model
    state: str = ""
    state_ms: int = -NEVER
    idle_ms: int = -NEVER
    request_ms: int = -NEVER
    replicas: int = 1
    limits: tuple[int, int, int] | None = None
    scale_ms: int = NEVER
    requests: int = 0
    # (start, end, sku) of every term paid for it, also those that a later package has replaced.
    paid_spans: list[tuple[int, int, str]] = []
    # Sku of the approved request.
    asked_sku: str = ""
    # Requests since `scale_ms`: of the window whose decision is next but one.
    requests_after: int = 0
    limits_ms: int = -NEVER
    # What was paused: its next hour is what a resumption costs.
    paused_run: Run | None = None


class Refill(msgspec.Struct, array_like=True, gc=False):
    """Auto-refill: the settings in the account's currency, whether it is armed, and the one that is open."""

    enabled: bool = False
    threshold: Decimal = ZERO
    amount: Decimal = ZERO
    monthly_cap: Decimal | None = None
    armed: bool = True
    open_id: str = ""
    open_amount: Decimal = ZERO
    open_ms: int = -NEVER
    month: str = ""
    commanded: Decimal = ZERO


class TierDecision(msgspec.Struct, array_like=True, gc=False):
    """An operator's word on a key's tier, and whether the account's first top-up had come by then."""

    time_ms: int
    after_topup: bool
    tier: str


class PaymentState(msgspec.Struct, array_like=True, gc=False):
    """How far a payment has come: what was credited gross, what went back."""

    state: str
    amount: Decimal = ZERO
    returned: Decimal = ZERO
    # Given back by a refund on request and not yet confirmed by the payment provider.
    promised: Decimal = ZERO


# Quantity, amount and number of charges.
Spent = tuple[Decimal, Decimal, int]


class Cost(msgspec.Struct, array_like=True, gc=False):
    """What one resource, sku, model and key cost by one meter, in the open hour and the open day.

    `open_*` counts since the last border of an hour or a day; `hour` and `day` are what came before it in the open
    hour (only where a day's border splits it) and in the open day, None for nothing. So a charge costs two additions,
    and an account that is seldom charged has little to keep.
    """

    unit: str
    open_quantity: Decimal = ZERO
    open_amount: Decimal = ZERO
    open_charges: int = 0
    hour: Spent | None = None
    day: Spent | None = None


class Account(msgspec.Struct, array_like=True, gc=False):
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
    # --- the other providers' rules
    gauges: dict[str, Gauge] = {}
    pools: dict[str, Gauge] = {}
    coupons: list[str] = []
    refunds: list[str] = []
    promised: Decimal = ZERO
    refill: Refill | None = None
    below_next_hour: bool = False
    overdue: bool = False
    arrears_ms: int = NEVER
    # Local month, and what each resource was charged in it before the last border of an hour or a day.
    month: str = ""
    month_spent: dict[str, Decimal] = {}
    over_limit: list[str] = []
    # Local days with spending, the last few, for digests.
    spent_days: list[tuple[int, Decimal]] = []
    # Counts changes of the balance record that are no entries: keys, flags.
    edition: int = 0
    # When the last charge fell due.
    charged_ms: int = -NEVER
    # --- what a late event must not undo
    # Time of the first top-up, where that moves keys to another tier.
    topup_ms: int = -NEVER
    tiers: dict[str, TierDecision] = {}
    # Setting → time of the event that it comes from.
    set_ms: dict[str, int] = {}
    # Names of the resources that run now, in order; None until somebody asks (sessions.running).
    running: list[str] | None = None
