"""Runs a part that sends things out: its queue, Kafka on both sides, and signals that stop it."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from infra.errors import CommandFailed
from infra.parts.ready import mark_ready
from infra.settings import Settings
from schemas.topics import DELIVERIES
from sinks.outbox.dead_letters import DeadLetters
from sinks.outbox.dispatch import Dispatcher
from sinks.outbox.kafka import Reader, Reporter
from sinks.outbox.patience import Patience
from sinks.outbox.ports import Channel
from sinks.outbox.store import Outbox, QueueTaken


class Sources(NamedTuple):
    """The consumer group and the topics that it reads."""

    group: str
    topics: tuple[str, ...]


async def work_off(
    settings: Settings,
    part: str,
    channel: Channel,
    open_outbox: Callable[[], Outbox],
    dead: DeadLetters,
    patience: Patience,
    sources: Sources,
) -> None:
    """Send until told to stop. Raises `CommandFailed` where another process works the same queue off."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # httpx tells every address that it asks; addresses of targets may hold secrets.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        outbox = open_outbox()
    except QueueTaken as error:
        raise CommandFailed(str(error)) from None
    kafka = settings.kafka_client_config()
    reader = Reader(
        kafka, settings.group(sources.group), {settings.topic(topic): topic for topic in sources.topics}
    )
    mark_ready(settings, part)
    dispatcher = Dispatcher(channel, outbox, dead, patience, time.time)
    await dispatcher.run(reader, Reporter(kafka, settings.topic(DELIVERIES)), stop)
