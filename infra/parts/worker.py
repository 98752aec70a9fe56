"""Part `worker-N`: one Faust worker on the journal."""

import gc
import logging
from pathlib import Path

import msgspec

import schemas
from infra.errors import CommandFailed
from infra.parts.ready import mark_ready
from infra.settings import Settings
from schemas.profile import ProfileFault, load_profile
from streams.core import fold as core
from streams.core.book import Book
from streams.worker.app import WorkerConfig
from streams.worker.main import run
from streams.worker.ports import Fold, Names, WorkerRefused
from streams.worker.progress import Progress

SHIPPED = Path(schemas.__file__).parent / "profiles"


def main(settings: Settings, index: int) -> None:
    """Run worker `index` until it is told to stop; any failure ends the process with 70."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    book = load_book(settings)
    # Decoded accounts live for seconds and hold no cycles: collecting them every 700 objects takes a tenth of the time.
    # Those that the cache holds come to about this many objects, so it collects what Faust leaves behind, and seldom.
    gc.freeze()
    gc.set_threshold(500_000, 50, 100)
    path = progress_path(settings, index)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        run(
            worker_config(settings, index),
            core_fold(book),
            on_ready=lambda: mark_ready(settings, f"worker-{index}"),
            report=lambda progress: _write(path, progress),
        )
    except WorkerRefused as error:
        raise CommandFailed(str(error)) from None


def load_book(settings: Settings) -> Book:
    """The shipped profiles and those of `profiles_dir`; a file there replaces the shipped one of its name."""
    paths = {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}
    if settings.profiles_dir is not None:
        paths |= {path.stem: path for path in sorted(settings.profiles_dir.glob("*.toml"))}
    try:
        return Book(load_profile(path) for path in paths.values())
    except ProfileFault as fault:
        raise CommandFailed(str(fault)) from None


def core_fold(book: Book) -> Fold:
    """The engine's fold with its price book."""
    return Fold(book, core.new_account, core.apply, core.advance, core.balance_record, core.open_windows)


def worker_config(settings: Settings, index: int) -> WorkerConfig:
    """What worker `index` is told."""
    return WorkerConfig(
        group=settings.group("worker"),
        index=index,
        kafka=settings.kafka_client_config(),
        names=Names.within(settings.topic),
        checkpoint_ms=settings.checkpoint_ms,
        data_dir=str(settings.state_dir / "faust"),
    )


def progress_path(settings: Settings, index: int) -> Path:
    """Where worker `index` says how far it is (JSON of `streams.worker.progress.Progress`)."""
    return settings.state_dir / "progress" / f"worker-{index}.json"


def _write(path: Path, progress: Progress) -> None:
    # Renamed, so that a reader never sees half of it.
    staging = path.with_suffix(".new")
    staging.write_bytes(msgspec.json.encode(progress))
    staging.replace(path)
