"""Part `sink-webhooks`: notices and commands are posted to the targets of `METERSTREAM_WEBHOOKS_FILE`."""

import asyncio
import time

from infra.errors import CommandFailed
from infra.outbox import Sources, work_off
from infra.settings import Settings
from schemas.topics import COMMANDS, NOTICES
from sinks.outbox.backoff import Backoff
from sinks.outbox.dead_letters import DeadLetters
from sinks.outbox.patience import Patience
from sinks.outbox.store import Outbox
from sinks.webhooks.channel import CHANNEL, WebhookChannel
from sinks.webhooks.targets import TargetsFault, load_targets

DAY_S = 86_400.0
TOPICS = (NOTICES, COMMANDS)


def main(settings: Settings) -> None:
    """Post until told to stop. Raises `CommandFailed` where the file of targets cannot be used."""
    patience = Patience(
        give_up_s=settings.webhook_give_up_days * DAY_S,
        ordered=True,
        away_is_put_off=True,
        item=Backoff(5.0, 3_600.0, 3.0),
        group=Backoff(1.0, 300.0),
    )
    dead = DeadLetters(settings.state_dir / "undeliverable-webhooks.jsonl")
    channel = channel_of(settings)
    sources = Sources("sink-webhooks", TOPICS)
    asyncio.run(
        work_off(settings, "sink-webhooks", channel, lambda: outbox_of(settings), dead, patience, sources)
    )


def channel_of(settings: Settings) -> WebhookChannel:
    """The way out to the configured targets; raises `CommandFailed`."""
    if settings.webhooks_file is None:
        raise CommandFailed("METERSTREAM_WEBHOOKS_FILE: not set; there is nobody to send webhooks to")
    try:
        return WebhookChannel(load_targets(settings.webhooks_file), time.time)
    except TargetsFault as fault:
        raise CommandFailed(f"METERSTREAM_WEBHOOKS_FILE: {fault}") from None


def outbox_of(settings: Settings, *, exclusive: bool = True) -> Outbox:
    """The queue of webhooks."""
    return Outbox(settings.state_dir / "webhooks" / "outbox.sqlite", CHANNEL, exclusive=exclusive)
