"""What producers send: one model for the `data` of each event type of the contract (section 2).

Pure. The models are the published shape (JSON Schema in `schemas/json/`) and what explains a refusal;
`schemas.wire` makes the fast decoders from them, so there is one definition. Unknown fields are refused,
optional fields are None when absent (an explicit null is refused: it is not a value of the contract).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.values import Count, Mailbox, Name, NonNegative, Positive, PositiveCount, Zone, name_of


class Mode(StrEnum):
    """How an instance is paid."""

    PAYG = "payg"
    SPOT = "spot"
    PACKAGE = "package"


class Term(StrEnum):
    """The length of a package: 24 h, 168 h, 720 h (GG-15)."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Tier(StrEnum):
    """A key's rate-limit tier (FA-13)."""

    FREE = "free"
    ELEVATED = "elevated"
    PAID = "paid"


class GrantBucket(StrEnum):
    """Where an operator's grant goes."""

    TRIAL = "trial"
    BONUS = "bonus"


class Digest(StrEnum):
    """How often a spend summary is mailed."""

    OFF = "off"
    DAILY = "daily"
    WEEKLY = "weekly"


class Method(StrEnum):
    """How a payment was made; each profile accepts some of them."""

    CARD = "card"
    PAYPAL = "paypal"
    FLUX = "flux"
    ALIPAY = "alipay"
    WECHAT = "wechat"
    QR = "qr"


class StopReason(StrEnum):
    """Why an instance stopped."""

    USER = "user"
    PREEMPTED = "preempted"
    EXPIRED = "expired"
    UNPAID = "unpaid"
    FAILED = "failed"


class Launch(StrEnum):
    """How a lease was made; the price is the same (FX-10)."""

    QUICK = "quick"
    CUSTOM = "custom"


class ModelState(StrEnum):
    """What a served model is doing."""

    STARTING = "starting"
    RUNNING = "running"
    IDLE = "idle"
    COLD = "cold"


class Finish(StrEnum):
    """Why a request ended."""

    STOP = "stop"
    LENGTH = "length"
    CLIENT_CLOSED = "client_closed"


class Data(BaseModel):
    """Base of all event data: strict, closed, immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, regex_engine="python-re")

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, value: object) -> object:
        if isinstance(value, dict):
            for field, content in value.items():
                if content is None:
                    raise ValueError(f"{field}: null is not a value; leave the field out")
        return value


def _names(limits: dict[str, object]) -> dict[str, object]:
    for name in limits:
        name_of(name)
    return limits


# --- account.events ---------------------------------------------------------------------------------


class AccountOpened(Data):
    """An account begins; `profile` decides how it is billed, `zone` replaces the profile's zone."""

    profile: Name
    email: Mailbox
    zone: Zone | None = None
    locale: Name | None = None


class AutoRefill(Data):
    """Refill `amount` when the balance drops below `threshold`; both are needed to enable it (PD-14)."""

    enabled: bool
    threshold: Positive | None = None
    amount: Positive | None = None
    monthly_cap: Positive | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.enabled and (self.threshold is None or self.amount is None):
            raise ValueError("an enabled auto_refill needs threshold and amount")
        return self


class SettingsChanged(Data):
    """Any of the account's settings; what is absent stays as it was. Amounts in the profile's display unit."""

    auto_refill: AutoRefill | None = None
    low_balance: NonNegative | None = None
    digest: Digest | None = None
    spend_limits: Annotated[dict[str, Positive], AfterValidator(_names)] | None = None
    instance_quota: Count | None = None
    runway_alert: bool | None = None


class KeyCreated(Data):
    """An API key begins."""

    key: Name
    tier: Tier | None = None


class KeyTierChanged(Data):
    """A key's tier changes, effective at once (FA-14)."""

    key: Name
    tier: Tier


class GrantIssued(Data):
    """An operator gives credit."""

    grant: Name
    amount: Positive
    bucket: GrantBucket
    reason: Name | None = None


class CouponRedeemed(Data):
    """A promo code is redeemed."""

    code: Name


class RefundRequested(Data):
    """Support asks for unused credit back; without `amount` all of it."""

    refund: Name
    payment: Name | None = None
    amount: Positive | None = None


class WithdrawalRequested(Data):
    """A wish to take money out; refused everywhere."""

    amount: Positive


class ClockTick(Data):
    """An operator moves the clock to the event's time (events clock, replays, tests)."""


# --- payment.events ---------------------------------------------------------------------------------


class Payment(Data):
    """A payment and its state. `amount` is gross, in `currency`; `fee` stays with the payment provider."""

    payment: Name
    method: Method
    amount: Positive
    currency: Name
    native_amount: Positive | None = None
    native_currency: Name | None = None
    fee: NonNegative | None = None
    bonus: NonNegative | None = None
    refill: Name | None = None

    @model_validator(mode="after")
    def _fee_within_amount(self) -> Self:
        if self.fee is not None and self.fee > self.amount:
            raise ValueError("fee must not be above amount")
        return self


class PaymentReversed(Data):
    """Money of an earlier payment went back: refunded by us or disputed by the card's holder."""

    payment: Name
    amount: Positive
    currency: Name


class Transfer(Data):
    """A bank transfer: voucher uploaded, approved (credited) or rejected."""

    payment: Name
    voucher: Name
    amount: Positive
    currency: Name


# --- usage.events -----------------------------------------------------------------------------------


class Spec(Data):
    """What a rented machine is made of; the rate of a lease derives from it (FX-05). Parts of a GPU or CPU are rented too."""

    gpu: Name
    gpus: NonNegative
    vcpus: NonNegative
    ram_gb: NonNegative
    disk_gb: NonNegative


class InstanceRequested(Data):
    """May this instance start? With mode `package` the term is charged here."""

    resource: Name
    sku: Name
    mode: Mode
    term: Term | None = None
    auto_renew: bool | None = None
    disk_gb: NonNegative | None = None
    spec: Spec | None = None

    @model_validator(mode="after")
    def _package_has_term(self) -> Self:
        if self.mode is Mode.PACKAGE and self.term is None:
            raise ValueError("mode package needs a term")
        return self


class InstanceStarted(Data):
    """An instance runs. A fact: it is billed even if it was never requested."""

    resource: Name
    sku: Name
    mode: Mode
    spec: Spec | None = None
    launch: Launch | None = None
    model: Name | None = None
    disk_gb: NonNegative | None = None
    replicas: Count | None = None


class Heartbeat(Data):
    """A running instance says so."""

    resource: Name


class InstanceStopped(Data):
    """An instance no longer runs."""

    resource: Name
    reason: StopReason


class InstanceReleased(Data):
    """An instance and its disk are given back."""

    resource: Name


class ModeChanged(Data):
    """An instance changes how it is paid."""

    resource: Name
    mode: Mode
    term: Term | None = None

    @model_validator(mode="after")
    def _package_has_term(self) -> Self:
        if self.mode is Mode.PACKAGE and self.term is None:
            raise ValueError("mode package needs a term")
        return self


class TermRenewed(Data):
    """One more period is asked for."""

    resource: Name
    term: Term | None = None


class AutoRenewSet(Data):
    """Auto-renewal of a term is switched."""

    resource: Name
    enabled: bool


class ReplicasChanged(Data):
    """A deployment now runs this many replicas."""

    resource: Name
    replicas: Count


class LimitsSet(Data):
    """The bounds within which a deployment scales; `target_requests` is per replica in a window."""

    resource: Name
    min_replicas: Count
    max_replicas: Count
    target_requests: PositiveCount

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas must not be above max_replicas")
        return self


class ModelStateChanged(Data):
    """A served model starts, runs, idles or goes cold."""

    resource: Name
    state: ModelState


class CapacitySampled(Data):
    """A gauge of stored gigabytes; it holds until the next sample."""

    resource: Name
    sku: Name
    gb: NonNegative


class CapacityDeleted(Data):
    """A stored thing is gone."""

    resource: Name


class RequestServed(Data):
    """One request to a model, with what it used."""

    request: Name
    model: Name
    key: Name | None = None
    resource: Name | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    images: Count | None = None
    videos: Count | None = None
    seconds: NonNegative | None = None
    characters: Count | None = None
    finish: Finish | None = None


CLOCK_TICK = "clock.tick"
ACCOUNT_TYPES: dict[str, type[Data]] = {
    "account.opened": AccountOpened,
    "account.settings_changed": SettingsChanged,
    "key.created": KeyCreated,
    "key.tier_changed": KeyTierChanged,
    "grant.issued": GrantIssued,
    "coupon.redeemed": CouponRedeemed,
    "refund.requested": RefundRequested,
    "withdrawal.requested": WithdrawalRequested,
    CLOCK_TICK: ClockTick,
}
PAYMENT_TYPES: dict[str, type[Data]] = {
    "payment.created": Payment,
    "payment.succeeded": Payment,
    "payment.failed": Payment,
    "payment.expired": Payment,
    "payment.refunded": PaymentReversed,
    "payment.disputed": PaymentReversed,
    "transfer.uploaded": Transfer,
    "transfer.approved": Transfer,
    "transfer.rejected": Transfer,
}
USAGE_TYPES: dict[str, type[Data]] = {
    "instance.requested": InstanceRequested,
    "instance.started": InstanceStarted,
    "instance.heartbeat": Heartbeat,
    "instance.stopped": InstanceStopped,
    "instance.released": InstanceReleased,
    "instance.mode_changed": ModeChanged,
    "term.renewed": TermRenewed,
    "term.auto_renew_set": AutoRenewSet,
    "deployment.replicas_changed": ReplicasChanged,
    "deployment.limits_set": LimitsSet,
    "model.state_changed": ModelStateChanged,
    "capacity.sampled": CapacitySampled,
    "capacity.deleted": CapacityDeleted,
    "request.served": RequestServed,
}
# Input topic → the types it carries. A type is known by exactly one topic.
TYPES_BY_TOPIC = {
    "account.events": ACCOUNT_TYPES,
    "payment.events": PAYMENT_TYPES,
    "usage.events": USAGE_TYPES,
}
TYPES: dict[str, type[Data]] = {**ACCOUNT_TYPES, **PAYMENT_TYPES, **USAGE_TYPES}
TOPIC_OF_TYPE = {kind: topic for topic, kinds in TYPES_BY_TOPIC.items() for kind in kinds}


class CloudEvent(BaseModel):
    """The envelope (contract section 1); extension attributes are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    specversion: Literal["1.0"]
    id: Name
    source: Name
    type: Name
    subject: Name
    time: str = Field(json_schema_extra={"format": "date-time"})
    datacontenttype: str | None = None
    data: dict[str, object]
