"""`up` and `down`: the base once for all namespaces, the pipeline of one namespace on top of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from infra.docker import docker_answers, start_containers, stop_containers
from infra.errors import CommandFailed
from infra.host import check_directory, check_port
from infra.kafka.broker import check_broker
from infra.parts import Layer, Part, base_parts, pipeline_parts
from infra.parts.clickhouse import check_clickhouse
from infra.parts.ready import layer_dir
from infra.parts.smtp import check_smtp
from infra.settings import Settings
from infra.supervisor_state import is_held, live_state, was_killed

# A part that ended this often without having been ready is not going to be.
FAILED_STARTS_MAX: Final = 3
STOP_TIMEOUT_S: Final = 120.0
POLL_S: Final = 0.1
WATCH_S: Final = 1.0

_CHECKS: Final[dict[str, Callable[[Settings], None]]] = {
    "kafka": check_broker,
    "clickhouse": check_clickhouse,
    "smtp": check_smtp,
}


def up(settings: Settings, say: Callable[[str], None]) -> None:
    """Start what is not up and return when every part is ready; `say` is told each step.

    Raises `CommandFailed`, having stopped what it had started itself.
    """
    check_directory(settings.data_dir)
    started: list[Layer] = []
    try:
        if start_base(settings, say):
            started.append(Layer.BASE)
        prepare(settings, say)
        if _start_layer(settings, Layer.PIPELINE, pipeline_parts(settings), say):
            started.append(Layer.PIPELINE)
    except (CommandFailed, KeyboardInterrupt):
        for layer in reversed(started):
            _stop_layer(settings, layer)
        raise


def stay_up(settings: Settings, say: Callable[[str], None]) -> None:
    """Start a supervisor that was killed again, until `down` stops what is up now.

    Raises `CommandFailed` where it does not start.
    """
    layers = [layer for layer in Layer if is_up(settings, layer)]
    while True:
        time.sleep(WATCH_S)
        ended = [layer_dir(settings, layer) for layer in layers if not is_up(settings, layer)]
        if any(was_killed(directory) for directory in ended):
            say("a supervisor was killed, and its parts with it")
            up(settings, say)
        elif ended:
            return


def down(settings: Settings, say: Callable[[str], None]) -> None:
    """Stop this namespace's pipeline, and the base when no other namespace's pipeline runs."""
    if _stop_layer(settings, Layer.PIPELINE):
        say("pipeline stopped")
    others = running_pipelines(settings)
    if others:
        say(f"base kept for {', '.join(others)}")
        return
    if _stop_layer(settings, Layer.BASE):
        say("base stopped")
    if docker_answers():
        stop_containers(settings)
        say("containers stopped")


def stop_pipeline(settings: Settings) -> bool:
    """Stop this namespace's pipeline and leave the base; False when it did not run."""
    return _stop_layer(settings, Layer.PIPELINE)


def prepare(settings: Settings, say: Callable[[str], None]) -> None:
    """Create the topics and bring the tables of ClickHouse up to date; harmless when they are."""
    from infra.topics import create_topics

    created = create_topics(settings)
    if created:
        say(f"{len(created)} topics created")
    from infra.migrations import migrate

    applied = migrate(settings)
    if applied:
        say(f"{applied} migrations of ClickHouse applied")


def is_up(settings: Settings, layer: Layer) -> bool:
    """True when the supervisor of `layer` runs."""
    return is_held(layer_dir(settings, layer) / "supervisor.lock")


def running_pipelines(settings: Settings) -> list[str]:
    """Directories (namespaces) of the data directory whose pipeline runs."""
    locks = settings.data_dir.glob("*/supervisor.lock")
    return sorted(lock.parent.name for lock in locks if lock.parent != settings.base_dir and is_held(lock))


def start_base(settings: Settings, say: Callable[[str], None]) -> bool:
    """Start the servers that all namespaces share, unless they run; True when they were started."""
    if not is_up(settings, Layer.BASE) and docker_answers():
        say("starting Kafka and ClickHouse in containers")
        start_containers(settings)
        settings = settings.model_copy(update={"start_kafka": False, "start_clickhouse": False})
    parts = base_parts(settings)
    if not is_up(settings, Layer.BASE):
        # Asked here, before anything is in the background: the answer belongs on this terminal.
        for part in parts:
            _CHECKS[part.name](settings)
    return _start_layer(settings, Layer.BASE, parts, say)


def _start_layer(settings: Settings, layer: Layer, parts: Sequence[Part], say: Callable[[str], None]) -> bool:
    """Start the supervisor of `layer` unless it runs, wait until `parts` are ready; True when it was started."""
    if not parts:
        return False
    starts = not is_up(settings, layer)
    if starts:
        if layer is Layer.PIPELINE:
            _check_http_port(settings)
        say(f"starting {', '.join(part.name for part in parts)}")
        _spawn(settings, layer)
    try:
        _wait_ready(settings, layer, parts)
    except (CommandFailed, KeyboardInterrupt):
        if starts:
            _stop_layer(settings, layer)
        raise
    return starts


def _check_http_port(settings: Settings) -> None:
    try:
        check_port(settings.http_host, settings.http_port, "METERSTREAM_HTTP_PORT")
    except CommandFailed as fault:
        others = ", ".join(running_pipelines(settings))
        raise CommandFailed(f"{fault}; now the pipeline of {others} runs" if others else str(fault)) from None


def _spawn(settings: Settings, layer: Layer) -> None:
    """Start a supervisor that outlives this command."""
    directory = layer_dir(settings, layer)
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    with (directory / "logs" / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.supervisor", layer.value],
            env=os.environ | settings.to_env(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline_s = time.monotonic() + settings.start_timeout_s
    while not is_up(settings, layer):
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise CommandFailed(f"the supervisor did not start; see {directory / 'logs' / 'supervisor.log'}")
        time.sleep(POLL_S)


def _wait_ready(settings: Settings, layer: Layer, parts: Sequence[Part]) -> None:
    directory = layer_dir(settings, layer)
    deadline_s = time.monotonic() + settings.start_timeout_s
    while missing := [part.name for part in parts if not (directory / "ready" / part.name).exists()]:
        if not is_up(settings, layer):
            raise CommandFailed(f"the supervisor ended; see {directory / 'logs' / 'supervisor.log'}")
        _check_starts(directory, missing)
        if time.monotonic() > deadline_s:
            raise CommandFailed(
                f"not ready after {settings.start_timeout_s} s: {', '.join(missing)}; see {directory / 'logs'}"
            )
        time.sleep(POLL_S)


def _check_starts(directory: Path, missing: Sequence[str]) -> None:
    state = live_state(directory)
    for name in missing:
        part = state.parts.get(name) if state else None
        if part is not None and part.restarts >= FAILED_STARTS_MAX:
            reason = part.last_error.removeprefix("meterstream: ")
            raise CommandFailed(f"{name} does not start: {reason} (log: {directory / 'logs' / name}.log)")


def _stop_layer(settings: Settings, layer: Layer) -> bool:
    """Stop the supervisor of `layer` with its parts; False when it did not run."""
    if not is_up(settings, layer):
        return False
    directory = layer_dir(settings, layer)
    deadline_s = time.monotonic() + STOP_TIMEOUT_S
    asked = False
    while is_up(settings, layer):
        state = live_state(directory)
        if state is not None and not asked:
            os.kill(state.pid, signal.SIGTERM)
            asked = True
        if time.monotonic() > deadline_s:
            raise CommandFailed(f"the supervisor in {directory} does not stop; see its logs")
        time.sleep(POLL_S)
    return True
