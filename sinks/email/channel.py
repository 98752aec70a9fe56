"""The way out by e-mail: a notice becomes an item of its recipient, items become a mail, a mail is posted.

One mail for each notice; those that one event caused by crossing several thresholds are one mail (R-FA3), and so are
those that had to wait because their recipient had enough for the hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import msgspec

from schemas.records import DeliveryState, Notice, NoticeType
from schemas.wire import output_struct
from sinks.email.addresses import masked, without_addresses
from sinks.email.render import CannotRender, Letterhead, check, render
from sinks.email.smtp import MailDelayed, MailRefused, Post, PostUnavailable
from sinks.outbox.items import (
    Away,
    Item,
    Later,
    Outcome,
    Received,
    Refused,
    Sent,
    Settled,
    Unreadable,
    delivery_id,
)

CHANNEL: Final = "email"
GROUP: Final = "smtp"
REASON_LENGTH_MAX: Final = 300
# One event may cross several of these.
THRESHOLDS: Final = frozenset({NoticeType.LOW_BALANCE, NoticeType.BALANCE_ZERO, NoticeType.OVERDUE})
_decoder: Final = msgspec.json.Decoder(output_struct(Notice))


@dataclass(frozen=True, slots=True)
class Choice:
    """`off`: types that are not mailed. `quiet_s`: how long a crossed threshold waits for others of the same event."""

    off: frozenset[str] = frozenset()
    quiet_s: float = 0.2


class MailChannel:
    """Mails notices with `letterhead` through `post`."""

    name = CHANNEL

    def __init__(self, post: Post, letterhead: Letterhead, choice: Choice) -> None:
        self._post, self._letterhead, self._choice = post, letterhead, choice

    def receive(self, _topic: str, value: bytes) -> Sequence[Received]:
        """The item of a notice; it has ended where its type is off or no mail can be made of it."""
        notice = _decode(value)
        item = self._item(notice, value)
        if notice.type in self._choice.off:
            return (Received(item, Settled(DeliveryState.SUPPRESSED, f"{notice.type} is not mailed here")),)
        try:
            check(notice, self._letterhead)
        except CannotRender as error:
            return (Received(item, Settled(DeliveryState.REFUSED, _told(error))),)
        return (Received(item),)

    async def deliver(self, items: Sequence[Item]) -> Outcome:
        """Post one mail that tells `items`."""
        try:
            mail = render([_decode(item.body) for item in items], self._letterhead)
            await self._post.send(mail)
        except (CannotRender, MailRefused) as error:
            return Refused(_told(error))
        except MailDelayed as error:
            return Later(_told(error))
        except PostUnavailable as error:
            return Away(_told(error))
        return Sent()

    async def close(self) -> None:
        """Say goodbye to the server."""
        await self._post.close()

    def _item(self, notice: Notice, value: bytes) -> Item:
        crosses = notice.type in THRESHOLDS
        cause = notice.cause
        return Item(
            id=delivery_id(CHANNEL, notice.email, notice.id),
            record=notice.id,
            type=notice.type,
            account=notice.account,
            cause=cause,
            lane=_lane(notice.email),
            group=GROUP,
            target=masked(notice.email),
            body=value,
            bundle=f"{notice.account}|{cause.source}|{cause.id}|{notice.time}" if crosses else "",
            quiet_s=self._choice.quiet_s if crosses else 0.0,
        )


def _decode(value: bytes) -> Notice:
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from error


def _lane(email: str) -> str:
    """A recipient; hashed, as lanes are remembered for as long as ids are."""
    return blake2b(email.casefold().encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _told(error: Exception) -> str:
    return without_addresses(str(error))[:REASON_LENGTH_MAX]
