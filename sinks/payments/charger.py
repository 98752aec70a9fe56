"""The sink: each `payment.refill` of the topic `commands` is carried out, and what came of it goes to `payment.events`.

Promises: a command is committed only after Stripe has answered and Kafka has acknowledged the event that tells the
answer, so a crash in between carries it out again, which charges nobody twice (`refills`). While Stripe is away
commands wait, in their order, until they lapse. Other commands are somebody else's: they are passed over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaMessage

from schemas.envelope import STRUCTURED, OutgoingEvent
from schemas.records import Command, CommandType
from schemas.wire import output_struct
from sinks.payments.refills import Refills
from sinks.payments.stripe_api import StripeDown

log = logging.getLogger(__name__)

POLL_S: Final = 0.2
PAUSE_S_FIRST: Final = 0.5
PAUSE_S_MAX: Final = 30.0
FLUSH_S: Final = 10.0
# Commands of others are committed in bulk, or when there is nothing to do.
PASSED_MAX: Final = 1_000
CONSUMER: Final[Mapping[str, str | int | bool]] = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "topic.metadata.refresh.interval.ms": 5_000,
    # After a kill the next process waits for the end of the dead one's session; the client's own thread keeps it up.
    "session.timeout.ms": 10_000,
}
PRODUCER: Final[Mapping[str, str | int | bool]] = {
    # Java's and aiokafka's hash: an account lives in one partition everywhere.
    "partitioner": "murmur2_random",
    "acks": "all",
    "enable.idempotence": True,
    "message.timeout.ms": 8_000,
}
_HEADERS: Final[list[tuple[str, str | bytes | None]]] = [("content-type", STRUCTURED.encode())]
_decoder: Final = msgspec.json.Decoder(output_struct(Command))


@dataclass
class Counts:
    """What this process has done since it started."""

    carried_out: int = 0
    told: int = 0
    waits: int = 0


class Charger:
    """Reads commands in one consumer group and carries the refills out, one after another."""

    def __init__(
        self,
        kafka: Mapping[str, Any],
        group: str,
        *,
        commands: str,
        payments: str,
        refills: Refills,
        stop: threading.Event,
    ) -> None:
        """`kafka`: client settings; `commands`, `payments`: names of the topics; `stop` ends `run`, also in a wait."""
        self._consumer = Consumer({**CONSUMER, **kafka, "group.id": group})
        self._producer = Producer({**PRODUCER, **kafka})
        self._commands, self._payments = commands, payments
        self._refills, self._stop = refills, stop
        # Partition → offset after what is done and not yet committed.
        self._done: dict[int, int] = {}
        self._passed = 0
        self.counts = Counts()

    def run(self) -> None:
        """Carry refills out until `stop` is set."""
        self._consumer.subscribe([self._commands])
        try:
            while not self._stop.is_set():
                message = self._consumer.poll(POLL_S)
                if message is not None:
                    self._handle(message)
                elif self._done:
                    self._commit()
        finally:
            self._consumer.close()

    def _handle(self, message: KafkaMessage) -> None:
        error = message.error()
        if error is not None:
            if error.fatal():
                raise KafkaException(error)
            log.warning("Kafka: %s", error.str())
            return
        refill = _refill_in(message.value() or b"")
        if refill is not None and not self._carry_out(refill):
            return
        self._done[int(message.partition() or 0)] = int(message.offset() or 0) + 1
        self._passed += 1
        if refill is not None or self._passed >= PASSED_MAX:
            self._commit()

    def _carry_out(self, command: Any) -> bool:
        """Carry out a refill; False where it was told to stop before."""
        events = self._patiently(lambda: self._refills.carry_out(command))
        if events is None or self._patiently(lambda: self._tell(events)) is None:
            return False
        self.counts.carried_out += 1
        return True

    def _patiently(self, attempt: Callable[[], list[OutgoingEvent]]) -> list[OutgoingEvent] | None:
        """What `attempt` gives, tried again and again while somebody is away; None where it was told to stop."""
        pause_s = PAUSE_S_FIRST
        while not self._stop.is_set():
            try:
                return attempt()
            except (StripeDown, _NotTaken) as error:
                self.counts.waits += 1
                log.warning("refills wait, next try in %.1f s: %s", pause_s, error)
            self._pause(pause_s)
            pause_s = min(pause_s * 2, PAUSE_S_MAX)
        return None

    def _tell(self, events: list[OutgoingEvent]) -> list[OutgoingEvent]:
        """Write `events`; returns once Kafka has acknowledged them, raises `_NotTaken`."""
        faults: list[str] = []

        def delivered(error: Any, _message: object) -> None:
            if error is not None:
                faults.append(str(error.str()))

        for event in events:
            key = event.account.encode()
            self._producer.produce(self._payments, event.raw, key, headers=_HEADERS, on_delivery=delivered)
        if self._producer.flush(FLUSH_S) or faults:
            raise _NotTaken(f"Kafka: {faults[0] if faults else 'no acknowledgement'}")
        self.counts.told += len(events)
        return events

    def _pause(self, pause_s: float) -> None:
        """Wait, taking nothing, but polling: the group would drop a member that is silent for long."""
        self._consumer.pause(self._consumer.assignment())
        end_s = time.monotonic() + pause_s
        while not self._stop.is_set() and (left_s := end_s - time.monotonic()) > 0:
            message = self._consumer.poll(min(left_s, POLL_S))
            if message is not None and message.error() is None:
                # Of a partition that came in the meantime: as if it had never been read.
                place = (str(message.topic()), int(message.partition() or 0), int(message.offset() or 0))
                self._consumer.seek(TopicPartition(*place))
                self._consumer.pause(self._consumer.assignment())
        self._consumer.resume(self._consumer.assignment())

    def _commit(self) -> None:
        done = [TopicPartition(self._commands, *place) for place in self._done.items()]
        self._done.clear()
        self._passed = 0
        try:
            self._consumer.commit(offsets=done, asynchronous=False)
        except KafkaException as error:
            # It is read again, and known to Stripe by its id.
            log.warning("offsets were not committed: %s", error)


def _refill_in(value: bytes) -> Any:
    """The command in `value` where it is a refill, else None."""
    try:
        command = _decoder.decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        # The worker alone writes this topic, and writes no such thing.
        log.error("a command cannot be read and is passed over: %s", error)  # noqa: TRY400 - no defect of ours
        return None
    return command if command.type == CommandType.PAYMENT_REFILL.value else None


class _NotTaken(Exception):
    """Kafka has not acknowledged; the same is sent again, and dropped where it came twice."""
