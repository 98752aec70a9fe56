"""The shape of a provider's profile: data that tells the one engine how a provider bills. Pure.

A profile is a TOML file; `docs/profiles.md` explains each key. `load_profile` names file, key, value and what
is allowed for everything that is wrong, all at once. Figures that are examples of this project carry their
source in the file. Prices are versions with effective dates, `[from, until)`; the version used is in the charge.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from schemas.events import Method, Mode, Term, Tier
from schemas.records import Bucket, Meter
from schemas.values import Name, NonNegative, Positive, Zone

HOURS_OF_TERM = {Term.DAILY: 24, Term.WEEKLY: 168, Term.MONTHLY: 720}


class ProfileFault(ValueError):
    """A profile that cannot be used; the text names file, key, value and what is allowed, a line a fault."""


def _date_of(value: object) -> object:
    if isinstance(value, datetime):
        # pydantic turns a ValueError into a fault of the field; a TypeError would end the run.
        raise ValueError("a date without a time is needed, such as 2026-11-01 (midnight UTC)")  # noqa: TRY004
    return value


EffectiveDate = Annotated[date, BeforeValidator(_date_of)]


class Shape(BaseModel):
    """Base: unknown keys are faults, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Rounding(StrEnum):
    """How lines are rounded: half-up to 12 or 2 decimals, the remainder carried (contract 8.4)."""

    EXACT = "exact"
    CENTS = "cents"

    @property
    def scale(self) -> int:
        """Decimals of a charge's amount."""
        return 12 if self is Rounding.EXACT else 2


class SpecPrice(Shape):
    """An hourly rate that derives from a machine's specification (FX-05)."""

    gpu: dict[Name, Positive]
    vcpu: NonNegative
    ram_gb: NonNegative
    disk_gb: NonNegative


class Price(Shape):
    """One version of a sku's prices, in force during [`from`, `until`), midnight UTC each."""

    from_: EffectiveDate = Field(alias="from")
    until: EffectiveDate | None = None
    source: str
    payg: NonNegative | None = None
    spot: NonNegative | None = None
    terms: dict[Term, Positive] = {}
    spec: SpecPrice | None = None
    requests: dict[Meter, NonNegative] = {}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.until is not None and self.until <= self.from_:
            raise ValueError("until must be after from")
        return self

    @property
    def version(self) -> str:
        """What a charge says about the price used: the date since which it holds."""
        return self.from_.isoformat()

    @property
    def start_ms(self) -> int:
        """Begin of the version, UTC milliseconds."""
        return _midnight_ms(self.from_)

    @property
    def end_ms(self) -> int | None:
        """End of the version, UTC milliseconds, or None."""
        return None if self.until is None else _midnight_ms(self.until)


def _midnight_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


class SkuKind(StrEnum):
    """What a sku is: a machine, a model that answers requests, hardware for a model of one's own, or storage."""

    INSTANCE = "instance"
    MODEL = "model"
    HOSTED = "hosted"
    STORAGE = "storage"


class Timing(StrEnum):
    """When a running resource's lines fall due: all the time, as each period starts, or on the clock hour."""

    CONTINUOUS = "continuous"
    STARTED_PERIOD = "started_period"
    CLOCK_HOUR = "clock_hour"


class Window(StrEnum):
    """Over what a gauge is settled: the clock hour, or the account's local day."""

    HOUR = "hour"
    DAY = "day"


class Aggregate(StrEnum):
    """Which capacity of a window is billed."""

    AVERAGE = "average"
    MAXIMUM = "maximum"
    LAST = "last"


class Gauge(Shape):
    """How stored gigabytes are metered; the price `payg` is per GB and window."""

    window: Window
    aggregate: Aggregate
    pooled: bool = False
    allowance_gb: NonNegative = Decimal(0)


class Scaling(Shape):
    """A hosted model's idle time and its scaling decisions (GG-36, GG-39)."""

    replicas: bool = False
    idle_s: int | None = Field(default=None, ge=1)
    scale_s: int | None = Field(default=None, ge=1)


class Use(StrEnum):
    """Uses of a sku that a requirement of their own covers; a charge names it instead of the sku's `rule`."""

    SPOT = "spot"
    PACKAGE = "package"
    PREPAID = "prepaid"


class Sku(Shape):
    """Something with a price."""

    kind: SkuKind
    title: str | None = None
    modes: tuple[Mode, ...] = ()
    timing: Timing | None = None
    period_s: int = Field(default=3600, ge=1)
    minimum: Positive | None = None
    launched: bool = True
    gauge: Gauge | None = None
    hosting: Scaling | None = None
    rule: str
    rules: dict[Use, str] = {}
    prices: tuple[Price, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        runs = self.kind in (SkuKind.INSTANCE, SkuKind.HOSTED)
        if self.launched and not self.prices:
            raise ValueError("a launched sku needs at least one price")
        timed = self.timing is not None or self.is_billed_by_request
        if runs and not (self.modes and timed):
            raise ValueError("an instance and a hosted model need modes and timing")
        if not runs and (self.modes or self.timing):
            raise ValueError("only an instance and a hosted model have modes and timing")
        if (self.kind is SkuKind.STORAGE) != (self.gauge is not None):
            raise ValueError("storage, and nothing else, needs a gauge")
        if (self.kind is SkuKind.HOSTED) != (self.hosting is not None):
            raise ValueError("a hosted model, and nothing else, needs hosting")
        return self

    @property
    def is_billed_by_request(self) -> bool:
        """Whether requests to it have a price, and nothing else: also hardware whose time is not billed (GG-32)."""
        by_request = any(price.requests for price in self.prices)
        return self.kind is SkuKind.MODEL or (
            self.kind is SkuKind.HOSTED and self.timing is None and by_request
        )

    def rule_of(self, use: str) -> str:
        """The requirement that a charge for this use names."""
        return next((rule for named, rule in self.rules.items() if named == use), self.rule)


class Display(Shape):
    """Balances are shown in units of the provider's own: PD-01, 100 credits are a dollar (R-PD1)."""

    unit: str
    per_currency: Positive


class Pack(Shape):
    """A payment of a fixed amount that is offered by name; `label` is for people (PD-05, PD-07)."""

    amount: Positive
    label: str = ""


class Payments(Shape):
    """Which money is taken and given back."""

    methods: tuple[Method, ...] = ()
    transfers: bool = False
    minimum: Positive | None = None
    refunds: Literal["accepted", "refused"] = "accepted"
    refund_requests: Literal["none", "unused_paid"] = "none"
    auto_refill: bool = False
    refill_lapses_s: int = Field(default=86_400, ge=1)
    refill_cooldown_s: int = Field(default=0, ge=0)
    packs: dict[Name, Pack] = {}


class Grant(Shape):
    """Credit given at sign-up, once."""

    amount: Positive
    bucket: Bucket = Bucket.FREE


class Keys(Shape):
    """API keys: requests a minute by tier, and what a first top-up does to them (R-FA4)."""

    requests_per_minute: dict[Tier, int] = {}
    tier_after_topup: Tier | None = None


class Alerts(Shape):
    """Thresholds of notices. `low_balance` is the default; an account's setting replaces it."""

    low_balance: Positive | None = None
    runway_hours: int | None = Field(default=None, ge=1)
    next_hour: bool = False


class Sessions(Shape):
    """Running resources: how often a continuous line is cut, when silence closes a session (X-12)."""

    line_s: int = Field(default=60, ge=1)
    silence_s: int = Field(default=900, ge=1)
    release_gpu: bool = False
    disk_sku: Name | None = None


class Test(StrEnum):
    """What `instance.requested` asks of the balance."""

    RESERVE = "reserve"
    FIRST_PERIOD = "first_period"
    MORE_THAN_AN_HOUR = "more_than_an_hour"
    POSITIVE = "positive"


class Admission(Shape):
    """The question 'may I?': the test of the balance, the quota, and how long an approval holds its hour."""

    test: Test = Test.RESERVE
    reserve_s: int = Field(default=60, ge=0)
    instance_quota: int | None = Field(default=None, ge=0)
    hold_s: int = Field(default=0, ge=0)


class OutOfMoney(StrEnum):
    """What happens to what runs when the money is gone."""

    NOTHING = "nothing"
    STOP_LEASES = "stop_leases"
    PAUSE = "pause"
    SHUT_DOWN = "shut_down"


class RunningOut(Shape):
    """Out of money and out of use: what is ended, and when data is deleted."""

    action: OutOfMoney = OutOfMoney.NOTHING
    arrears_days: int | None = Field(default=None, ge=1)
    retention_days: int | None = Field(default=None, ge=1)
    warning_s: int = Field(default=86_400, ge=0)


class Terms(Shape):
    """Packages: what may be done with one besides buying it."""

    auto_renew: bool = False
    mode_change: bool = False
    reminder_days: int | None = Field(default=None, ge=1)
    renew_after_expiry: bool = False
    disk: Literal["included", "prepaid"] = "included"


class Requests(Shape):
    """Requests to models without a price here: refused, or recorded without a charge (R-PD5)."""

    unpriced: bool = False


class WhenUnknown(StrEnum):
    """What the gate does while it does not know a balance: let the caller through, or ask it to come again."""

    FAIL_OPEN = "fail_open"
    FAIL_CLOSED = "fail_closed"


class Gate(Shape):
    """What a caller without credit is told (FA-18), and what happens while the balance is not known."""

    payment_url: str | None = Field(default=None, pattern=r"^https?://[!-~]+$")
    unknown: WhenUnknown = WhenUnknown.FAIL_CLOSED


class Profile(Shape):
    """One provider."""

    name: Name
    title: str
    source: str
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    zone: Zone = "UTC"
    rounding: Rounding
    scope: dict[str, str] = {}
    display: Display | None = None
    payments: Payments
    signup: Grant | None = None
    coupons: dict[Name, Positive] = {}
    keys: Keys = Keys()
    alerts: Alerts = Alerts()
    sessions: Sessions = Sessions()
    admission: Admission = Admission()
    running_out: RunningOut = RunningOut()
    terms: Terms = Terms()
    requests: Requests = Requests()
    gate: Gate = Gate()
    skus: dict[Name, Sku]


def load_profile(path: Path) -> Profile:
    """The profile in the TOML file `path`, checked and linted; raises ProfileFault."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise ProfileFault(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileFault(f"{path}: not TOML: {error}") from error
    try:
        profile = Profile.model_validate(document)
    except ValidationError as error:
        raise ProfileFault(
            "\n".join(_told(path, fault) for fault in error.errors(include_url=False))
        ) from error
    faults = [*lint(profile)]
    if profile.name != path.stem:
        faults.insert(0, f"name: {profile.name!r}; allowed: {path.stem!r}, the file's name")
    if faults:
        raise ProfileFault("\n".join(f"{path}: {fault}" for fault in faults))
    return profile


def _told(path: Path, fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"]) or "the whole file"
    value = fault["input"] if not isinstance(fault["input"], dict) else "…"
    return f"{path}: {key}: {value!r}: {fault['msg'].removeprefix('Value error, ')}"


def lint(profile: Profile) -> list[str]:
    """What is well-formed and still wrong: `key: value; allowed: …`, in the file's order."""
    faults = _references(profile)
    for name, sku in profile.skus.items():
        faults += _overlaps(name, sku)
        for index, price in enumerate(sku.prices):
            faults += _dear(f"skus.{name}.prices.{index}", price)
            faults += _unpriced(f"skus.{name}.prices.{index}", sku, price)
    return faults


def _overlaps(name: str, sku: Sku) -> list[str]:
    faults = []
    for index, (earlier, later) in enumerate(zip(sku.prices, sku.prices[1:], strict=False)):
        if earlier.until is None or later.from_ < earlier.until:
            faults.append(
                f"skus.{name}.prices.{index}.until: {earlier.until}; allowed: at most {later.from_},"
                " where the next price begins"
            )
    return faults


def _dear(key: str, price: Price) -> list[str]:
    faults = []
    if price.payg is not None and price.spot is not None and price.spot >= price.payg:
        faults.append(f"{key}.spot: {price.spot}; allowed: below payg {price.payg} (GG-18)")
    for term, cost in price.terms.items():
        if price.payg is not None and cost >= (most := price.payg * HOURS_OF_TERM[term]):
            faults.append(
                f"{key}.terms.{term.value}: {cost}; allowed: below {most}, payg for its hours (GG-11)"
            )
    return faults


def _unpriced(key: str, sku: Sku, price: Price) -> list[str]:
    if sku.is_billed_by_request:
        return [] if price.requests else [f"{key}.requests: nothing; allowed: a price for at least one meter"]
    if sku.kind is SkuKind.STORAGE:
        return [] if price.payg is not None else [f"{key}.payg: nothing; allowed: a price per GB and window"]
    wanted = {Mode.PAYG: price.payg is not None or price.spec is not None, Mode.SPOT: price.spot is not None,
              Mode.PACKAGE: bool(price.terms)}  # fmt: skip
    return [
        f"{key}: no price for mode {mode.value}; allowed: a price for each of modes"
        for mode in sku.modes
        if not wanted[mode]
    ]


def _references(profile: Profile) -> list[str]:
    faults = []
    disk = profile.sessions.disk_sku
    if disk is not None and (disk not in profile.skus or profile.skus[disk].kind is not SkuKind.STORAGE):
        faults.append(f"sessions.disk_sku: {disk!r}; allowed: the name of a sku of kind storage")
    minimum = profile.payments.minimum
    for name, pack in profile.payments.packs.items():
        if minimum is not None and pack.amount < minimum:
            faults.append(
                f"payments.packs.{name}.amount: {pack.amount}; allowed: at least the minimum {minimum}"
            )
    return faults
