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
from schemas.values import money_text
from streams.core import ledger, refill, spending
from streams.core.amounts import EXACT
from streams.core.payments import CREDITED, promise, tier_of_new_key
from streams.core.turn import Refusal, Turn


def opened(turn: Turn, data: AccountOpened, _time_ms: int) -> Refusal | None:
    """An account begins with its profile's zone, thresholds and sign-up credit, which it gets once (FA-01)."""
    account, profile = turn.account, turn.offer.profile
    account.profile = profile.name
    account.email = data.email
    account.zone = data.zone or profile.zone
    account.locale = data.locale
    account.low_balance = profile.alerts.low_balance
    touch(turn)
    if profile.signup is not None:
        ledger.post(turn, EntryType.GRANT.value, profile.signup.amount, profile.signup.bucket.value)
    return None


def touch(turn: Turn) -> None:
    """The balance record changed in something that is no entry."""
    account = turn.account
    account.edition += 1
    account.entry_ms = turn.time_ms
    account.cause_source, account.cause_id = turn.cause.source, turn.cause.id


def settings_changed(turn: Turn, data: SettingsChanged, _time_ms: int) -> Refusal | None:
    """Settings named in the event are replaced, the others stay; amounts are in the profile's display unit."""
    account = turn.account
    if data.auto_refill is not None and (refusal := refill.refused(turn, data.auto_refill)) is not None:
        return refusal
    if data.low_balance is not None:
        account.low_balance = refill.in_currency(turn, data.low_balance)
    if data.runway_alert is not None:
        account.runway_alert = data.runway_alert
    if data.instance_quota is not None:
        account.instance_quota = data.instance_quota
    if data.digest is not None:
        account.digest = data.digest
        spending.arm_digest(turn)
    if data.spend_limits is not None:
        limits = {name: refill.in_currency(turn, limit) for name, limit in data.spend_limits.items()}
        account.spend_limits = {**account.spend_limits, **limits}
    if data.auto_refill is not None:
        refill.configure(turn, data.auto_refill)
    return None


def key_created(turn: Turn, data: KeyCreated, _time_ms: int) -> Refusal | None:
    """A key begins at the tier it names, else at the account's (FA-13, R-FA4)."""
    known = turn.account.keys.get(data.key)
    turn.account.keys = {**turn.account.keys, data.key: data.tier or known or tier_of_new_key(turn)}
    touch(turn)
    return None


def key_tier_changed(turn: Turn, data: KeyTierChanged, _time_ms: int) -> Refusal | None:
    """A key's tier changes, effective at once (FA-14)."""
    turn.account.keys = {**turn.account.keys, data.key: data.tier}
    touch(turn)
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
    """A promo code gives bonus credit at once, once an account (PD-17)."""
    amount = turn.offer.profile.coupons.get(data.code)
    if amount is None:
        return Refusal(Reason.COUPON_UNKNOWN, f"{turn.offer.name} knows no coupon {data.code!r}")
    if data.code in turn.account.coupons:
        return Refusal(Reason.COUPON_USED, f"{data.code} is redeemed already")
    turn.account.coupons = [*turn.account.coupons, data.code]
    ledger.post(turn, EntryType.COUPON.value, amount, ledger.BONUS)
    return None


def refund_requested(turn: Turn, data: RefundRequested, _time_ms: int) -> Refusal | None:
    """Unused paid credit goes back where the profile allows it; bonus and trial credit never do (PD-38)."""
    account = turn.account
    if turn.offer.profile.payments.refund_requests == "none":
        return Refusal(Reason.REFUND_NOT_ALLOWED, f"{turn.offer.name} gives no refunds on request")
    amount = _refundable(turn, data.payment) if data.amount is None else data.amount
    if amount <= 0 or amount > account.paid:
        return Refusal(Reason.REFUND_NOT_ALLOWED, f"{money_text(account.paid)} of paid credit is unused")
    if data.payment is not None and (refusal := _unrefundable(turn, data.payment, amount)) is not None:
        return refusal
    if data.refund in account.refunds:
        return Refusal(Reason.DUPLICATE_CONFLICT, f"refund {data.refund!r} is made already")
    account.refunds = [*account.refunds, data.refund]
    promise(turn, data.payment, amount)
    ledger.post(turn, EntryType.REFUND.value, amount.copy_negate(), ledger.PAID, payment=data.payment)
    return None


def _refundable(turn: Turn, payment: str | None) -> Decimal:
    """All of the unused paid credit, of a payment that is named at most what that one has left."""
    known = turn.account.payments.get(payment) if payment is not None else None
    if known is None or known.state != CREDITED:
        return turn.account.paid
    return min(
        turn.account.paid, EXACT.subtract(EXACT.subtract(known.amount, known.returned), known.promised)
    )


def _unrefundable(turn: Turn, payment: str, amount: Decimal) -> Refusal | None:
    known = turn.account.payments.get(payment)
    if known is None or known.state != CREDITED:
        return Refusal(Reason.PAYMENT_STATE, f"{payment} is not a credited payment")
    if amount > known.amount - known.returned - known.promised:
        return Refusal(Reason.REFUND_NOT_ALLOWED, f"{payment} has less than {amount} left")
    return None


def withdrawal_requested(_turn: Turn, _data: WithdrawalRequested, _time_ms: int) -> Refusal | None:
    """A balance is spent, never paid out (FX-07)."""
    return Refusal(Reason.WITHDRAWAL_NOT_ALLOWED, "a balance cannot be withdrawn")
