"""Stage 3 of 6, payments: money in and back, each payment once. Pure.

Credited when a payment succeeds, not when it is created (PD-04); `amount` is gross: `amount - fee` goes to
`paid`, `bonus` to `bonus`. The currency is checked always (PD-30), method and minimum on created and on succeeded; a
success after failed or expired is credited: the money is there (contract 8.5).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import Payment, PaymentReversed, Transfer
from schemas.records import EntryType, NoticeType, Reason
from schemas.values import money_text
from streams.core import keys, ledger, refill
from streams.core.amounts import EXACT, ZERO
from streams.core.notices import notify
from streams.core.state import PaymentState
from streams.core.turn import Refusal, Turn

CREATED, CREDITED, FAILED, EXPIRED = "created", "credited", "failed", "expired"
UPLOADED, REJECTED = "uploaded", "rejected"


def _payable(turn: Turn, data: Payment) -> Refusal | None:
    payments = turn.offer.profile.payments
    if data.method not in payments.methods:
        return Refusal(Reason.METHOD_NOT_ACCEPTED, f"{turn.offer.name} does not take {data.method}")
    if data.currency != turn.offer.currency:
        return _wrong_currency(turn, data.currency)
    if payments.minimum is not None and data.amount < payments.minimum:
        return Refusal(Reason.BELOW_MINIMUM, f"{data.amount} is below the minimum of {payments.minimum}")
    return None


def _wrong_currency(turn: Turn, currency: str) -> Refusal:
    return Refusal(Reason.CURRENCY_MISMATCH, f"{currency}; the account is kept in {turn.offer.currency}")


def created(turn: Turn, data: Payment, _time_ms: int) -> Refusal | None:
    """A payment begins; nothing is credited."""
    if (refusal := _payable(turn, data)) is not None:
        return refusal
    turn.account.payments.setdefault(data.payment, PaymentState(CREATED))
    return None


def succeeded(turn: Turn, data: Payment, time_ms: int) -> Refusal | None:
    """The money is there: credit it once, with its bonus, and send the receipt (PD-31)."""
    if (refusal := _payable(turn, data)) is not None:
        return refusal
    known = turn.account.payments.get(data.payment)
    if known is not None and known.state == CREDITED:
        return Refusal(Reason.PAYMENT_STATE, f"{data.payment} is credited already")
    turn.account.payments[data.payment] = PaymentState(CREDITED, data.amount)
    fee, bonus = data.fee or ZERO, data.bonus or ZERO
    credited = EXACT.subtract(data.amount, fee)
    if credited:
        ledger.post(turn, EntryType.TOPUP.value, credited, ledger.PAID, payment=data.payment)
    if bonus:
        ledger.post(turn, EntryType.GRANT.value, bonus, ledger.BONUS, payment=data.payment)
    keys.topped_up(turn, time_ms)
    values = {"payment": data.payment, "method": data.method, "amount": money_text(data.amount)}
    values |= {"credited": money_text(credited), "fee": money_text(fee), "bonus": money_text(bonus)}
    if data.native_amount is not None and data.native_currency is not None:
        values |= {"native_amount": money_text(data.native_amount), "native_currency": data.native_currency}
    notify(turn, NoticeType.RECEIPT, values | {"balance": money_text(turn.account.balance)})
    refill.answered(turn, data.refill, data.amount, paid=True)
    return None


def _ended(turn: Turn, data: Payment, state: str) -> Refusal | None:
    if data.currency != turn.offer.currency:
        return _wrong_currency(turn, data.currency)
    known = turn.account.payments.get(data.payment)
    if known is not None and known.state == CREDITED:
        return Refusal(Reason.PAYMENT_STATE, f"{data.payment} is credited already")
    turn.account.payments[data.payment] = PaymentState(state)
    refill.answered(turn, data.refill, data.amount, paid=False)
    return None


def failed(turn: Turn, data: Payment, _time_ms: int) -> Refusal | None:
    """A payment was declined; nothing is credited."""
    return _ended(turn, data, FAILED)


def expired(turn: Turn, data: Payment, _time_ms: int) -> Refusal | None:
    """A payment was not made in time; nothing is credited."""
    return _ended(turn, data, EXPIRED)


def refunded(turn: Turn, data: PaymentReversed, _time_ms: int) -> Refusal | None:
    """The payment provider gave money back: a fact where the profile takes it as one (FX-08 refuses it)."""
    if turn.offer.profile.payments.refunds == "refused":
        return Refusal(Reason.REFUND_NOT_ALLOWED, f"{turn.offer.name} gives no refunds")
    return _back(turn, data, EntryType.REFUND)


def disputed(turn: Turn, data: PaymentReversed, _time_ms: int) -> Refusal | None:
    """A card's holder took money back: no refund but a fact everywhere; the account is flagged (R-FX4)."""
    refusal = _back(turn, data, EntryType.CHARGEBACK)
    if refusal is None and "disputed" not in turn.account.flags:
        turn.account.flags = [*turn.account.flags, "disputed"]
    return refusal


def _back(turn: Turn, data: PaymentReversed, kind: EntryType) -> Refusal | None:
    if data.currency != turn.offer.currency:
        return _wrong_currency(turn, data.currency)
    known = turn.account.payments.get(data.payment)
    if known is None or known.state != CREDITED:
        return Refusal(Reason.PAYMENT_STATE, f"{data.payment} is not a credited payment")
    returned = EXACT.add(known.returned, data.amount)
    if returned > known.amount:
        return Refusal(Reason.PAYMENT_STATE, f"{returned} would be back, of {known.amount}")
    known.returned = returned
    amount = data.amount if kind is EntryType.CHARGEBACK else _beyond_promised(turn, known, data.amount)
    if amount:
        ledger.post(turn, kind.value, amount.copy_negate(), ledger.PAID, payment=data.payment)
    return None


def promise(turn: Turn, payment: str | None, amount: Decimal) -> None:
    """A refund on request is posted at its time; the payment provider's word for it will follow."""
    known = turn.account.payments.get(payment) if payment is not None else None
    if known is not None:
        known.promised = EXACT.add(known.promised, amount)
    else:
        turn.account.promised = EXACT.add(turn.account.promised, amount)


def _beyond_promised(turn: Turn, known: PaymentState, amount: Decimal) -> Decimal:
    """What a refund by the payment provider exceeds the one that was posted on request (contract 8.5)."""
    taken = min(known.promised, amount)
    known.promised = EXACT.subtract(known.promised, taken)
    rest = EXACT.subtract(amount, taken)
    taken = min(turn.account.promised, rest)
    turn.account.promised = EXACT.subtract(turn.account.promised, taken)
    return EXACT.subtract(rest, taken)


# --- bank transfers (GG-03) ------------------------------------------------------------------------------


def _transferable(turn: Turn, data: Transfer) -> Refusal | None:
    if not turn.offer.profile.payments.transfers:
        return Refusal(Reason.METHOD_NOT_ACCEPTED, f"{turn.offer.name} does not take bank transfers")
    if data.currency != turn.offer.currency:
        return _wrong_currency(turn, data.currency)
    return None


def uploaded(turn: Turn, data: Transfer, _time_ms: int) -> Refusal | None:
    """A voucher waits for review; nothing is credited."""
    if (refusal := _transferable(turn, data)) is not None:
        return refusal
    if data.payment in turn.account.payments:
        return Refusal(Reason.PAYMENT_STATE, f"{data.payment} is known already")
    turn.account.payments[data.payment] = PaymentState(UPLOADED)
    return None


def approved(turn: Turn, data: Transfer, time_ms: int) -> Refusal | None:
    """The review approved the voucher: credit it once."""
    if (refusal := _reviewed(turn, data)) is not None:
        return refusal
    turn.account.payments[data.payment] = PaymentState(CREDITED, data.amount)
    ledger.post(turn, EntryType.TOPUP.value, data.amount, ledger.PAID, payment=data.payment)
    keys.topped_up(turn, time_ms)
    amount = money_text(data.amount)
    values = {"payment": data.payment, "method": "transfer", "amount": amount, "credited": amount}
    values |= {
        "fee": money_text(ZERO),
        "bonus": money_text(ZERO),
        "balance": money_text(turn.account.balance),
    }
    notify(turn, NoticeType.RECEIPT, values)
    return None


def rejected(turn: Turn, data: Transfer, _time_ms: int) -> Refusal | None:
    """The review turned the voucher down; nothing is credited."""
    if (refusal := _reviewed(turn, data)) is not None:
        return refusal
    turn.account.payments[data.payment] = PaymentState(REJECTED)
    return None


def _reviewed(turn: Turn, data: Transfer) -> Refusal | None:
    if (refusal := _transferable(turn, data)) is not None:
        return refusal
    known = turn.account.payments.get(data.payment)
    if known is None or known.state != UPLOADED:
        state = known.state if known else "not uploaded"
        return Refusal(Reason.PAYMENT_STATE, f"{data.payment} is {state}")
    return None
