"""The Faust app of one worker: one agent on the journal, four tables, nothing acknowledged before it is durable.

Why each setting is as it is: docs/architecture.md, "Faust". In short: at least once and `noack()`, concurrency 1
and acknowledgements in order (Faust's commit passes a gap), no web server, no leader, no standby, static
membership so that a restarted worker takes over at once. Faust's producer is never started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, cast

import faust
from faust.app.base import BootStrategy
from faust.types import TP, ChannelT, EventT, StreamT
from faust.types.settings import Settings as FaustSettings

from streams.worker.bulk import ChangelogReader
from streams.worker.engine import Engine
from streams.worker.pace import Pace, Step
from streams.worker.ports import Fold, Names, WorkerRefused
from streams.worker.progress import PartitionProgress, Progress
from streams.worker.rows import AccountRows, DerivedRows, Tables
from streams.worker.sender import KafkaSender
from streams.worker.tables import RowTable
from streams.worker.transport import SecuredApp, Security, Transport

# Journal records that wait in memory; each holds up to 500 events.
BUFFER_RECORDS = 16
_IDLE_S = 0.05
_DRAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """All that a worker is told; `kafka` are librdkafka's settings to reach the brokers."""

    group: str
    index: int
    kafka: Mapping[str, Any]
    names: Names = field(default_factory=Names)
    checkpoint_ms: int = 250
    save_ms: int = 2_000
    session_s: float = 20.0
    liveness_s: float = 60.0
    data_dir: str = "."
    processing_guarantee: str = "at_least_once"

    @property
    def instance(self) -> str:
        """The static member of the group that this worker is."""
        return f"{self.group}-{self.index}"


class _Settings(FaustSettings):
    """Faust's settings, deaf to the environment: only `infra` reads it."""

    def getenv(self, env_name: str) -> Any:  # noqa: ARG002
        """Nothing."""
        return None


class _Boot(BootStrategy):
    """Starts neither Faust's producer nor its web server."""

    enable_kafka_producer = False
    enable_web = False


class WorkerApp(SecuredApp):
    """The app with our transport."""

    Settings = _Settings
    BootStrategy = _Boot
    on_failure: Callable[[BaseException], None]

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    async def _on_agent_error(self, _agent: object, error: BaseException) -> None:
        # Faust would commit, log, restart the agent and go on with the next record.
        self.on_failure(error)


class Worker:
    """A Faust app, its tables and the engine between them."""

    def __init__(self, config: WorkerConfig, fold: Fold, partitions: int) -> None:
        if config.processing_guarantee != "at_least_once":
            raise WorkerRefused(
                "Faust's exactly_once loses and doubles; exactness comes from the offset in the state"
            )
        self.config = config
        self.progress = Progress()
        self.app = _new_app(config, partitions)
        self.app.on_failure = self.fail
        names = config.names
        self.rows = AccountRows(names.accounts)
        derived = (DerivedRows(names.balances), DerivedRows(names.hourly), DerivedRows(names.daily))
        self.sender = KafkaSender(config.kafka)
        self.engine = Engine(fold, Tables(self.rows, *derived), self.sender, names)
        self._lock = asyncio.Lock()
        self._pace = Pace(publish_s=config.checkpoint_ms / 1000, save_s=config.save_ms / 1000)
        self._has_backlog = False
        self.tables = [self._add_table("accounts", self.rows, partitions)]
        self.tables += [
            self._add_table(name, rows, partitions)
            for name, rows in zip(("balances", "hourly", "daily"), derived, strict=True)
        ]
        journal = self.app.topic(
            names.journal,
            key_type=bytes,
            value_type=bytes,
            value_serializer="raw",
            key_serializer="raw",
            partitions=partitions,
        )
        self.agent = self.app.agent(journal, name="fold", concurrency=1)(self._fold)
        self.app.on_partitions_revoked.connect(self._on_revoked, weak=False)  # type: ignore[arg-type]
        self.failure: BaseException | None = None

    def _add_table(self, name: str, rows: DerivedRows, partitions: int) -> RowTable:
        is_accounts = rows is self.rows
        more = {"on_restored": self._on_restored} if is_accounts else {}
        table = RowTable(
            self.app, name=name, rows=rows, new_reader=self._new_reader, journal=self.config.names.journal,
            partitions=partitions, **more,
        )  # fmt: skip
        self.app.tables.add(table)
        return table

    def _new_reader(self) -> ChangelogReader:
        return ChangelogReader(self.config.kafka)

    # --- what Faust calls ---------------------------------------------------------------------------

    async def _fold(self, stream: StreamT[bytes]) -> None:
        queue = cast("ChannelT[bytes]", stream.channel).queue
        stream = cast("faust.Stream[bytes]", stream)
        async for event in stream.noack().events():
            message = event.message
            async with self._lock:
                if message.generation_id != self.app.consumer_generation_id:
                    continue  # It was read before a rebalance; its partition's owner reads it again.
                await self.engine.take(
                    message.partition, message.offset, event.value, partial(self._acknowledge, event)
                )
                self._note(message.partition, message.offset)
                self._has_backlog = not queue.empty()
                await self._keep_pace()

    async def _on_revoked(self, _app: object, _revoked: set[TP], **_: Any) -> None:
        self.engine.forget()
        # What is on its way lands before the next owner reads, where the broker lets it.
        try:
            await asyncio.wait_for(self.sender.delivered(), _DRAIN_S)
        except TimeoutError:
            self.app.log.warning("records were still on their way when the partitions were revoked")

    def _on_restored(self, partitions: set[int], records: int, took_s: float) -> None:
        self.engine.own(partitions)
        self.progress.recovered_records = records
        self.progress.recovery_ms = int(took_s * 1000)
        self.progress.accounts = self.rows.count
        self.progress.partitions = {partition: PartitionProgress() for partition in sorted(partitions)}
        self.progress.state = "folding"

    # --- pace ---------------------------------------------------------------------------------------

    async def _keep_pace(self) -> None:
        step = self._pace.due(monotonic(), has_backlog=self._has_backlog)
        if step is Step.CHECKPOINT and self.engine.has_work:
            await self.checkpoint()
        elif step is Step.PUBLISH:
            await self.engine.publish()

    async def checkpoint(self) -> None:
        """One checkpoint, measured."""
        started = monotonic()
        await self.engine.checkpoint()
        self.progress.accounts = self.rows.count
        self.progress.checkpoints += 1
        self.progress.checkpoint_ms = int((monotonic() - started) * 1000)

    async def tick(self) -> None:
        """Publishes and checkpoints while no record comes; runs until it is cancelled."""
        while True:
            await asyncio.sleep(_IDLE_S)
            async with self._lock:
                self._has_backlog = False
                await self._keep_pace()

    async def finish(self) -> None:
        """A last checkpoint before a wanted stop."""
        async with self._lock:
            await self.checkpoint()

    def _acknowledge(self, event: EventT[bytes]) -> None:
        event.ack()
        if (noted := self.progress.partitions.get(event.message.partition)) is not None:
            noted.saved = max(noted.saved, event.message.offset)

    def _note(self, partition: int, offset: int) -> None:
        self.progress.records += 1
        self.progress.events = self.engine.events
        if (noted := self.progress.partitions.get(partition)) is not None:
            noted.offset = max(noted.offset, offset)

    @property
    def is_folding(self) -> bool:
        """True while a record is being folded or a checkpoint is made, however long that takes."""
        return self._lock.locked()

    @property
    def is_ready(self) -> bool:
        """True once this worker has its partitions and folds them."""
        return self.progress.state == "folding" and not self.app.rebalancing and not self.app.in_recovery

    def fail(self, error: BaseException) -> None:
        """Note what ends this worker; nothing is acknowledged any more."""
        if self.failure is None:
            self.failure = error
            self.progress.error = f"{type(error).__name__}: {error}"
        self.engine.forget()


def _new_app(config: WorkerConfig, partitions: int) -> WorkerApp:
    brokers = [f"kafka://{server}" for server in config.kafka["bootstrap.servers"].split(",")]
    app = WorkerApp(
        config.group,
        broker=brokers,
        store="memory://",
        datadir=config.data_dir,
        processing_guarantee="at_least_once",
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        web_tables_enabled=False,
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        stream_buffer_maxsize=BUFFER_RECORDS,
        recovery_consistency_check=False,
        broker_commit_interval=1.0,
        broker_session_timeout=config.session_s,
        broker_heartbeat_interval=max(0.3, config.session_s / 10),
        broker_request_timeout=max(90.0, config.session_s * 2),
        broker_rebalance_timeout=300.0,
        broker_max_poll_interval=1_000.0,
        consumer_max_fetch_size=4_194_304,
        consumer_group_instance_id=config.instance,
        consumer_auto_offset_reset="earliest",
        debug=False,
    )
    app.security = Security.of(dict(config.kafka))
    return app
