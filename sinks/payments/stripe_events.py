"""What Stripe tells, as events of ours. Pure but for the question of whom a payment was credited to.

The payment's id is the PaymentIntent's wherever there is one, else the checkout session's. Who credits: the
PaymentIntent, told by its own webhook, or by the API's answer to an auto-refill; and a checkout session that is not
ours, whose PaymentIntent may not know the account. Both are one identity, `<PaymentIntent>/succeeded`, so a purchase
counts once whichever come. A session of ours says `payment.created` only: it is the PaymentIntent that credits.

A charge's `amount_refunded` is all that went back so far; the event carries the difference to what it was before, so
partial refunds may come in any order. A refund or dispute waits (`TooEarly`) for its payment to be credited: after
an outage Stripe tells in any order, and the fold refuses what goes back of a payment that it does not know.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from schemas.adapters import Outcome, Told, TooEarly, payment_event
from schemas.envelope import OutgoingEvent
from schemas.events import Method
from schemas.values import plain
from sinks.payments.minor_units import from_minor
from sinks.payments.stripe_objects import (
    ACCOUNT,
    CHECKOUT,
    REFILL,
    Charge,
    CheckoutSession,
    Dispute,
    Notification,
    PaymentIntent,
    id_of,
    note,
    read,
)

SOURCE: Final = "stripe"
# So long Stripe is asked to tell again of a refund whose payment has not been credited.
WAITS_FOR_PAYMENT_S: Final = 3_600
# Once the payment's webhook was answered its entry reaches ClickHouse within this, unless something is down.
_LOOKS, _LOOK_AGAIN_S = 6, 0.5
# What Stripe settles in another way (link, wallets, debits) is a card to the profiles, as the contract has no word for it.
_METHODS: Final = {"alipay": Method.ALIPAY, "wechat_pay": Method.WECHAT, "paypal": Method.PAYPAL}

# (payment, account if it is known) → the account to which the payment was credited, None for nobody.
CreditedTo = Callable[[str, str | None], str | None]


def _method(kinds: list[str]) -> str:
    return (_METHODS.get(kinds[0], Method.CARD) if len(kinds) == 1 else Method.CARD).value


def _money(amount: int, currency: str) -> dict[str, str]:
    code = currency.upper()
    return {"amount": plain(from_minor(amount, code)), "currency": code}


def succeeded(intent: PaymentIntent, account: str, told_s: int) -> OutgoingEvent:
    """The money is there. `told_s`: when it was told, for an intent that is not a refill."""
    return _settled(intent, account, "succeeded", f"{intent.id}/succeeded", told_s)


def failed(intent: PaymentIntent, account: str, told_s: int, told_id: str) -> OutgoingEvent:
    """An attempt was declined; a refill has one attempt, other intents may have more (`told_id` tells them apart)."""
    name = f"{intent.id}/failed" if note(intent.metadata, REFILL) else told_id
    return _settled(intent, account, "failed", name, told_s)


def _settled(intent: PaymentIntent, account: str, state: str, name: str, told_s: int) -> OutgoingEvent:
    is_paid = state == "succeeded"
    amount = intent.amount_received or intent.amount if is_paid else intent.amount
    data = {"payment": intent.id, "method": _method(intent.payment_method_types)}
    data |= _money(amount, intent.currency)
    refill = note(intent.metadata, REFILL)
    if refill:
        data[REFILL] = refill
    # A refill is told by the API's answer and by a webhook: both know when the intent was made, and say the same.
    time_s = intent.created if refill else told_s
    return payment_event(f"payment.{state}", account, SOURCE, name, time_ms=time_s * 1000, data=data)


class StripeEvents:
    """Turns notifications into events. `credited_to` may raise what its store raises when it is down."""

    def __init__(
        self,
        credited_to: CreditedTo,
        *,
        now_s: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._credited_to, self._now_s, self._pause = credited_to, now_s, pause
        self._handlers: dict[str, Callable[[Notification, dict[str, Any]], Told]] = {
            "payment_intent.succeeded": self._intent_succeeded,
            "payment_intent.payment_failed": self._intent_failed,
            "checkout.session.completed": self._session_completed,
            "checkout.session.async_payment_succeeded": self._session_completed,
            "checkout.session.async_payment_failed": self._session_failed,
            "checkout.session.expired": self._session_expired,
            "charge.refunded": self._refunded,
            "charge.dispute.created": self._disputed,
            "charge.dispute.funds_withdrawn": self._disputed,
        }

    @property
    def types(self) -> tuple[str, ...]:
        """Stripe's types that make events."""
        return tuple(self._handlers)

    def told(self, notification: Notification) -> Told:
        """What `notification` tells. Raises msgspec.ValidationError and ValueError for an object that cannot be read
        or makes no event, `TooEarly` for a refund or dispute before its payment.
        """
        handler = self._handlers.get(notification.type)
        if handler is None:
            return _ignored(notification, "not a type that moves money here")
        return handler(notification, notification.data.object)

    # --- money in -----------------------------------------------------------------------------------------

    def _intent_succeeded(self, told: Notification, value: dict[str, Any]) -> Told:
        intent = read(value, PaymentIntent)
        account = note(intent.metadata, ACCOUNT)
        if account is None:
            return _unassigned(told, intent.id)
        return _taken(told, succeeded(intent, account, told.created))

    def _intent_failed(self, told: Notification, value: dict[str, Any]) -> Told:
        intent = read(value, PaymentIntent)
        account = note(intent.metadata, ACCOUNT)
        if account is None:
            return _unassigned(told, intent.id)
        return _taken(told, failed(intent, account, told.created, told.id))

    def _session_completed(self, told: Notification, value: dict[str, Any]) -> Told:
        session = read(value, CheckoutSession)
        if session.mode != "payment" or session.payment_status == "no_payment_required":
            return _ignored(told, f"{session.id}: no payment")
        # Ours, or not paid yet (a bank takes days): what follows is told by the PaymentIntent or the session's end.
        is_paid = session.payment_status == "paid" and note(session.metadata, CHECKOUT) is None
        return self._session(told, session, "succeeded" if is_paid else "created")

    def _session_failed(self, told: Notification, value: dict[str, Any]) -> Told:
        session = read(value, CheckoutSession)
        if note(session.metadata, CHECKOUT):
            return _ignored(told, f"{session.id}: its PaymentIntent tells")
        return self._session(told, session, "failed")

    def _session_expired(self, told: Notification, value: dict[str, Any]) -> Told:
        session = read(value, CheckoutSession)
        if session.mode != "payment":
            return _ignored(told, f"{session.id}: no payment")
        return self._session(told, session, "expired")

    def _session(self, told: Notification, session: CheckoutSession, state: str) -> Told:
        account = note(session.metadata, ACCOUNT) or session.client_reference_id
        if account is None:
            return _unassigned(told, session.id)
        if session.amount_total is None or session.currency is None:
            raise ValueError(f"{session.id} has no amount")
        payment = id_of(session.payment_intent) or session.id
        data = {"payment": payment, "method": _method(session.payment_method_types)}
        data |= _money(session.amount_total, session.currency)
        name = f"{payment}/succeeded" if state == "succeeded" else told.id
        event = payment_event(
            f"payment.{state}", account, SOURCE, name, time_ms=told.created * 1000, data=data
        )
        return _taken(told, event)

    # --- money back ---------------------------------------------------------------------------------------

    def _refunded(self, told: Notification, value: dict[str, Any]) -> Told:
        charge = read(value, Charge)
        before = _refunded_before(charge, told.data.previous_attributes)
        payment = id_of(charge.payment_intent) or charge.id
        account = self._owner(told, payment, note(charge.metadata, ACCOUNT))
        if account is None:
            return _unassigned(told, payment)
        name = f"{charge.id}/refunded/{before}-{charge.amount_refunded}"
        data = {"payment": payment} | _money(charge.amount_refunded - before, charge.currency)
        return _taken(
            told,
            payment_event("payment.refunded", account, SOURCE, name, time_ms=told.created * 1000, data=data),
        )

    def _disputed(self, told: Notification, value: dict[str, Any]) -> Told:
        dispute = read(value, Dispute)
        if dispute.status.startswith("warning"):
            return _ignored(told, f"{dispute.id}: a question that takes no money")
        payment = id_of(dispute.payment_intent) or id_of(dispute.charge) or dispute.id
        account = self._owner(told, payment, note(dispute.metadata, ACCOUNT))
        if account is None:
            return _unassigned(told, payment)
        # Told when it begins and when the money is withdrawn, which for a question is later: the same event.
        time_ms = (dispute.created or told.created) * 1000
        data = {"payment": payment} | _money(dispute.amount, dispute.currency)
        name = f"{dispute.id}/disputed"
        return _taken(
            told, payment_event("payment.disputed", account, SOURCE, name, time_ms=time_ms, data=data)
        )

    def _owner(self, told: Notification, payment: str, named: str | None) -> str | None:
        """Whose payment it is; raises `TooEarly` while it may still be on its way."""
        for look in range(_LOOKS):
            if look:
                self._pause(_LOOK_AGAIN_S)
            found = self._credited_to(payment, named)
            if found is not None:
                return found
            if self._now_s() - told.created > WAITS_FOR_PAYMENT_S:
                # Told for good: an account that was named sees it refused, with the reason.
                return named
        raise TooEarly(f"payment {payment} is not credited yet; tell it again later")


def _refunded_before(charge: Charge, previous: Mapping[str, Any] | None) -> int:
    """What had gone back before this refund: as told, else all but the newest refund of the list, else nothing."""
    before = (previous or {}).get("amount_refunded")
    if isinstance(before, int):
        return before
    if charge.refunds is not None and charge.refunds.data:
        newest = max(charge.refunds.data, key=lambda refund: refund.created)
        return charge.amount_refunded - newest.amount
    return 0


def _taken(told: Notification, event: OutgoingEvent) -> Told:
    return Told(told.type, Outcome.TAKEN, (event,), told.id)


def _ignored(told: Notification, why: str) -> Told:
    return Told(told.type, Outcome.IGNORED, (), f"{told.id}: {why}")


def _unassigned(told: Notification, payment: str) -> Told:
    return Told(told.type, Outcome.UNASSIGNED, (), f"{told.id}: {payment} names no account")
