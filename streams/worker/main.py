"""Runs one worker until it is told to stop, or until anything unexpected happens.

Promises: a wanted stop ends within seconds, with a last checkpoint; anything else ends the process with
`EXIT_FAILED` and without acknowledging, so that whoever supervises it starts it anew and the records are folded
again. Faust would log, skip the event and go on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import traceback
from collections.abc import Callable

from streams.worker.app import Worker, WorkerConfig
from streams.worker.checks import check_topics
from streams.worker.liveness import Liveness
from streams.worker.ports import Fold
from streams.worker.progress import Report, say_nothing

EXIT_FAILED = 70
_STOP_S = 8.0
_WATCH_S = 0.2
_REPORT_S = 1.0

_log = logging.getLogger("meterstream.worker")


def run(
    config: WorkerConfig, fold: Fold, *, on_ready: Callable[[], None], report: Report = say_nothing
) -> None:
    """Run until SIGTERM or SIGINT; does not return otherwise. `on_ready` is called when it folds its first time.

    Raises WorkerRefused where it must not start.
    """
    partitions = check_topics(config.kafka, config.names)
    asyncio.run(_run(config, fold, partitions, on_ready, report))


async def _run(
    config: WorkerConfig, fold: Fold, partitions: int, on_ready: Callable[[], None], report: Report
) -> None:
    worker = Worker(config, fold, partitions)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    report(worker.progress)
    tasks = {
        asyncio.create_task(worker.app.start(), name="start"),
        asyncio.create_task(worker.tick(), name="tick"),
        asyncio.create_task(_watch(worker, on_ready, report), name="watch"),
        asyncio.create_task(Liveness(worker).watch(), name="liveness"),
    }
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await _first_end(tasks, stopping, worker)
    if worker.failure is None:
        await _stop(worker)
    else:
        worker.progress.state = "failed"
        _log.critical("%s\n%s", worker.progress.error, "".join(traceback.format_exception(worker.failure)))
    report(worker.progress)
    logging.shutdown()
    # From inside the loop: Faust's tasks and threads can wait for ever when they are cancelled, and nothing of
    # theirs is needed any more.
    os._exit(EXIT_FAILED if worker.failure is not None else 0)


async def _first_end(tasks: set[asyncio.Task[None]], stopping: asyncio.Task[bool], worker: Worker) -> None:
    """Wait for the wish to stop or for the first task that fails; the failure is noted at the worker."""
    pending: set[asyncio.Task[None] | asyncio.Task[bool]] = {*tasks, stopping}
    while not stopping.done() and worker.failure is None:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if (error := task.exception()) is not None:
                worker.fail(error)


async def _watch(worker: Worker, on_ready: Callable[[], None], report: Report) -> None:
    """Notices what failed inside Faust, which only logs; reports progress."""
    waited_s, is_ready = 0.0, False
    while worker.failure is None:
        await asyncio.sleep(_WATCH_S)
        waited_s += _WATCH_S
        if worker.app.crashed:
            worker.fail(worker.app.crash_reason or RuntimeError("Faust crashed"))
        if not is_ready and worker.is_ready:
            is_ready = True
            on_ready()
        if waited_s >= _REPORT_S:
            waited_s = 0.0
            report(worker.progress)


async def _stop(worker: Worker) -> None:
    """A last checkpoint and a commit, within bounds: Faust can wait for ever here."""
    worker.progress.state = "stopped"
    try:
        async with asyncio.timeout(_STOP_S):
            await worker.finish()
            await worker.app.consumer.commit()
    except TimeoutError:
        _log.warning("the last checkpoint did not end in time; its records will be folded again")
