"""A compacted topic, followed into memory: every record from the first one on, then each new one as it is written.

Promises: records of a partition come in their order, on one thread; `is_caught_up` is true once everything that
was there at the start has been seen; while Kafka is away what was read stays. No consumer group: each process
reads all of it, commits nothing, and starts from the beginning when it starts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from sinks.http.age import Age, Ends

log = logging.getLogger(__name__)

POLL_S: Final = 0.1
MESSAGES_A_POLL: Final = 2_000
METADATA_TIMEOUT_S: Final = 2.0
RETRY_S: Final = 0.5
ENDS_TIMEOUT_S: Final = 2.0
# An error of one kind is told again after so long.
TELL_EVERY_S: Final = 60.0
_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_CONSUMER: Final[Mapping[str, str | int | bool]] = {
    # Needed by the client, never used: partitions are assigned by hand and nothing is committed.
    "group.id": "meterstream-view",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 50,
    "queued.max.messages.kbytes": 16_384,
}


class CompactedTopic:
    """Follows `topic`; `apply` is told key and value (None: deleted) of each record and must not raise.

    `start` returns at once; `close` ends the thread. `is_dated`: whether it knows its age (it then asks the broker
    each second).
    """

    def __init__(
        self,
        kafka: Mapping[str, Any],
        topic: str,
        apply: Callable[[bytes, bytes | None], None],
        *,
        is_dated: bool = False,
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._apply = apply
        self._stop = threading.Event()
        self._caught_up = threading.Event()
        self._behind: set[int] = set()
        self._partitions_of_topic: list[int] = []
        self._told_s: dict[int, float] = {}
        self._admin: AdminClient | None = None
        self._age = Age(self._ends) if is_dated else None
        self._thread = threading.Thread(target=self._run, name=f"follow {topic}", daemon=True)

    def start(self) -> None:
        """Begin to read, on a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading; what was read stays with the caller."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def is_caught_up(self) -> bool:
        """True once every record that was there when reading began has been applied."""
        return self._caught_up.is_set()

    def wait_caught_up(self, timeout_s: float) -> bool:
        """Wait until `is_caught_up`, at most `timeout_s`; whether it is."""
        return self._caught_up.wait(timeout_s)

    def age_s(self) -> float:
        """Seconds since everything that there was had been read; infinite before that, and where it is not dated."""
        return self._age.age_s() if self._age else float("inf")

    def _run(self) -> None:
        consumer = Consumer({**_CONSUMER, **self._kafka, "error_cb": self._on_error})
        try:
            if self._assign(consumer):
                while not self._stop.is_set():
                    for message in consumer.consume(MESSAGES_A_POLL, POLL_S):
                        self._take(message)
                    if self._age:
                        self._age.look()
        finally:
            consumer.close()

    def _assign(self, consumer: Consumer) -> bool:
        """Read all partitions from the beginning, once the topic is known; False when told to stop before."""
        while not self._stop.is_set():
            partitions = self._partitions(consumer)
            if partitions:
                self._partitions_of_topic = partitions
                self._behind = set(partitions)
                consumer.assign([TopicPartition(self._topic, each, OFFSET_BEGINNING) for each in partitions])
                return True
            self._stop.wait(RETRY_S)
        return False

    def _partitions(self, consumer: Consumer) -> list[int]:
        try:
            found = consumer.list_topics(self._topic, timeout=METADATA_TIMEOUT_S).topics[self._topic]
        except KafkaException as error:
            log.warning("topic %s is not known yet: %s", self._topic, error.args[0].str())
            return []
        return [] if found.error is not None else sorted(found.partitions)

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self._hand_on(message)
            self._reached(message, 1)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - how the client names it
            self._reached(message, 0)
            self._behind.discard(message.partition() or 0)
            if not self._behind:
                self._caught_up.set()
        else:
            self._on_error(error)

    def _hand_on(self, message: Message) -> None:
        """What becomes of a record; who needs its place as well overrides this."""
        self._apply(message.key() or b"", message.value())

    def _reached(self, message: Message, step: int) -> None:
        if self._age:
            self._age.reached(message.partition() or 0, (message.offset() or 0) + step)

    def _ends(self) -> Ends | None:
        """Where each partition ends now; None where the broker does not answer."""
        if self._admin is None:
            # Quiet: the consumer tells that a broker is away.
            self._admin = AdminClient({**self._kafka, "log_level": 0})
        wanted = {TopicPartition(self._topic, each): _LATEST for each in self._partitions_of_topic}
        try:
            answers = self._admin.list_offsets(
                wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ENDS_TIMEOUT_S
            )
            return {place.partition: answer.result().offset for place, answer in answers.items()}
        except KafkaException:
            # A client that has seen a broker go asks with the old epoch of its partitions for ever (librdkafka 2.16).
            self._admin = None
            return None

    def _on_error(self, error: KafkaError) -> None:
        # The client goes on trying by itself, and says so at each try.
        now_s = time.monotonic()
        if now_s - self._told_s.get(error.code(), float("-inf")) >= TELL_EVERY_S:
            self._told_s[error.code()] = now_s
            log.warning("topic %s: %s", self._topic, error.str())
