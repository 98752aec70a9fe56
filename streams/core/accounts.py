"""Stage 3 of 6, accounts: opening, settings, grants, and what is refused to everybody. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from schemas.events import (
    AccountOpened,
    CouponRedeemed,
    GrantIssued,
    RefundRequested,
    SettingsChanged,
    WithdrawalRequested,
)
from schemas.records import EntryType, Reason
from schemas.values import money_text
from streams.core import ledger, refill, spending
from streams.core.amounts import EXACT
from streams.core.payments import CREDITED, promise
from streams.core.turn import Refusal, Turn, touch


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


def settings_changed(turn: Turn, data: SettingsChanged, time_ms: int) -> Refusal | None:
    """Settings named in the event are replaced, the others stay; amounts are in the profile's display unit.

    Each is the latest by event time: a late event does not undo what was set after it (contract 8.1).
    """
    if data.auto_refill is not None and (refusal := refill.refused(turn, data.auto_refill)) is not None:
        return refusal
    for name, take_over in SETTINGS.items():
        value = getattr(data, name)
        if value is not None and _is_latest(turn, name, time_ms):
            take_over(turn, value)
    for resource, limit in (data.spend_limits or {}).items():
        if _is_latest(turn, f"spend_limits {resource}", time_ms):
            limits = turn.account.spend_limits
            turn.account.spend_limits = {**limits, resource: refill.in_currency(turn, limit)}
    return None


def _is_latest(turn: Turn, setting: str, time_ms: int) -> bool:
    set_ms = turn.account.set_ms
    if set_ms.get(setting, time_ms) > time_ms:
        return False
    set_ms[setting] = time_ms
    return True


def _low_balance(turn: Turn, threshold: Decimal) -> None:
    turn.account.low_balance = refill.in_currency(turn, threshold)


def _runway_alert(turn: Turn, wanted: bool) -> None:  # noqa: FBT001  # the setting's value
    turn.account.runway_alert = wanted


def _instance_quota(turn: Turn, quota: int) -> None:
    turn.account.instance_quota = quota


def _digest(turn: Turn, period: str) -> None:
    turn.account.digest = period
    spending.arm_digest(turn)


SETTINGS: dict[str, Callable[[Turn, Any], None]] = {
    "low_balance": _low_balance,
    "runway_alert": _runway_alert,
    "instance_quota": _instance_quota,
    "digest": _digest,
    "auto_refill": refill.configure,
}


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
    is_made = data.refund in account.refunds
    # Told again without an amount it asks for nothing beyond what is left, so only the repetition is wrong.
    if amount > account.paid or (amount <= 0 and not is_made):
        return Refusal(Reason.REFUND_NOT_ALLOWED, f"{money_text(account.paid)} of paid credit is unused")
    if data.payment is not None and (refusal := _unrefundable(turn, data.payment, amount)) is not None:
        return refusal
    if is_made:
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
