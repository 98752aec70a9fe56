"""An empty pipeline of the demo's own: namespace, clock `events`, nothing left of an earlier demo."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.audit.observed import ask
from infra.audit.topics import Topics
from infra.errors import CommandFailed
from infra.lifecycle import start_base, stop_pipeline, up
from infra.settings import Clock, Settings
from infra.store import store_errors
from schemas.topics import TOPICS
from sinks.clickhouse.client import connect

NAMESPACE: Final = "demo"
PARTITIONS: Final = 4
# So that a demo beside a pipeline of the same machine finds its port free.
PORT_STEP: Final = 10
MARK: Final = "made-by-demo"
TIMEOUT_S: Final = 20.0
_GROUPS: Final = ("ingest", "worker", "sink-clickhouse", "sink-email")

Say = Callable[[str], None]


def demo_settings(settings: Settings) -> Settings:
    """`settings` for the demo: what the environment names stays, the rest is the demo's own."""
    namespace = settings.namespace or NAMESPACE
    named = settings.model_fields_set
    changes: dict[str, Any] = {"namespace": namespace, "clock": Clock.EVENTS, "partitions": PARTITIONS}
    if "clickhouse_database" not in named:
        changes["clickhouse_database"] = Settings(namespace=namespace).clickhouse_database
    if "http_port" not in named:
        changes["http_port"] = settings.http_port + PORT_STEP
    return settings.model_copy(update=changes)


def set_up(settings: Settings, say: Say) -> None:
    """Start what is not up, with an empty namespace. Raises CommandFailed where it holds data of no demo."""
    start_base(settings, say)
    admin = AdminClient(settings.kafka_client_config(quiet=True))
    _check_ours(settings, admin)
    if stop_pipeline(settings):
        say("the pipeline of an earlier demo is stopped")
    if _wipe(settings, admin):
        say("the data of an earlier demo are removed")
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    (settings.state_dir / MARK).touch()
    up(settings, say)


def _check_ours(settings: Settings, admin: AdminClient) -> None:
    """A namespace that somebody else filled is not wiped."""
    is_ours = settings.namespace == NAMESPACE or (settings.state_dir / MARK).exists()
    if not is_ours and _topics(settings, admin):
        raise CommandFailed(
            f"namespace {settings.namespace} holds data that no demo made; choose another METERSTREAM_NAMESPACE"
        )


def _wipe(settings: Settings, admin: AdminClient) -> bool:
    """Remove topics, positions, database and files; False where there was nothing."""
    found = _topics(settings, admin)
    if found:
        for answer in admin.delete_topics(found, operation_timeout=TIMEOUT_S).values():
            answer.result(TIMEOUT_S)
    _forget_positions(settings, admin)
    with store_errors(settings):
        client = connect(settings.clickhouse_dsn.get_secret_value(), "default")
    ask(client, f"DROP DATABASE IF EXISTS {settings.clickhouse_database}")
    shutil.rmtree(settings.state_dir, ignore_errors=True)
    return bool(found)


def _topics(settings: Settings, admin: AdminClient) -> list[str]:
    known = admin.list_topics(timeout=TIMEOUT_S).topics
    return [name for topic in TOPICS if (name := settings.topic(topic.name)) in known]


def _forget_positions(settings: Settings, admin: AdminClient) -> None:
    """Wait until no group has a position: one that is left would point beyond the end of the new topics.

    The broker forgets the positions of deleted topics by itself; a static member that was killed keeps its group
    from being deleted until its session ends, so deleting groups is tried, not relied on.
    """
    topics = Topics(settings)
    deadline_s = time.monotonic() + TIMEOUT_S * 2
    while left := [settings.group(group) for group in _GROUPS if _has_positions(topics, group)]:
        if time.monotonic() > deadline_s:
            raise CommandFailed(f"consumer group {left[0]} still has positions in deleted topics; try again")
        for answer in admin.delete_consumer_groups(left, request_timeout=TIMEOUT_S).values():
            if (error := answer.exception(TIMEOUT_S)) is not None and not isinstance(error, KafkaException):
                raise error
        time.sleep(0.2)


def _has_positions(topics: Topics, group: str) -> bool:
    names = [topic.name for topic in TOPICS]
    return any(place.offset >= 0 for place in topics.committed(group, names, PARTITIONS).values())
