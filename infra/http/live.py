"""The end of the topic `charges`, followed while somebody watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec
from confluent_kafka import OFFSET_END, Consumer, KafkaException, Message, TopicPartition

from infra.settings import Settings
from schemas.topics import CHARGES
from sinks.http.dashboard.watchers import Charge, Watchers

log = logging.getLogger(__name__)

IDLE_S: Final = 0.25
POLL_S: Final = 0.1
MESSAGES_A_POLL: Final = 200
METADATA_S: Final = 5.0
_CONSUMER: Final[Mapping[str, str | int | bool]] = {
    # Needed by the client, never used: partitions are assigned by hand and nothing is committed.
    "group.id": "meterstream-live",
    "enable.auto.commit": False,
    "isolation.level": "read_committed",
}


class ChargesFeed:
    """A thread that hands new charges to whoever watches, and reads nothing while nobody does."""

    def __init__(self, settings: Settings) -> None:
        self.watchers = Watchers()
        self._config = {**_CONSUMER, **settings.kafka_client_config(quiet=True)}
        self._topic = settings.topic(CHARGES)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live charges", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self.watchers.close()
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(IDLE_S):
            if self.watchers.count:
                consumer = Consumer(self._config)
                try:
                    self._follow(consumer)
                except KafkaException as error:
                    log.warning("live charges: %s", error)
                finally:
                    consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        known = consumer.list_topics(self._topic, timeout=METADATA_S).topics[self._topic].partitions
        consumer.assign([TopicPartition(self._topic, number, OFFSET_END) for number in known])
        while self.watchers.count and not self._stop.is_set():
            charges = [
                each for message in consumer.consume(MESSAGES_A_POLL, POLL_S) for each in _charges(message)
            ]
            if charges:
                self.watchers.take(charges)


def _charges(message: Message) -> list[Charge]:
    if message.error() is not None:
        return []
    found: list[Charge] = msgspec.json.decode(message.value() or b"[]")
    return found


@contextmanager
def running_feed(settings: Settings) -> Iterator[Watchers]:
    """Charges for whoever watches, until the block ends."""
    feed = ChargesFeed(settings)
    feed.start()
    try:
        yield feed.watchers
    finally:
        feed.close()
