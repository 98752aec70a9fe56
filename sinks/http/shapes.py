"""What answers look like, for the description of the API. Amounts are decimal strings, times RFC 3339 in UTC.

Answers are not checked against these on their way out (what they hold was checked on its way in); tests do.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from schemas.values import DecimalText, InstantText


class ErrorBody(BaseModel):
    """What went wrong: in words, as a kind, and the status as text."""

    message: str
    type: str
    code: str


class Error(BaseModel):
    """Every error has this form."""

    error: ErrorBody


class EventFault(BaseModel):
    """A bad event: its place in the batch (null where the array itself is bad), its id where it can be read, and why."""

    index: int | None
    id: str
    reason: str
    detail: str


class EventsRefused(Error):
    """Nothing was accepted; each bad event with its reason."""

    events: list[EventFault] = []


class Accepted(BaseModel):
    """How many events Kafka has acknowledged."""

    accepted: int


class Balance(BaseModel):
    """The balance after the last posting, which is number `seq` of the account."""

    account: str
    profile: str
    balance: DecimalText
    currency: str
    buckets: dict[str, DecimalText]
    flags: list[str]
    keys: dict[str, str]
    seq: int
    time: InstantText


class Cause(BaseModel):
    """The event, or the timer, that led to it."""

    source: str
    id: str


class Entry(BaseModel):
    """One posting; `charge` and `payment` are empty where it has none."""

    seq: int
    time: InstantText
    type: str
    bucket: str
    amount: DecimalText
    balance: DecimalText
    currency: str
    charge: str
    payment: str
    cause: Cause
    id: str
    hash: str


class Charge(BaseModel):
    """One rated line."""

    id: str
    time: InstantText
    resource: str
    request: str
    sku: str
    model: str
    key: str
    meter: str
    start: InstantText
    end: InstantText
    quantity: DecimalText
    unit: str
    unit_price: DecimalText
    amount: DecimalText
    currency: str
    rule: str
    price_version: str
    corrects: str


Next = Annotated[str | None, Field(description="`cursor` of the next page; null on the last one")]


class LedgerPage(BaseModel):
    """Postings, the newest first."""

    account: str
    entries: list[Entry]
    next: Next


class ChargesPage(BaseModel):
    """Charges, the newest first."""

    account: str
    charges: list[Charge]
    next: Next


class CostGroup(BaseModel):
    """What one name of the dimension came to."""

    name: str
    amount: DecimalText
    charges: int


class CostDay(BaseModel):
    """One day of the account's calendar; `lines` where costs are split."""

    day: str
    amount: DecimalText
    charges: int
    lines: list[CostGroup] = []


class Costs(BaseModel):
    """Costs by day, zero-filled; `groups` where they are split by a dimension."""

    account: str
    currency: str
    first: Annotated[str, Field(alias="from")]
    to: str
    by: str | None
    total: DecimalText
    charges: int
    days: list[CostDay]
    groups: list[CostGroup] = []
