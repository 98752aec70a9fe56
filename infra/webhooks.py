"""Webhooks that are to be sent again: read from their topics, put into the queue."""

import time
from collections.abc import Iterator

from infra.audit.topics import Topics
from infra.errors import CommandFailed
from infra.parts.sink_webhooks import TOPICS, channel_of, outbox_of
from infra.settings import Settings
from infra.wanted import Wanted
from sinks.outbox.items import Item
from sinks.webhooks.channel import WebhookChannel


def redelivered(settings: Settings, wanted: Wanted, target: str | None) -> int:
    """Queue what is `wanted`, for `target` or everybody who wants it; the number queued.

    Raises `CommandFailed` where there is no such record or target.
    """
    channel = channel_of(settings)
    if target is not None and target not in channel.targets:
        raise CommandFailed(f"no target is called {target!r}; there are {', '.join(channel.targets)}")
    items = [
        item for item in _items(Topics(settings), channel, wanted) if target is None or item.group == target
    ]
    if wanted.record is not None and not items:
        raise CommandFailed(f"no target wants a notice or command {wanted.record!r}, or there is none")
    outbox = outbox_of(settings, exclusive=False)
    try:
        return outbox.put_again(items, time.time())
    finally:
        outbox.close()


def _items(topics: Topics, channel: WebhookChannel, wanted: Wanted) -> Iterator[Item]:
    for topic in TOPICS:
        partitions = topics.partitions(topic)
        ends = topics.ends([topic], partitions)
        for partition in range(partitions):
            for each in topics.read(topic, partition, ends[topic, partition]):
                if wanted.takes(each.value):
                    yield from (received.item for received in channel.receive(topic, each.value))
