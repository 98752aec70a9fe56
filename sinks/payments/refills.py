"""What becomes of a command `payment.refill`: the account's saved card is charged, once. No Kafka here.

Promises: one charge for each command however often it is carried out, because the command's id is Stripe's
idempotency key, and no charge after the command's `until` (at most a day: Stripe keeps keys for a day at least).
What Stripe answers is the same event as its webhook tells (`stripe_events`), so it counts once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Protocol

from schemas.adapters import payment_event
from schemas.envelope import OutgoingEvent
from schemas.events import Method
from schemas.values import instant_of, plain
from sinks.payments.minor_units import to_minor
from sinks.payments.stripe_api import Customer, Order, StripeDown, StripeSaysNo, Unclear
from sinks.payments.stripe_events import SOURCE, failed, succeeded
from sinks.payments.stripe_objects import PaymentIntent

log = logging.getLogger(__name__)

DAY_MS: Final = 86_400_000
# No new attempt so shortly before the end (or in its last tenth): its answer would come when nobody waits for it.
MARGIN_MS: Final = 60_000
# A customer made a moment ago may be missing from Stripe's search ("under a minute").
SEARCH_LAGS_MS: Final = 120_000
_DECLINED: Final = frozenset(
    {"requires_payment_method", "requires_action", "requires_confirmation", "canceled"}
)


class Api(Protocol):
    """What a refill needs of Stripe: `sinks.payments.stripe_api.StripeApi`."""

    def customer(self, account: str) -> Customer | None:
        """The account's customer."""

    def card(self, customer: Customer) -> str | None:
        """The customer's card."""

    def charge(self, order: Order) -> PaymentIntent:
        """Charge it."""

    def charged(self, customer: str, refill: str, since_s: int) -> PaymentIntent | None:
        """What was charged for a refill."""


class Refills:
    """Carries out one command after another."""

    def __init__(self, api: Api, *, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._api, self._now_ms = api, now_ms

    def carry_out(self, command: Any) -> list[OutgoingEvent]:
        """The events that tell how it went; none where the command has lapsed, or a webhook will tell.

        Raises `StripeDown` where it must be tried again.
        """
        made_ms = instant_of(command.time)
        if command.currency is None or self._now_ms() >= _end_ms(command, made_ms):
            log.warning("refill %s is not charged: nobody waits for it any more", command.id)
            return []
        try:
            order = self._order(command, made_ms)
            intent = self._charge(order, made_ms) if order else None
        except (StripeSaysNo, ValueError) as error:
            log.error("refill %s cannot be charged: %s", command.id, error)  # noqa: TRY400 - expected
            return [_not_even_tried(command, made_ms)]
        if intent is None:
            log.warning("refill %s: no card is saved for its account", command.id)
            return [_not_even_tried(command, made_ms)]
        return _told(intent, command.account)

    def _order(self, command: Any, made_ms: int) -> Order | None:
        """What is to be charged; None where the account has no card."""
        amount = to_minor(Decimal(command.amount), command.currency)
        customer = self._api.customer(command.account)
        card = self._api.card(customer) if customer else None
        if customer is None or card is None:
            if self._now_ms() - made_ms < SEARCH_LAGS_MS:
                raise StripeDown("Stripe knows no card of the account yet")
            return None
        return Order(command.account, command.id, amount, command.currency, customer.id, card)

    def _charge(self, order: Order, made_ms: int) -> PaymentIntent:
        try:
            return self._api.charge(order)
        except Unclear:
            # Stripe repeats a 5xx for its key for ever; whether the card was charged is in the list.
            found = self._api.charged(order.customer, order.refill, made_ms // 1000 - 1)
            if found is None:
                raise
            return found


def _end_ms(command: Any, made_ms: int) -> int:
    until_ms = instant_of(command.until) if command.until else made_ms + DAY_MS
    end_ms = min(until_ms, made_ms + DAY_MS)
    return end_ms - min(MARGIN_MS, (end_ms - made_ms) // 10)


def _told(intent: PaymentIntent, account: str) -> list[OutgoingEvent]:
    if intent.status == "succeeded":
        return [succeeded(intent, account, intent.created)]
    if intent.status in _DECLINED:
        return [failed(intent, account, intent.created, intent.id)]
    log.info("%s is %s: a webhook will tell", intent.id, intent.status)
    return []


def _not_even_tried(command: Any, made_ms: int) -> OutgoingEvent:
    """There is no PaymentIntent: the command's id stands for it."""
    data = {"payment": command.id, "method": Method.CARD.value, "amount": plain(Decimal(command.amount))}
    data |= {"currency": command.currency, "refill": command.id}
    return payment_event(
        "payment.failed", command.account, SOURCE, f"{command.id}/failed", time_ms=made_ms, data=data
    )
