"""How a payment provider's word becomes events: what an adapter is, and what it gives. Pure.

An adapter reads one raw webhook and gives CloudEvents of the topic `payment.events`. The HTTP service serves each
at `/v1/webhooks/<name>`, sends what it gives, and answers 200 when Kafka has acknowledged that. `docs/payments.md`
shows how to write one.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, Protocol

from schemas.envelope import OutgoingEvent
from schemas.events import PAYMENT_TYPES
from schemas.profile import Pack
from schemas.values import instant_text
from schemas.wire import Unreadable, encode, read_event


class WebhookRefused(Exception):
    """It does not come from the provider, is too old, or cannot be read: answered with 400."""


class TooEarly(Exception):
    """It speaks of something that has not arrived yet: answered with 503, so that the provider tells it again."""


class Outcome(StrEnum):
    """What became of a webhook: its events were taken, it moves no money of ours, or it is nobody's that we know."""

    TAKEN = "taken"
    IGNORED = "ignored"
    UNASSIGNED = "unassigned"


class Told(NamedTuple):
    """What a webhook told. `kind` is the provider's word for what happened, `detail` names its ids, never a person."""

    kind: str
    outcome: Outcome
    events: tuple[OutgoingEvent, ...] = ()
    detail: str = ""


class PaymentAdapter(Protocol):
    """Reads the webhooks of one provider."""

    def read(self, body: bytes, headers: Mapping[str, str]) -> Told:
        """What the webhook tells. `body`: the bytes as they came; `headers`: names in lower case.

        The same happening gives the same events, byte for byte, however often it is told. Raises `WebhookRefused`
        and `TooEarly`; may block for some seconds.
        """


def payment_event(
    kind: str, account: str, source: str, event_id: str, *, time_ms: int, data: Mapping[str, str]
) -> OutgoingEvent:
    """The event, checked as ingest will check it. (`source`, `event_id`) is its identity: what is told again has the
    same. Raises ValueError, with the fault, for what is no event of `payment.events`.
    """
    if kind not in PAYMENT_TYPES:
        raise ValueError(f"{kind!r} is no type of payment.events")
    raw = encode({
        "specversion": "1.0", "id": event_id, "source": source, "type": kind, "subject": account,
        "time": instant_text(time_ms), "datacontenttype": "application/json", "data": dict(data),
    })  # fmt: skip
    read = read_event(raw)
    if isinstance(read, Unreadable):
        raise ValueError(read.detail)  # noqa: TRY004 - what is wrong is a value, not the program
    return OutgoingEvent(account, kind, raw)


# --- checkouts ---------------------------------------------------------------------------------------------


class CheckoutRefused(Exception):
    """This cannot be bought so; the text says why and may be shown: answered with 400."""


class ProviderDown(Exception):
    """The payment provider does not answer: answered with 503."""


class Checkout(NamedTuple):
    """A page on which somebody pays, and the event that tells of its beginning."""

    id: str
    url: str
    expires_ms: int
    amount: str
    currency: str
    created: OutgoingEvent


class Shelf(NamedTuple):
    """What may be bought with a profile: packs by name, and from which amount on any other."""

    currency: str
    minimum: Decimal | None
    packs: Mapping[str, Pack]


class CheckoutDesk(Protocol):
    """Opens checkouts with a payment provider."""

    def shelf(self, profile: str) -> Shelf:
        """What is offered; raises `CheckoutRefused` where that is nothing."""

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
        """A page on which `amount` (or the price of `pack`) is paid; may block for some seconds.

        Raises `CheckoutRefused` and `ProviderDown`.
        """
