"""The parts of Stripe's objects that we read, as its API documents them; unknown fields are left alone. Pure.

Source: https://docs.stripe.com/api (events, payment_intents, checkout/sessions, charges, disputes).
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

# Our own keys in Stripe's `metadata`.
ACCOUNT = "account"
REFILL = "refill"
# A checkout session of ours: its PaymentIntent carries the account too, and is what credits.
CHECKOUT = "meterstream_checkout"

Id = str | dict[str, Any] | None
Metadata = dict[str, str] | list[Any] | None
T = TypeVar("T")


class Change(msgspec.Struct):
    """What an event is about: the object after it, and what of it was different before."""

    object: dict[str, Any]
    previous_attributes: dict[str, Any] | None = None


class Notification(msgspec.Struct):
    """A snapshot event. `created`: Unix seconds."""

    id: str
    type: str
    created: int
    data: Change


class PaymentIntent(msgspec.Struct):
    """One attempt to be paid, from its beginning to its success."""

    id: str
    amount: int
    currency: str
    created: int = 0
    status: str = ""
    amount_received: int | None = None
    metadata: Metadata = None
    payment_method_types: list[str] = []


class CheckoutSession(msgspec.Struct):
    """A page of Stripe's on which somebody pays."""

    id: str
    mode: str = "payment"
    payment_status: str = "unpaid"
    payment_intent: Id = None
    amount_total: int | None = None
    currency: str | None = None
    client_reference_id: str | None = None
    metadata: Metadata = None
    payment_method_types: list[str] = []


class Refund(msgspec.Struct):
    """One time that money of a charge went back."""

    amount: int
    created: int = 0


class Refunds(msgspec.Struct):
    """A list of them, as older versions of the API put into a charge."""

    data: list[Refund] = []


class Charge(msgspec.Struct):
    """Money taken by a PaymentIntent; `amount_refunded` is all that went back so far."""

    id: str
    currency: str
    amount_refunded: int = 0
    payment_intent: Id = None
    metadata: Metadata = None
    refunds: Refunds | None = None


class Dispute(msgspec.Struct):
    """A card's holder wants money back; statuses that begin with `warning` are questions that take none yet."""

    id: str
    amount: int
    currency: str
    status: str = ""
    charge: Id = None
    payment_intent: Id = None
    created: int = 0
    metadata: Metadata = None


def read(value: dict[str, Any], kind: type[T]) -> T:
    """`value` as an object of `kind`; raises msgspec.ValidationError, which says what is missing."""
    return msgspec.convert(value, kind)


def id_of(value: Id) -> str | None:
    """The id of an object that is named by it, or stands there whole."""
    if isinstance(value, dict):
        found = value.get("id")
        return found if isinstance(found, str) else None
    return value


def note(metadata: Metadata, key: str) -> str | None:
    """What `metadata` says of `key`; None for nothing (an empty map is an empty list in some versions)."""
    return (metadata.get(key) or None) if isinstance(metadata, dict) else None
