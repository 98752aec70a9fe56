"""Credit packs and custom amounts as checkout sessions of Stripe (PD-04 … PD-07).

Promises: the amount is at least the profile's minimum and to the last digit what is charged; the session and its
PaymentIntent carry the account, so that the webhook knows whom to credit; nobody is credited here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from schemas.adapters import Checkout, CheckoutRefused, ProviderDown, Shelf, payment_event
from schemas.events import Method
from schemas.profile import Profile
from schemas.values import money_text, plain
from sinks.payments.minor_units import to_minor
from sinks.payments.stripe_api import (
    METADATA_LENGTH_MAX,
    REFERENCE_LENGTH_MAX,
    Customer,
    StripeApi,
    StripeDown,
    StripeSaysNo,
)
from sinks.payments.stripe_events import SOURCE
from sinks.payments.stripe_objects import ACCOUNT, CHECKOUT, id_of

CUSTOM: Final = "amount"


class StripeCheckout:
    """Opens checkouts for accounts of `profiles`."""

    def __init__(self, api: StripeApi, profiles: Mapping[str, Profile]) -> None:
        self._api, self._profiles = api, profiles

    def shelf(self, profile: str) -> Shelf:
        """What is offered; raises `CheckoutRefused` where that is nothing."""
        offer = self._offer(profile)
        return Shelf(offer.currency, offer.payments.minimum, offer.payments.packs)

    def open(
        self,
        account: str,
        profile: str,
        *,
        amount: Decimal | None,
        pack: str | None,
        success_url: str,
        cancel_url: str,
    ) -> Checkout:
        """A page on which `amount` (or the price of `pack`) is paid for `account`, which is billed by `profile`.

        Raises `CheckoutRefused` and `ProviderDown`.
        """
        offer = self._offer(profile)
        price = _price(offer, amount, pack)
        if len(account) > METADATA_LENGTH_MAX:
            raise CheckoutRefused(f"Stripe carries accounts of at most {METADATA_LENGTH_MAX} characters")
        try:
            minor = to_minor(price, offer.currency)
            customer = self._api.customer(account) or self._api.new_customer(account)
            params = _params(offer, account, customer, minor, pack)
            page = self._api.open_checkout(params | {"success_url": success_url, "cancel_url": cancel_url})
        except StripeDown as error:
            raise ProviderDown(str(error)) from None
        except (StripeSaysNo, ValueError) as error:
            raise CheckoutRefused(str(error)) from None
        payment = id_of(page.payment_intent) or page.id
        data = {"payment": payment, "method": Method.CARD.value, "amount": plain(price)}
        created = payment_event(
            "payment.created", account, SOURCE, f"{page.id}/created", time_ms=page.created * 1000,
            data=data | {"currency": offer.currency},
        )  # fmt: skip
        return Checkout(page.id, page.url, page.expires_at * 1000, money_text(price), offer.currency, created)

    def _offer(self, profile: str) -> Profile:
        offer = self._profiles.get(profile)
        if offer is None:
            raise CheckoutRefused(f"no profile {profile!r} is loaded here")
        if Method.CARD not in offer.payments.methods:
            raise CheckoutRefused(f"method_not_accepted: {offer.name} does not take cards")
        return offer


def _price(offer: Profile, amount: Decimal | None, pack: str | None) -> Decimal:
    """What is to be paid; raises CheckoutRefused."""
    payments = offer.payments
    if (amount is None) == (pack is None):
        raise CheckoutRefused("either amount or pack is needed")
    if pack is not None:
        if pack not in payments.packs:
            known = ", ".join(payments.packs) or "none"
            raise CheckoutRefused(f"no pack {pack!r} is offered; there are: {known}")
        return payments.packs[pack].amount
    price = amount or Decimal(0)
    if payments.minimum is not None and price < payments.minimum:
        raise CheckoutRefused(f"below_minimum: {plain(price)} is below the minimum of {payments.minimum}")
    return price


def _params(offer: Profile, account: str, customer: Customer, minor: int, pack: str | None) -> dict[str, Any]:
    intent: dict[str, Any] = {"metadata": {ACCOUNT: account}}
    if offer.payments.auto_refill:
        # The owner agrees on Stripe's page that the card is kept for later.
        intent["setup_future_usage"] = "off_session"
    params: dict[str, Any] = {
        "mode": "payment",
        "customer": customer.id,
        "payment_method_types": ["card"],
        "line_items": [{
            "quantity": 1,
            "price_data": {
                "currency": offer.currency.lower(), "unit_amount": minor, "product_data": {"name": _title(offer, pack)},
            },
        }],
        "metadata": {ACCOUNT: account, CHECKOUT: pack or CUSTOM},
        "payment_intent_data": intent,
    }  # fmt: skip
    if len(account) <= REFERENCE_LENGTH_MAX:
        params["client_reference_id"] = account
    return params


def _title(offer: Profile, pack: str | None) -> str:
    what = f"{offer.display.unit}s" if offer.display else "credit"
    label = offer.payments.packs[pack].label if pack else ""
    return f"{offer.title} {what}{f' ({label})' if label else ''}"
