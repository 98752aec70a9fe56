"""All or nothing: journal records, rejections and input positions in one Kafka transaction.

Every transaction carries positions, also one that holds ticks only: with them the broker checks the group's
generation, so a process that lost its partitions while it slept cannot append to their journal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event as Signal
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.ingest.config import IngestConfig
from streams.ingest.errors import Fenced
from streams.ingest.partition import Output

logger = logging.getLogger(__name__)

CALL_TIMEOUT_S = 10.0
RETRY_S = 0.2


class Aborted(Exception):
    """Nothing of the transaction stands; begin again from what is committed."""


class Stopped(Exception):
    """The process was told to end while the broker was away; what is open will be aborted by the broker."""


class Transactions:
    """The transactions of one process. `stop` ends the waiting for a broker that is away."""

    def __init__(self, config: IngestConfig, stop: Signal) -> None:
        self._config = config
        self._stop = stop
        self._ends: dict[int, int] = {}
        self._producer = Producer(_producer_config(config))
        self._insist(self._producer.init_transactions, CALL_TIMEOUT_S)

    def write(self, outputs: Sequence[Output], group: Any) -> dict[int, int]:
        """Commit `outputs`; the next journal offset of each partition that got a record.

        Raises Aborted where nothing was written, Fenced where this process must end, Stopped on `stop`.
        """
        self._ends = {}
        self._insist(self._producer.begin_transaction)
        for output in outputs:
            for record in output.journal[:-1]:
                self._produce(self._config.journal, output.partition, value=record)
            for record in output.journal[-1:]:
                # Each report waits for the interpreter, and only the last offset is of use.
                self._produce(
                    self._config.journal, output.partition, value=record, on_delivery=self._delivered
                )
            for refused in output.rejections:
                self._produce(
                    self._config.rejections, output.partition,
                    value=refused.value, key=refused.key, headers=list(refused.headers),
                )  # fmt: skip
        self._insist(
            self._producer.send_offsets_to_transaction, self._positions(outputs), group, CALL_TIMEOUT_S
        )
        self._insist(self._producer.commit_transaction, CALL_TIMEOUT_S)
        return self._ends

    def _positions(self, outputs: Sequence[Output]) -> list[TopicPartition]:
        return [
            TopicPartition(topic, output.partition, offset, counters.metadata())
            for output in outputs
            for topic, (offset, counters) in zip(self._config.inputs, output.positions, strict=True)
        ]

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        # An error here makes the commit fail; it is told there.
        if error is None:
            partition, offset = message.partition(), message.offset()
            if partition is not None and offset is not None:
                self._ends[partition] = offset + 1

    def _produce(self, topic: str, partition: int, **message: Any) -> None:
        while True:
            try:
                self._producer.produce(topic, partition=partition, **message)
            except BufferError:
                self._producer.poll(RETRY_S)
                self._check_stop()
            except KafkaException as error:
                self._judge(error)
            else:
                return

    def _insist(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Do `call` until it is done or cannot be done: a broker that is away comes back."""
        while True:
            try:
                call(*arguments)
            except KafkaException as error:
                self._judge(error)
            else:
                return

    def _judge(self, failure: KafkaException) -> None:
        """Return where the call may be repeated; otherwise raise what is to be done."""
        error: KafkaError = failure.args[0]
        if error.fatal():
            raise Fenced(
                f"the producer {self._config.transactional_id} cannot go on: {error.str()}"
            ) from None
        if error.txn_requires_abort():
            logger.warning("transaction aborted: %s", error.str())
            self._abort()
            raise Aborted(error.str()) from None
        if not error.retriable() and error.code() not in _PASSING:
            raise Fenced(f"the transaction cannot go on: {error.str()}") from None
        logger.warning("waiting for the broker: %s", error.str())
        self._stop.wait(RETRY_S)
        self._check_stop()

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _abort(self) -> None:
        while True:
            try:
                self._producer.abort_transaction(CALL_TIMEOUT_S)
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                if error.fatal() or not (error.retriable() or error.code() in _PASSING):
                    raise Fenced(f"the transaction cannot be aborted: {error.str()}") from None
                self._stop.wait(RETRY_S)
                self._check_stop()
            else:
                return


_PASSING = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN})


def _producer_config(config: IngestConfig) -> dict[str, Any]:
    return {
        **config.kafka,
        "transactional.id": config.transactional_id,
        "transaction.timeout.ms": config.transaction_timeout_ms,
        "compression.type": "lz4",
        "message.max.bytes": 16 * 1_048_576,
        # A batch is complete when it is handed over, there is nothing to linger for.
        "linger.ms": 0,
        # The default of 100 ms is what a transaction waits when the one before is not yet finished at the
        # coordinator: 120 ms instead of 20 ms for each.
        "retry.backoff.ms": 5,
    }
