"""Stripe's webhooks: the signature over the raw bytes, then what they tell.

Promises: what is not signed with one of our secrets within the last five minutes is refused before it is looked at.
Several secrets may be in force, so that one can be exchanged for another while webhooks come in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from stripe import SignatureVerificationError, WebhookSignature

from schemas.adapters import Told, WebhookRefused
from schemas.envelope import OutgoingEvent
from schemas.wire import Event, read_event
from sinks.payments.stripe_events import StripeEvents
from sinks.payments.stripe_objects import Notification

TOLERANCE_S: Final = 300
REMEMBERED_MAX: Final = 10_000
_decoder: Final = msgspec.json.Decoder(Notification)


class StripeWebhook:
    """The adapter for Stripe."""

    def __init__(self, secrets: Sequence[str], events: StripeEvents) -> None:
        """`secrets`: signing secrets of the endpoint, at least one."""
        self._secrets, self._events = tuple(secrets), events
        # (account, event id) → how a success was first told: see `_as_first_told`.
        self._first: OrderedDict[tuple[str, str], OutgoingEvent] = OrderedDict()

    def read(self, body: bytes, headers: Mapping[str, str]) -> Told:
        """What the webhook tells. Raises `WebhookRefused`, `TooEarly`, and what the store of payments raises."""
        self._check(body, headers.get("stripe-signature", ""))
        try:
            told = self._events.told(_decoder.decode(body))
        except (msgspec.DecodeError, RecursionError) as error:
            raise WebhookRefused(f"this is no event that can be read: {error}") from None
        except ValueError as error:
            raise WebhookRefused(f"this makes no payment event: {error}") from None
        return told._replace(events=tuple(self._as_first_told(event) for event in told.events))

    def _check(self, body: bytes, signature: str) -> None:
        reason = "no Stripe-Signature"
        # The library's comparison fails on letters that no signature has.
        for secret in self._secrets if signature and signature.isascii() else ():
            try:
                # Not `Webhook.construct_event`, which is this and a reading that fails unchecked on what is no object.
                WebhookSignature.verify_header(body, signature, secret, TOLERANCE_S)
            except SignatureVerificationError as error:
                reason = str(error.user_message)
            except UnicodeDecodeError:
                reason = "the body is not UTF-8"
            else:
                return
        raise WebhookRefused(f"the signature does not hold: {reason}")

    def _as_first_told(self, event: OutgoingEvent) -> OutgoingEvent:
        """A success that a session and its PaymentIntent both tell, in the words of the first: a duplicate, not a
        conflict about the second at which it was told. Forgotten by a restart, the conflict is refused by ingest and
        the money still counts once.
        """
        read = read_event(event.raw)
        if event.type != "payment.succeeded" or not isinstance(read, Event):
            return event
        found = self._first.setdefault((event.account, read.id), event)
        if len(self._first) > REMEMBERED_MAX:
            self._first.popitem(last=False)
        return found
