"""The latest durable state of one account, fetched from the compacted `accounts` topic when it is asked for.

Held in memory is where each account's last record lies, not the record: 1,000,000 states would be 10 GB as objects.
Who reads a record by its place reads what the worker would go on from.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from sinks.http.compacted import CompactedTopic
from sinks.http.ports import Unavailable
from streams.codec import read_position

FETCH_S: Final = 5.0
_POLL_S: Final = 0.05
# A record that was compacted away has a newer one, which the index learns of within a moment.
_TRIES: Final = 20
_OFFSET_BITS, _PARTITION_BITS = 48, 16
_FETCHER: Final[Mapping[str, str | int | bool]] = {
    "group.id": "meterstream-states",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 20,
    # One record is wanted, not what follows it.
    "queued.min.messages": 1,
    "fetch.message.max.bytes": 65_536,
}


class States(Protocol):
    """Where states of accounts come from."""

    def find(self, account: str) -> bytes | None:
        """The account's frame (`streams.codec`), None where there is none; raises `Unavailable`."""


class Places:
    """Where each account's last record lies. Pure. An account is kept as 16 bytes, a place as one integer."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def note(self, partition: int, offset: int, account: bytes, frame: bytes | None) -> None:
        """A record lies there. One that a paused worker wrote too late changes nothing, as in a recovery."""
        name = _digest(account)
        if frame is None:
            self._places.pop(name, None)
            return
        reached = read_position(frame)[0] + 1
        known = self._places.get(name)
        if known is None or reached >= known >> (_OFFSET_BITS + _PARTITION_BITS):
            place = (reached << _PARTITION_BITS | partition) << _OFFSET_BITS | offset
            self._places[name] = place

    def find(self, account: bytes) -> tuple[int, int] | None:
        """(partition, offset), None where no record is known."""
        place = self._places.get(_digest(account))
        if place is None:
            return None
        return place >> _OFFSET_BITS & (1 << _PARTITION_BITS) - 1, place & (1 << _OFFSET_BITS) - 1


def _digest(account: bytes) -> bytes:
    return blake2b(account, digest_size=16).digest()


class AccountStates(CompactedTopic):
    """`States` over the topic: an index that follows it, and a client that fetches single records."""

    def __init__(self, kafka: Mapping[str, Any], topic: str) -> None:
        super().__init__(kafka, topic, lambda _key, _value: None)
        self._name = topic
        self._fetcher_config = {**_FETCHER, **kafka}
        self._fetcher: Consumer | None = None
        self._lock = threading.Lock()
        self.places = Places()

    def close(self) -> None:
        """Stop reading."""
        super().close()
        with self._lock:
            self._drop_fetcher()

    def find(self, account: str) -> bytes | None:
        """The account's frame; raises `Unavailable` where Kafka does not give it in time."""
        if not self.is_caught_up:
            raise Unavailable("the states of accounts are still being read")
        key = account.encode()
        deadline_s = time.monotonic() + FETCH_S
        with self._lock:
            for _ in range(_TRIES):
                place = self.places.find(key)
                if place is None:
                    return None
                found = self._fetch(*place, deadline_s)
                if found is not None and found.key() == key and found.offset() == place[1]:
                    return found.value()
                time.sleep(_POLL_S)
        raise Unavailable("the state of the account is being written anew")

    def _hand_on(self, message: Message) -> None:
        place = message.partition() or 0, message.offset() or 0
        self.places.note(*place, message.key() or b"", message.value())

    def _fetch(self, partition: int, offset: int, deadline_s: float) -> Message | None:
        """The first record at or after `offset`, None at the partition's end."""
        if self._fetcher is None:
            self._fetcher = Consumer(self._fetcher_config)
        try:
            self._fetcher.assign([TopicPartition(self._name, partition, offset)])
            message = _first(self._fetcher, deadline_s)
            self._fetcher.unassign()
        except KafkaException as error:
            # The next question is asked by a client that knows the brokers as they are then.
            self._drop_fetcher()
            raise Unavailable(f"Kafka: {error.args[0].str()}") from None
        return message

    def _drop_fetcher(self) -> None:
        if self._fetcher is not None:
            self._fetcher.close()
            self._fetcher = None


def _first(consumer: Consumer, deadline_s: float) -> Message | None:
    """The first record that comes, None at the partition's end; raises KafkaException."""
    while time.monotonic() < deadline_s:
        message = consumer.poll(_POLL_S)
        error = None if message is None else message.error()
        if message is not None and error is None:
            return message
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - how the client names it
                return None
            raise KafkaException(error)
    raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no record in time"))  # noqa: SLF001
