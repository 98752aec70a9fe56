"""Stage 3 of 6, accounts: opening, settings, keys, grants, and what is refused to everybody. Pure."""

from __future__ import annotations

from decimal import Decimal

from schemas.events import (
    AccountOpened,
    CouponRedeemed,
    GrantIssued,
    KeyCreated,
    KeyTierChanged,
    RefundRequested,
    SettingsChanged,
    WithdrawalRequested,
)
from schemas.records import EntryType, Reason
from streams.core import ledger
from streams.core.payments import tier_of_new_key
from streams.core.turn import Refusal, Turn

def opened(turn: Turn, data: AccountOpened, _time_ms: int) -> Refusal | None:
    """An account begins with its profile's zone, thresholds and sign-up credit, which it gets once (FA-01)."""
    account, profile = turn.account, turn.offer.profile
    account.profile = profile.name
    account.email = data.email
    account.zone = data.zone or profile.zone
    account.locale = data.locale
    account.low_balance = profile.alerts.low_balance
    if profile.signup is not None:
        ledger.post(turn, EntryType.GRANT.value, profile.signup.amount, profile.signup.bucket.value)
    return None


def settings_changed(turn: Turn, data: SettingsChanged, _time_ms: int) -> Refusal | None:
    """Settings named in the event are replaced, the others stay (FX-03, FA-22: no auto-refill here)."""
    account = turn.account
    if data.auto_refill is not None and data.auto_refill.enabled:
        return Refusal(Reason.CAPABILITY_DISABLED, f"{turn.offer.name} does not refill by itself")
    if data.low_balance is not None:
        account.low_balance = data.low_balance
    if data.runway_alert is not None:
        account.runway_alert = data.runway_alert
    if data.instance_quota is not None:
        account.instance_quota = data.instance_quota
    if data.digest is not None:
        account.digest = data.digest
    if data.spend_limits is not None:
        account.spend_limits = {**account.spend_limits, **data.spend_limits}
    return None


def key_created(turn: Turn, data: KeyCreated, _time_ms: int) -> Refusal | None:
    """A key begins at the tier it names, else at the account's (FA-13, R-FA4)."""
    known = turn.account.keys.get(data.key)
    turn.account.keys = {**turn.account.keys, data.key: data.tier or known or tier_of_new_key(turn)}
    return None


def key_tier_changed(turn: Turn, data: KeyTierChanged, _time_ms: int) -> Refusal | None:
    """A key's tier changes, effective at once (FA-14)."""
    turn.account.keys = {**turn.account.keys, data.key: data.tier}
    return None


def grant_issued(turn: Turn, data: GrantIssued, _time_ms: int) -> Refusal | None:
    """An operator's credit, once a grant."""
    account = turn.account
    if data.grant in account.grants:
        return Refusal(Reason.DUPLICATE_CONFLICT, f"grant {data.grant!r} is credited already")
    account.grants = [*account.grants, data.grant]
    amount: Decimal = data.amount
    ledger.post(turn, EntryType.GRANT.value, amount, data.bucket)
    return None


def coupon_redeemed(turn: Turn, data: CouponRedeemed, _time_ms: int) -> Refusal | None:
    """No profile here has coupons, so every code is unknown."""
    return Refusal(Reason.COUPON_UNKNOWN, f"{turn.offer.name} knows no coupon {data.code!r}")


def refund_requested(turn: Turn, _data: RefundRequested, _time_ms: int) -> Refusal | None:
    """No profile here gives refunds on request (FX-08)."""
    return Refusal(Reason.REFUND_NOT_ALLOWED, f"{turn.offer.name} gives no refunds on request")


def withdrawal_requested(_turn: Turn, _data: WithdrawalRequested, _time_ms: int) -> Refusal | None:
    """A balance is spent, never paid out (FX-07)."""
    return Refusal(Reason.WITHDRAWAL_NOT_ALLOWED, "a balance cannot be withdrawn")
