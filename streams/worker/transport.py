"""Faust's Kafka transport with the consumer that this worker needs.

Faust reads uncommitted records unless its (broken) exactly_once is on, and waits 1.5 s for a fetch. Here: only
committed records of the journal, fetches that wait 50 ms, the brokers' security settings, no topic creation.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, cast

import aiokafka
import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

FETCH_WAIT_MS = 50


@dataclass(frozen=True, slots=True)
class Security:
    """How aiokafka reaches the brokers; the same as confluent-kafka's settings say."""

    protocol: str = "PLAINTEXT"
    mechanism: str = "PLAIN"
    username: str | None = None
    password: str | None = None
    ssl_context: ssl.SSLContext | None = None

    @classmethod
    def of(cls, config: dict[str, Any]) -> Security:
        """From librdkafka's names (`security.protocol`, `sasl.mechanism`, …)."""
        protocol = config.get("security.protocol", "PLAINTEXT").upper()
        context = (
            ssl.create_default_context(cafile=config.get("ssl.ca.location"))
            if protocol.endswith("SSL")
            else None
        )
        return cls(
            protocol,
            config.get("sasl.mechanism", "PLAIN"),
            config.get("sasl.username"),
            config.get("sasl.password"),
            context,
        )

    def consumer_args(self) -> dict[str, Any]:
        """Arguments of AIOKafkaConsumer."""
        args: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self.ssl_context}
        if self.protocol.startswith("SASL"):
            args |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return args


class SecuredApp(faust.App):
    """An app that says how its consumer reaches the brokers."""

    security = Security()


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka's consumer runs, so that heartbeats go on while we fold."""

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        app = cast("SecuredApp", self.consumer.app)
        conf = app.conf
        # Faust finds the changelog partitions of its tables through the assignor's state.
        self._assignor = app.assignor
        return aiokafka.AIOKafkaConsumer(
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            partition_assignment_strategy=[app.assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            **app.security.consumer_args(),
        )


class Consumer(driver.Consumer):
    """Faust's consumer on that thread."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Note that [`offset_from`, `offset_to`) hold no record, such as the mark after each transaction of ingest.

        Faust's interval takes in `offset_to`, the record that is being read (faust issue 606): once it is
        acknowledged it stands in the list twice, and each commit gets no further than the first such pair, one
        record a second.
        """
        await super()._add_gap(tp, offset_from, offset_to - 1)

    async def create_topic(self, *_args: Any, **_kwargs: Any) -> None:
        """Topics are `meterstream up`'s; Faust would create them with one replica."""
        await asyncio.sleep(0)


class Transport(driver.Transport):
    """The transport that the app makes for itself."""

    Consumer = Consumer
