"""A Kafka message becomes items: events that may go on, and faults (`schema_invalid`) with what to do. Pure.

Contract 1: the key is the subject, in the partition that murmur2 gives; each type belongs to one topic.
A message that breaks this is refused rather than re-routed: elsewhere the account has another order.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.envelope import Item, read_message
from schemas.events import TOPIC_OF_TYPE
from schemas.topics import INPUTS
from schemas.values import NAME_LENGTH_MAX
from schemas.wire import Event, Unreadable
from streams.core.intake import shape_fault
from streams.ingest.partitioner import homes_of

KEY_BYTES_MAX = 4 * NAME_LENGTH_MAX
Headers = Sequence[tuple[str, bytes | str | None]]


class Incoming(msgspec.Struct, gc=False):
    """A message as it came. `rank` is its topic's place in `schemas.topics.INPUTS`."""

    rank: int
    partition: int
    offset: int
    append_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


class Letter(msgspec.Struct, gc=False):
    """A message that was read: what it holds, each item with the bytes it came in."""

    rank: int
    offset: int
    append_ms: int
    items: list[Item]


class Reader:
    """Reads messages of topics with `partitions` partitions; `topics` are the inputs' full names, by rank.

    `spec_skus`: skus whose price derives from a machine's specification, so that its absence is a fault of form.
    """

    def __init__(
        self, topics: Sequence[str], partitions: int, spec_skus: frozenset[str] = frozenset()
    ) -> None:
        self._topics = tuple(topics)
        self._partitions = partitions
        self._spec_skus = spec_skus

    def read(self, messages: Sequence[Incoming]) -> list[Letter]:
        """Everything in `messages`, in their order; what is at fault is Unreadable with the fault in words."""
        # Longer keys are no subjects and need no home; a missing one is told before its partition is.
        keys = [m.key if m.key is not None and len(m.key) <= KEY_BYTES_MAX else b"" for m in messages]
        return [
            self._read(m, home) for m, home in zip(messages, homes_of(keys, self._partitions), strict=True)
        ]

    def _read(self, message: Incoming, home: int) -> Letter:
        items = read_message(message.value, message.headers)
        for item in items:
            read = item.read
            if type(read) is Event and (fault := self._fault(message, read, home)) is not None:
                item.read = Unreadable(fault, read.account, read.source, read.id, read.time_ms)
        return Letter(message.rank, message.offset, message.append_ms, items)

    def _fault(self, message: Incoming, event: Event, home: int) -> str | None:
        if message.key != event.account.encode():
            return _key_fault(message.key, event.account)
        if TOPIC_OF_TYPE[event.type] != INPUTS[message.rank]:
            return self._topic_fault(message.rank, event.type)
        if home != message.partition:
            return (
                f"the key {event.account!r} belongs to partition {home} of {self._partitions} (murmur2), the message "
                f"came on {message.partition}: set partitioner=murmur2_random (librdkafka) or keep the default of "
                "Java and aiokafka, and give no partition"
            )
        return shape_fault(event, self._spec_skus)

    def _topic_fault(self, rank: int, kind: str) -> str:
        right = self._topics[INPUTS.index(TOPIC_OF_TYPE[kind])]
        return (
            f"type {kind} belongs to topic {right}, the message came on {self._topics[rank]}: send it there"
        )


def _key_fault(key: bytes | None, account: str) -> str:
    came = "has no key" if key is None else f"has the key {key[:100].decode('utf-8', 'backslashreplace')!r}"
    return f"the Kafka record {came}: set it to the subject {account!r} in UTF-8"
