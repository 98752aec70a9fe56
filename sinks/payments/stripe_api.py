"""What we ask of Stripe's API, through Stripe's library, and its errors in our words.

    StripeDown            nobody was charged by this call as far as it tells; the same may be asked again later
      └ Unclear           it may have been done all the same (5xx, another request with our key): look before trusting it
    StripeSaysNo          refused for good; the text may be told to whoever asked

A declined card is an answer, not an error: the PaymentIntent says so. The library's own repetitions are off, as they
would hold up a stop; whoever calls repeats with the same idempotency key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, TypeVar

import msgspec
import stripe

from sinks.payments.stripe_objects import ACCOUNT, REFILL, Id, PaymentIntent, id_of, note, read

TIMEOUT_S: Final = 30.0
# Stripe's limits of a value in metadata and of client_reference_id.
METADATA_LENGTH_MAX: Final = 500
REFERENCE_LENGTH_MAX: Final = 200
_PAGE: Final = 100
T = TypeVar("T")


class StripeDown(Exception):
    """Stripe does not answer, is busy, or does not take our key."""


class Unclear(StripeDown):
    """Stripe answered with an error of its own: what was asked for may have been done."""


class StripeSaysNo(Exception):
    """Stripe refuses this request, and would again."""


class _Invoicing(msgspec.Struct):
    default_payment_method: Id = None


class Customer(msgspec.Struct):
    """Whom Stripe keeps cards for."""

    id: str
    created: int = 0
    invoice_settings: _Invoicing | None = None


class Page(msgspec.Struct):
    """A checkout session: where somebody is sent to pay."""

    id: str
    url: str
    created: int
    expires_at: int
    payment_intent: Id = None


@dataclass(frozen=True, slots=True)
class Order:
    """One refill to be charged. `amount`: in Stripe's units; `refill`: the command's id, which is the idempotency key."""

    account: str
    refill: str
    amount: int
    currency: str
    customer: str
    card: str


class StripeApi:
    """Asks Stripe. May be used by several threads."""

    def __init__(self, key: str, base: str) -> None:
        """`key`: the secret API key; `base`: where the API is."""
        self._client = stripe.StripeClient(
            key,
            base_addresses={"api": base},
            # Not its client over httpx, which sends forms in a way that httpx warns of.
            http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
            max_network_retries=0,
        ).v1

    def customer(self, account: str) -> Customer | None:
        """The customer whose metadata names `account`, the newest of several; one made within the last minute may be
        missing, as Stripe's search lags behind.
        """
        quoted = account.replace("\\", "\\\\").replace('"', '\\"')
        found = _ask(
            lambda: self._client.customers.search(
                {"query": f'metadata["{ACCOUNT}"]:"{quoted}"', "limit": _PAGE}
            )
        )
        customers = [read(each.to_dict(), Customer) for each in found.data]
        return max(customers, key=lambda each: each.created, default=None)

    def new_customer(self, account: str, email: str | None = None) -> Customer:
        """A customer for `account`; asked for twice within a day it is the same one."""
        params: Any = {"metadata": {ACCOUNT: account}} | ({"email": email} if email else {})
        # An account's name may be longer than a key.
        name = blake2b(account.encode(), digest_size=16).hexdigest()
        options: Any = {"idempotency_key": f"customer/{name}"}
        return read(_ask(lambda: self._client.customers.create(params, options)).to_dict(), Customer)

    def card(self, customer: Customer) -> str | None:
        """The card to charge: the customer's default, else the newest that is saved; None without one."""
        default = customer.invoice_settings and id_of(customer.invoice_settings.default_payment_method)
        if default:
            return default
        found = _ask(
            lambda: self._client.payment_methods.list({"customer": customer.id, "type": "card", "limit": 1})
        )
        return str(found.data[0].id) if found.data else None

    def charge(self, order: Order) -> PaymentIntent:
        """Charge the card without its holder. The same order again is the same PaymentIntent, for a day at least.

        The answer's status is `succeeded`, `processing`, or one that says that it did not work.
        """
        params: Any = {
            "amount": order.amount,
            "currency": order.currency.lower(),
            "customer": order.customer,
            "payment_method": order.card,
            "payment_method_types": ["card"],
            "confirm": True,
            "off_session": True,
            "metadata": {ACCOUNT: order.account, REFILL: order.refill},
        }
        options: Any = {"idempotency_key": order.refill}
        try:
            return read(
                _ask(lambda: self._client.payment_intents.create(params, options)).to_dict(), PaymentIntent
            )
        except stripe.CardError as error:
            body: Any = error.json_body
            declined = body.get("error", {}).get("payment_intent") if isinstance(body, dict) else None
            if declined is None:
                raise StripeSaysNo(str(error.user_message)) from None
            return read(declined, PaymentIntent)

    def charged(self, customer: str, refill: str, since_s: int) -> PaymentIntent | None:
        """The PaymentIntent that was made for `refill`, if there is one; lists are up to date, unlike the search."""
        params: Any = {"customer": customer, "created": {"gte": since_s}, "limit": _PAGE}
        found = _ask(lambda: list(self._client.payment_intents.list(params).auto_paging_iter()))
        intents = (read(each.to_dict(), PaymentIntent) for each in found)
        return next((each for each in intents if note(each.metadata, REFILL) == refill), None)

    def open_checkout(self, params: Any) -> Page:
        """A new checkout session."""
        return read(_ask(lambda: self._client.checkout.sessions.create(params)).to_dict(), Page)


def _ask(question: Callable[[], T]) -> T:
    """The answer; Stripe's errors in our words, save `CardError`, which holds an answer."""
    try:
        return question()
    except (stripe.AuthenticationError, stripe.PermissionError):
        # Their texts repeat a part of the key.
        raise StripeDown("Stripe does not take METERSTREAM_STRIPE_API_KEY") from None
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise StripeDown(
            f"Stripe: {type(error).__name__}, {error.code or error.http_status or 'no answer'}"
        ) from None
    except stripe.InvalidRequestError as error:
        raise StripeSaysNo(str(error.user_message)) from None
    except (stripe.APIError, stripe.IdempotencyError) as error:
        raise Unclear(f"Stripe: {type(error).__name__}, {error.http_status}") from None
