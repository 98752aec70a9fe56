"""What the pipeline writes: charges, entries, balances, window costs, notices, commands, rejections, deliveries.

Pure. Every record has a deterministic `id` (a replay gives the same one), `account`, `time` (when it fell
due, never when it was written) and `cause`. Decimals are strings, times RFC 3339 in UTC with milliseconds.
Optional fields are absent rather than null on the wire. `schemas.wire` makes the fast structs from these models.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from schemas.values import DecimalText, InstantText


class Meter(StrEnum):
    """What a charge counts."""

    DURATION = "duration"
    REPLICA_DURATION = "replica_duration"
    RUNTIME = "runtime"
    TOKENS_IN = "tokens_in"
    TOKENS_OUT = "tokens_out"
    IMAGES = "images"
    VIDEOS = "videos"
    SECONDS = "seconds"
    CHARACTERS = "characters"
    CAPACITY = "capacity"
    TERM = "term"


class EntryType(StrEnum):
    """Why the balance moved."""

    TOPUP = "topup"
    CHARGE = "charge"
    GRANT = "grant"
    COUPON = "coupon"
    REFUND = "refund"
    CHARGEBACK = "chargeback"
    CORRECTION = "correction"


class Bucket(StrEnum):
    """Parts of a balance, in the order in which they are spent (contract 8.4)."""

    FREE = "free"
    TRIAL = "trial"
    BONUS = "bonus"
    PAID = "paid"


class NoticeType(StrEnum):
    """What an account's owner is told."""

    RECEIPT = "receipt"
    LOW_BALANCE = "low_balance"
    BALANCE_ZERO = "balance_zero"
    OVERDUE = "overdue"
    TERM_EXPIRING = "term_expiring"
    TERM_EXPIRED = "term_expired"
    TERM_RENEWED = "term_renewed"
    RENEWAL_FAILED = "renewal_failed"
    DELETION_DUE = "deletion_due"
    DATA_DELETED = "data_deleted"
    RESOURCE_PAUSED = "resource_paused"
    RESOURCE_RESUMABLE = "resource_resumable"
    RESOURCE_STOPPED = "resource_stopped"
    REFILL_REQUESTED = "refill_requested"
    REFILL_FAILED = "refill_failed"
    SPEND_DIGEST = "spend_digest"
    SPEND_LIMIT = "spend_limit"


class CommandType(StrEnum):
    """What the cloud's control plane is asked to do."""

    INSTANCE_START = "instance.start"
    INSTANCE_STOP = "instance.stop"
    DEPLOYMENT_PAUSE = "deployment.pause"
    DEPLOYMENT_RESUME = "deployment.resume"
    GPU_RELEASE = "gpu.release"
    MODEL_COLD = "model.cold"
    DEPLOYMENT_SCALE = "deployment.scale"
    DATA_DELETE = "data.delete"
    PAYMENT_REFILL = "payment.refill"


class Reason(StrEnum):
    """Why an event was refused, in the order of precedence of contract 8.3: where several apply, the first."""

    SCHEMA_INVALID = "schema_invalid"
    DUPLICATE_CONFLICT = "duplicate_conflict"
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"
    UNKNOWN_PROFILE = "unknown_profile"
    ACCOUNT_EXISTS = "account_exists"
    UNKNOWN_ACCOUNT = "unknown_account"
    CAPABILITY_DISABLED = "capability_disabled"
    REFUND_NOT_ALLOWED = "refund_not_allowed"
    WITHDRAWAL_NOT_ALLOWED = "withdrawal_not_allowed"
    METHOD_NOT_ACCEPTED = "method_not_accepted"
    CURRENCY_MISMATCH = "currency_mismatch"
    BELOW_MINIMUM = "below_minimum"
    UNKNOWN_RESOURCE = "unknown_resource"
    UNKNOWN_SKU = "unknown_sku"
    SKU_NOT_LAUNCHED = "sku_not_launched"
    COUPON_UNKNOWN = "coupon_unknown"
    COUPON_USED = "coupon_used"
    PAYMENT_STATE = "payment_state"
    RESOURCE_STATE = "resource_state"
    INSTANCE_QUOTA = "instance_quota"
    INSUFFICIENT_BALANCE = "insufficient_balance"


class DeliveryState(StrEnum):
    """How far a notice or a command has come on its way out; `delayed` alone is not the end."""

    SENT = "sent"
    DELAYED = "delayed"
    REFUSED = "refused"
    DEAD = "dead"
    COALESCED = "coalesced"
    SUPPRESSED = "suppressed"


class Record(BaseModel):
    """Base of all records: closed and immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, regex_engine="python-re")


class Cause(Record):
    """The event, or the timer (`source` is `timer`), that led to a record."""

    source: str
    id: str


class Charge(Record):
    """A rated line: `quantity` in `unit`, at `unit_price` per unit, comes to `amount` for [`start`, `end`)."""

    id: str
    account: str
    time: InstantText
    cause: Cause
    profile: str
    sku: str
    meter: Meter
    start: InstantText
    end: InstantText
    quantity: DecimalText
    unit: str
    unit_price: DecimalText
    amount: DecimalText
    currency: str
    rule: str
    price_version: str
    resource: str | None = None
    request: str | None = None
    model: str | None = None
    key: str | None = None
    corrects: str | None = None


class Entry(Record):
    """A posting to one bucket. `balance` is the account's after it; `seq` has no gaps; `hash` chains entries."""

    id: str
    account: str
    time: InstantText
    cause: Cause
    type: EntryType
    amount: DecimalText
    bucket: Bucket
    balance: DecimalText
    currency: str
    seq: int
    hash: str
    charge: str | None = None
    payment: str | None = None


class Balance(Record):
    """An account's balance after entry `seq`; compacted by account. `id` is the last entry's hash."""

    id: str
    account: str
    time: InstantText
    cause: Cause
    profile: str
    balance: DecimalText
    currency: str
    buckets: dict[str, DecimalText]
    flags: list[str]
    keys: dict[str, str]
    seq: int


class CostLine(Record):
    """One line of a window's costs: what one resource, sku, model and key cost by one meter."""

    sku: str
    meter: Meter
    unit: str
    quantity: DecimalText
    amount: DecimalText
    charges: int
    resource: str | None = None
    model: str | None = None
    key: str | None = None


class WindowCosts(Record):
    """All that an account was charged in [`start`, `end`), an hour (UTC) or a local day. Absolute, never a delta.

    A line belongs to the window in which it fell due (`time` of the charge), so windows close for good.
    Of two records of one window the one with the higher `version` (the account's last entry or charge) stands.
    """

    id: str
    account: str
    time: InstantText
    cause: Cause
    profile: str
    currency: str
    start: InstantText
    end: InstantText
    amount: DecimalText
    version: int
    lines: list[CostLine]
    zone: str | None = None


class Notice(Record):
    """Something to tell the account's owner."""

    id: str
    account: str
    time: InstantText
    cause: Cause
    type: NoticeType
    email: str
    currency: str
    resource: str | None = None
    locale: str | None = None
    zone: str | None = None
    values: dict[str, str] | None = None
    profile: str | None = None


class Command(Record):
    """Something the control plane must do. `currency` is the amount's; after `until` nobody waits for it any more."""

    id: str
    account: str
    time: InstantText
    cause: Cause
    type: CommandType
    reason: str
    resource: str | None = None
    amount: DecimalText | None = None
    replicas: int | None = None
    currency: str | None = None
    until: InstantText | None = None


class Rejection(Record):
    """An event that was refused, with the event as it came (a string where it could not be read)."""

    id: str
    account: str | None
    time: InstantText | None
    cause: Cause
    reason: Reason
    detail: str
    event: object


class Delivery(Record):
    """How far record `notice` (a notice or a command) has come on `channel` to `target`, an address never in full.

    Of two records of one `id` the one with the higher `version` stands. `time` is, other than elsewhere, when it
    happened: a mail server and a webhook's receiver live by the wall clock.
    """

    id: str
    account: str
    time: InstantText
    cause: Cause
    notice: str
    type: str
    channel: str
    target: str
    state: DeliveryState
    attempts: int
    version: int
    detail: str | None = None
