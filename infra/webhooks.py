"""Webhooks that are to be sent again: read from their topics, put into the queue."""

import time
from collections.abc import Iterator

import msgspec

from infra.audit.topics import Topics
from infra.errors import CommandFailed
from infra.parts.sink_webhooks import TOPICS, channel_of, outbox_of
from infra.settings import Settings
from sinks.outbox.items import Item
from sinks.webhooks.channel import WebhookChannel


class _Head(msgspec.Struct):
    id: str
    time: str


_head = msgspec.json.Decoder(_Head)


def redelivered(settings: Settings, *, since: str | None, record: str | None, target: str | None) -> int:
    """Queue what fell due at `since` or later, or `record`, for `target` or everybody who wants it; the number queued.

    Raises `CommandFailed` where there is no such record or target.
    """
    channel = channel_of(settings)
    if target is not None and target not in channel.targets:
        raise CommandFailed(f"no target is called {target!r}; there are {', '.join(channel.targets)}")
    items = [
        item
        for item in _items(Topics(settings), channel, since, record)
        if target is None or item.group == target
    ]
    if record is not None and not items:
        raise CommandFailed(f"no target wants a notice or command {record!r}, or there is none")
    outbox = outbox_of(settings, exclusive=False)
    try:
        return outbox.put_again(items, time.time())
    finally:
        outbox.close()


def _items(topics: Topics, channel: WebhookChannel, since: str | None, record: str | None) -> Iterator[Item]:
    for topic in TOPICS:
        partitions = topics.partitions(topic)
        ends = topics.ends([topic], partitions)
        for partition in range(partitions):
            for each in topics.read(topic, partition, ends[topic, partition]):
                if _is_wanted(each.value, since, record):
                    yield from (received.item for received in channel.receive(topic, each.value))


def _is_wanted(value: bytes, since: str | None, record: str | None) -> bool:
    try:
        head = _head.decode(value)
    except msgspec.DecodeError:
        return False
    return head.id == record if record is not None else head.time >= (since or "")
