"""What runs, how far it has come, and whether the input adds up: the answer of `meterstream status`."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from infra.kafka.positions import committed
from infra.parts import Layer, base_parts, pipeline_parts
from infra.parts.ready import layer_dir
from infra.settings import Settings
from infra.supervisor_state import PartState, live_state, read_state
from schemas.topics import COMMANDS, INPUTS, JOURNAL_TOPIC, NOTICES, REJECTIONS
from sinks.clickhouse.tables import TOPICS

TIMEOUT_S: Final = 5.0
_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]
# Consumer groups by part, with what they read. All workers share one.
READS: Final = {
    "ingest": INPUTS,
    "worker": (JOURNAL_TOPIC,),
    "sink-clickhouse": TOPICS,
    "sink-email": (NOTICES,),
    "sink-webhooks": (NOTICES, COMMANDS),
    "sink-payments": (COMMANDS,),
}
# Written in transactions: the last offset of a partition at rest is the transaction's mark, not a record.
TRANSACTIONAL: Final = frozenset({JOURNAL_TOPIC, REJECTIONS})


@dataclass
class PartStatus:
    """One part: `state` is `ready`, `starting` or `down`; `lag` counts records not yet worked off."""

    name: str
    state: str
    pid: int | None
    restarts: int
    uptime_s: float
    lag: int | None
    last_error: str


@dataclass
class InputAccount:
    """What ingest has done with the input, by its own committed counters."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0

    @property
    def balanced(self) -> bool:
        """True when nothing that was read is unaccounted for."""
        return self.read == self.accepted + self.duplicates + self.rejected


@dataclass
class Status:
    """Everything at one moment; `kafka_error` is empty when the broker answered."""

    parts: list[PartStatus] = field(default_factory=list)
    account: InputAccount = field(default_factory=InputAccount)
    kafka_error: str = ""

    @property
    def healthy(self) -> bool:
        """True when every part is ready and the input adds up."""
        return (
            not self.kafka_error
            and self.account.balanced
            and all(part.state == "ready" for part in self.parts)
        )

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        account = asdict(self.account) | {"balanced": self.account.balanced}
        parts = [asdict(part) for part in self.parts]
        return {"healthy": self.healthy, "parts": parts, "input": account, "kafka_error": self.kafka_error}


def collect_status(settings: Settings) -> Status:
    """The status of the base and of this namespace's pipeline; never raises for what is down."""
    status = Status()
    lags: dict[str, int] = {}
    try:
        lags, status.account = _read_offsets(settings)
    except KafkaException as error:
        status.kafka_error = str(error.args[0].str() if error.args else error)
    except TimeoutError:
        # The broker took the connection and then said nothing: it is starting or ending.
        status.kafka_error = f"no answer within {TIMEOUT_S:g} s"
    for layer in Layer:
        status.parts += _parts_of(settings, layer, lags)
    return status


def _parts_of(settings: Settings, layer: Layer, lags: Mapping[str, int]) -> list[PartStatus]:
    directory = layer_dir(settings, layer)
    state = live_state(directory)
    expected = base_parts(settings) if layer is Layer.BASE else pipeline_parts(settings)
    # A base that runs in containers supervises less than the settings alone would say.
    names = list(state.parts) if state else [part.name for part in expected]
    found = state.parts if state else _last_known(directory)
    return [
        _part_status(name, found.get(name, PartState()), (directory / "ready" / name).exists(), lags)
        for name in names
    ]


def _last_known(directory: Path) -> dict[str, PartState]:
    """What a supervisor that is gone wrote last: nothing of it runs, but its errors are worth showing."""
    state = read_state(directory)
    return {name: replace(part, pid=None) for name, part in state.parts.items()} if state else {}


def _part_status(name: str, state: PartState, is_ready: bool, lags: Mapping[str, int]) -> PartStatus:  # noqa: FBT001
    running = state.pid is not None
    word = "down" if not running else "ready" if is_ready else "starting"
    return PartStatus(
        name=name,
        state=word,
        pid=state.pid,
        restarts=state.restarts,
        uptime_s=round(time.time() - state.since_s, 1) if running else 0.0,
        lag=lags.get("worker" if name.startswith("worker-") else name),
        last_error=state.last_error,
    )


def _read_offsets(settings: Settings) -> tuple[dict[str, int], InputAccount]:
    admin = AdminClient(settings.kafka_client_config(quiet=True))
    # One question first: an unreachable broker is then one error after five seconds, not one for each group.
    topics = admin.list_topics(timeout=TIMEOUT_S).topics
    committed = {
        part: _committed(settings, part, {settings.topic(name) for name in names} & set(topics))
        for part, names in READS.items()
    }
    ends = _end_offsets(admin, {_place(offset) for offsets in committed.values() for offset in offsets})
    lags = {part: _lag(settings, offsets, ends) for part, offsets in committed.items()}
    return lags, sum_account(offset.metadata for offset in committed["ingest"])


def sum_account(metadata: Iterable[str | None]) -> InputAccount:
    """The sum of the counters that ingest commits with its offsets, one JSON object a partition."""
    total = InputAccount()
    for text in metadata:
        counters = json.loads(text) if text else {}
        total.read += counters.get("read", 0)
        total.accepted += counters.get("accepted", 0)
        total.duplicates += counters.get("duplicates", 0)
        total.rejected += counters.get("rejected", 0)
    return total


def _committed(settings: Settings, group: str, topics: set[str]) -> list[TopicPartition]:
    """What `group` has committed for every partition of `topics`.

    Asked by a consumer that never joins: AdminClient.list_consumer_group_offsets ends the process with a
    segmentation fault while the coordinator is starting (librdkafka has no group to send the retry to).
    """
    config = settings.kafka_client_config(quiet=True) | {"group.id": settings.group(group)}
    consumer = Consumer(config | {"enable.auto.commit": False})
    try:
        wanted = [TopicPartition(topic, number) for topic in topics for number in range(settings.partitions)]
        return committed(consumer, wanted, TIMEOUT_S) if wanted else []
    finally:
        consumer.close()


def _end_offsets(admin: AdminClient, places: set[tuple[str, int]]) -> dict[tuple[str, int], int]:
    if not places:
        return {}
    wanted = {TopicPartition(topic, number): _LATEST for topic, number in places}
    futures = admin.list_offsets(wanted, request_timeout=TIMEOUT_S)
    return {_place(partition): int(future.result(TIMEOUT_S).offset) for partition, future in futures.items()}


def _lag(settings: Settings, offsets: Iterable[TopicPartition], ends: Mapping[tuple[str, int], int]) -> int:
    marked = {settings.topic(name) for name in TRANSACTIONAL}
    total = 0
    for offset in offsets:
        behind = ends.get(_place(offset), 0) - max(offset.offset, 0)
        total += max(0, behind - (offset.topic in marked))
    return total


def _place(partition: TopicPartition) -> tuple[str, int]:
    return partition.topic, partition.partition
