"""What the service is handed: answers ready for JSON, from wherever they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from email.message import EmailMessage
from typing import Any, Protocol

from schemas.access import ApiToken
from schemas.adapters import CheckoutDesk, PaymentAdapter
from schemas.envelope import OutgoingEvent
from schemas.profile import Profile
from schemas.wire import Event
from sinks.http.dashboard.watchers import Watchers
from sinks.http.gate.gate import Gate, wall_ms
from sinks.http.strangers import PER_MINUTE, Strangers

Row = dict[str, Any]


class Unavailable(Exception):
    """What answers this (ClickHouse, Kafka) is away; the same question may be answered later."""


class Overloaded(Exception):
    """More comes in than can be handed on; nothing of this request was taken, the same may be sent again soon."""


class EventSink(Protocol):
    """Writes events to the input topics."""

    async def send(self, events: Sequence[OutgoingEvent]) -> None:
        """Write `events`, each account's in the order given; returns once Kafka has acknowledged all of them.

        Raises `Overloaded` where the queue is full and `Unavailable` where Kafka did not acknowledge in time. Some
        may have been written then: sending the same again is harmless, identity drops what came twice.
        """


class Tokens(Protocol):
    """The API tokens that there are."""

    def find(self, token_id: str) -> ApiToken | None:
        """The token of that id; raises `Unavailable` while the tokens are not known."""


def no_fault(_: Event) -> str | None:
    """Finds nothing wrong."""
    return None


class Reports(Protocol):
    """Questions about accounts; `sinks.clickhouse.reports.Reports` says what each answers."""

    def accounts(self, limit: int = 100, offset: int = 0) -> list[Row]:
        """Accounts with balances."""

    def balance(self, account: str) -> Row | None:
        """One balance."""

    def is_known(self, account: str) -> bool:
        """Whether there is such an account."""

    def costs(
        self, account: str, days: int, *, by: str | None = None, as_of: date | None = None
    ) -> Row | None:
        """Costs by day."""

    def ledger(self, account: str, *, limit: int = 100, before: int | None = None) -> list[Row]:
        """Postings, the newest first."""

    def charges(
        self, account: str, *, limit: int = 100, before: str | None = None, before_id: str = ""
    ) -> list[Row]:
        """Charges, the newest first."""

    def stored_rows(self) -> dict[str, int]:
        """Rows that each table holds."""


class Advice(Protocol):
    """What would happen to an account if it did something now: the pipeline's own rules, tried and thrown away.

    None for an account that is not known; raises `Unavailable`.
    """

    def admission(self, account: str, request: Mapping[str, Any]) -> Row | None:
        """Whether `request` (the data of `instance.requested`, without `resource` where it is a new one) is admitted."""

    def request_cost(self, account: str, request: Mapping[str, Any]) -> Row | None:
        """What a request costs (the data of `request.served`, without `request`)."""

    def mode_change(self, account: str, change: Mapping[str, Any]) -> Row | None:
        """What changing the mode comes to (the data of `instance.mode_changed`)."""


class NoticeReports(Protocol):
    """Questions about notices; `sinks.clickhouse.notices.Notices` says what it answers. Raises `Unavailable`."""

    def notices(
        self,
        account: str,
        *,
        kind: str = "",
        undelivered: bool = False,
        limit: int = 100,
        before: str | None = None,
        before_id: str = "",
    ) -> list[Row]:
        """Notices with their deliveries, the newest first."""


class MailCodes(Protocol):
    """What only the mailer can write."""

    def mail_code(self, account: str) -> str | None:
        """What each mail to `account` shows."""

    def account_of(self, token: str) -> str | None:
        """The account of an unsubscribe link; None where it was not made here."""


class Operations(Protocol):
    """What the dashboard asks beyond reports; raises `Unavailable`."""

    def settings(self, account: str) -> Row | None:
        """An account's settings as the pipeline has them; None for one that is not known."""

    def health(self) -> Row:
        """How far behind each part is, and what the last reconcile said."""

    def play(self, events: bytes, profile: str | None, until: str | None) -> Row:
        """Bill `events` (JSON Lines) by the engine alone, with `profile` (TOML) beside the others: `records` and `mails`.

        Raises ValueError, in words for whoever wrote them, where they cannot be billed.
        """


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the service gets things. `reports` is called for each request, raises `Unavailable`; `mails` gives the
    newest mails that were caught on this machine, or None where none are caught. `hosts`: the names by which the
    service may be called; empty for any. `tokens`: what a presented token is checked against; None for none.
    `anonymous`: whether a request without a token is an operator's (a service that only this machine reaches).
    `webhooks`: adapters of payment providers by the name in their path; `checkout` opens pages to pay on, None for none.
    `events`: where events go, None where none are taken; `event_fault`: what only the price book finds wrong in one.
    `ready`: each says what the service still waits for, or None. `gate`: what answers `/v1/authorize`; `advice`:
    admission and estimates; None where there is none. `notices`: what owners were told; `mail_codes`: codes and links
    of mails. `profiles`: what pages say of a provider; `live`: who watches charges as they come; `operations`: what only
    the dashboard asks. `strangers`: how often callers that are not known may ask.
    """

    reports: Callable[[], Reports]
    mails: Callable[[int], Sequence[EmailMessage]] | None = None
    hosts: frozenset[str] = frozenset()
    tokens: Tokens | None = None
    anonymous: bool = True
    events: EventSink | None = None
    webhooks: Mapping[str, PaymentAdapter] = field(default_factory=dict)
    checkout: CheckoutDesk | None = None
    event_fault: Callable[[Event], str | None] = no_fault
    ready: tuple[Callable[[], str | None], ...] = ()
    gate: Gate | None = None
    advice: Advice | None = None
    notices: Callable[[], NoticeReports] | None = None
    mail_codes: MailCodes | None = None
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    live: Watchers | None = None
    operations: Operations | None = None
    strangers: Strangers = field(default_factory=lambda: Strangers(PER_MINUTE, wall_ms))
