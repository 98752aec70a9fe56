"""Part `ingest`: the settings become what `streams.ingest` is told; SIGTERM ends it between two transactions."""

import gc
import logging
import signal
from threading import Event

from infra.books import load_book
from infra.errors import CommandFailed
from infra.parts.ready import mark_ready
from infra.settings import Clock, Settings
from schemas.topics import INPUTS, JOURNAL_TOPIC, REJECTIONS
from streams.ingest.config import DAY_MS, IngestConfig
from streams.ingest.errors import IngestError
from streams.ingest.loop import run


def ingest_config(settings: Settings, index: int = 0) -> IngestConfig:
    """The configuration of ingest process `index` of this pipeline."""
    account, payment, usage = (settings.topic(name) for name in INPUTS)
    name = f"{settings.group('ingest')}-{index}"
    return IngestConfig(
        kafka=settings.kafka_client_config(),
        inputs=(account, payment, usage),
        journal=settings.topic(JOURNAL_TOPIC),
        rejections=settings.topic(REJECTIONS),
        group=settings.group("ingest"),
        transactional_id=name,
        instance_id=name,
        index_dir=settings.state_dir / "ingest",
        is_wall_clock=settings.clock is Clock.WALL,
        spec_skus=load_book(settings.profiles_dir).spec_skus,
        horizon_ms=settings.horizon_days * DAY_MS,
    )


def main(settings: Settings, index: int = 0) -> None:
    """Ingest until SIGTERM or SIGINT. Raises `CommandFailed` where it cannot go on."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # A batch makes 50,000 objects that live a tenth of a second: collecting every 700 takes a tenth of the time.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        run(ingest_config(settings, index), stop, on_ready=lambda: mark_ready(settings, "ingest"))
    except IngestError as error:
        raise CommandFailed(str(error)) from None
