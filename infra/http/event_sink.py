"""Events of HTTP requests to Kafka: a request is answered when all of its events are acknowledged, and not before.

One producer and no thread of ours: acknowledgements are fetched on the event loop while something is on its way.
A request costs one future, whatever the number of its events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from infra.emit.order import (
    EVENT_HEADERS,
    PRODUCER,
    STAMP_S,
    clock_accounts,
    is_tick,
    key_of,
    ticks_apart,
    ticks_of,
    waves_of,
)
from infra.settings import Settings
from schemas.envelope import OutgoingEvent
from schemas.topics import INPUTS
from sinks.http.ports import Overloaded, Unavailable

log = logging.getLogger(__name__)

QUEUE_EVENTS_MAX: Final = 50_000
POLL_S: Final = 0.001
# For how long Kafka may be away before a request is answered 503.
DELIVERY_S_MAX: Final = 10.0
# The client gives up by itself after DELIVERY_S_MAX; this is for one that does not.
_ANSWER_S_MAX: Final = DELIVERY_S_MAX + 2.0
_OWN: Final[dict[str, Any]] = {
    **PRODUCER,
    "linger.ms": 2,
    "queue.buffering.max.messages": QUEUE_EVENTS_MAX,
    "queue.buffering.max.kbytes": 131_072,
    "message.timeout.ms": int(DELIVERY_S_MAX * 1_000),
    # A broker that comes back is found soon.
    "reconnect.backoff.max.ms": 1_000,
}


class KafkaEvents:
    """An `EventSink` over one producer, for one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._config = {**_OWN, **settings.kafka_client_config(), "error_cb": self._on_error}
        self._names = [settings.topic(name) for name in INPUTS]
        self._clocks = clock_accounts(settings.partitions)
        self._producer = Producer(self._config)
        self._is_broken = False
        self._polling: asyncio.Task[None] | None = None

    async def send(self, events: Sequence[OutgoingEvent]) -> None:
        """As `EventSink.send`; a tick goes to every partition."""
        if self._is_broken:
            # An idempotent producer that met a fatal error does nothing any more; a new one has a new identity.
            self._producer, self._is_broken = Producer(self._config), False
        if len(self._producer) + len(events) > QUEUE_EVENTS_MAX:
            raise Overloaded("too many events wait for Kafka: send the same again a little later")
        number = 0
        for run in ticks_apart(events):
            if is_tick(run[0]):
                waves = [[(tick, 0) for tick in ticks_of(run[0], self._clocks)]]
            else:
                waves = waves_of(run, {})
            for wave in waves:
                if number:
                    await asyncio.sleep(STAMP_S)
                await self._send_wave(wave)
                number += 1

    async def _send_wave(self, wave: Sequence[tuple[OutgoingEvent, int]]) -> None:
        delivery = Delivery(len(wave))
        self._produce(wave, delivery)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.get_running_loop().create_task(self._poll())
        try:
            async with asyncio.timeout(_ANSWER_S_MAX):
                error = await delivery.done
        except TimeoutError:
            error = KafkaError(KafkaError._MSG_TIMED_OUT)  # noqa: SLF001 - how the client names it
        if error is not None:
            raise Unavailable(f"Kafka did not acknowledge: {error.str()}; the same may be sent again")

    def _produce(self, wave: Sequence[tuple[OutgoingEvent, int]], delivery: Delivery) -> None:
        produce, names = self._producer.produce, self._names
        try:
            for event, rank in wave:
                produce(
                    names[rank], event.raw, key_of(event.account), headers=EVENT_HEADERS, on_delivery=delivery
                )
        except BufferError:
            raise Overloaded("too many bytes wait for Kafka: send the same again a little later") from None
        except KafkaException as refused:
            self._on_error(refused.args[0])
            raise Unavailable(f"Kafka: {refused.args[0].str()}; the same may be sent again") from None

    async def _poll(self) -> None:
        while len(self._producer):
            self._producer.poll(0)
            await asyncio.sleep(POLL_S)

    def _on_error(self, error: KafkaError) -> None:
        self._is_broken |= error.fatal()
        log.warning("Kafka: %s", error.str())


class Delivery:
    """What Kafka says of `count` events; `done` is the first error among them, or None, once all are told of."""

    def __init__(self, count: int) -> None:
        self.done: asyncio.Future[KafkaError | None] = asyncio.get_running_loop().create_future()
        self._left = count
        self._error: KafkaError | None = None

    def __call__(self, error: KafkaError | None, _message: object) -> None:
        """One event was delivered, or was not."""
        self._error = self._error or error
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(self._error)
