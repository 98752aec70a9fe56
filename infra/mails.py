"""Mails that were given up and are to be sent again: read from the dead letters, put into the queue."""

import time
from collections.abc import Iterator

from infra.errors import CommandFailed
from infra.parts.sink_email import channel_of, dead_letters, outbox_of
from infra.settings import Settings
from infra.wanted import Wanted
from schemas.records import DeliveryState
from schemas.topics import NOTICES
from sinks.outbox.items import Item


def resent(settings: Settings, wanted: Wanted) -> int:
    """Queue the mails that are `wanted` and were refused or given up; the number queued.

    What waits already or was accepted since stays as it is, so doing it twice is doing it once. Raises `CommandFailed`
    where a notice is asked for by its id and is not among the dead letters.
    """
    items = {item.id: item for item in _items(settings, wanted)}
    if wanted.record is not None and not items:
        raise CommandFailed(f"no mail of a notice {wanted.record!r} was given up, or its type is not mailed")
    outbox = outbox_of(settings, exclusive=False)
    try:
        return outbox.put_given_up_again(items.values(), time.time())
    finally:
        outbox.close()


def _items(settings: Settings, wanted: Wanted) -> Iterator[Item]:
    channel = channel_of(settings)
    for letter in dead_letters(settings).read():
        value = letter.notice.encode()
        if wanted.takes(value):
            # One of which no mail can be made is tried too: it is refused anew, with the reason as it is now.
            yield from (
                item
                for item, settled in channel.receive(NOTICES, value)
                if settled is None or settled.state is not DeliveryState.SUPPRESSED
            )
