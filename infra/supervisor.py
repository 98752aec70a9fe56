"""Keeps the parts of one layer running: starts them in order, restarts what dies, stops all in reverse order.

One supervisor process runs the base (shared by all namespaces), one the pipeline of a namespace. Its
directory tells everything about it: `supervisor.lock` is held as long as it lives, `supervisor.json` is
its state, `logs/<part>.log` what the parts print, `ready/<part>` which of them are ready.

A part never outlives its supervisor: on Linux the kernel kills it (PR_SET_PDEATHSIG); what an earlier
supervisor left elsewhere is found by process id, start time and command line, and ended at the next start.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.parts import Layer, Part, base_parts, pipeline_parts
from infra.parts.ready import layer_dir
from infra.processes import dies_with_parent, started_at, stop_stale
from infra.settings import Settings
from infra.supervisor_state import Lock, PartState, State, read_state, write_state

RETRY_FIRST_S: Final = 0.2
RETRY_MAX_S: Final = 10.0
HEALTHY_S: Final = 60.0
POLL_S: Final = 0.1
LOG_BYTES_MAX: Final = 10 << 20
LOG_TAIL_BYTES: Final = 8 << 10


@dataclass
class _Child:
    """One part and the process that runs it now."""

    part: Part
    process: "subprocess.Popen[bytes] | None" = None
    state: PartState = field(default_factory=PartState)
    started_s: float = 0.0
    retry_s: float = RETRY_FIRST_S
    due_s: float = 0.0


class Supervisor:
    """Runs `parts` in `directory` until `stop` is called."""

    def __init__(
        self,
        directory: Path,
        parts: Sequence[Part],
        *,
        command: Callable[[Part], list[str]],
        env: dict[str, str],
    ) -> None:
        """`command` tells how a part is started, `env` is its whole environment."""
        self._directory = directory
        self._children = [_Child(part) for part in parts]
        self._command, self._env = command, env
        self._stopping = threading.Event()
        self._bind = dies_with_parent()

    def run(self) -> int:
        """Supervise until stopped; 0 at the end, 1 when another supervisor holds the directory."""
        for name in ("logs", "ready"):
            (self._directory / name).mkdir(parents=True, exist_ok=True)
        lock = Lock(self._directory / "supervisor.lock")
        if not lock.take():
            return 1
        try:
            self._end_stale()
            self._write()
            while not self._stopping.is_set():
                self._step(time.monotonic())
                self._stopping.wait(POLL_S)
        finally:
            self._stop_all()
            lock.release()
        return 0

    def stop(self) -> None:
        """Ask `run` to stop all parts and return; may be called from a signal handler."""
        self._stopping.set()

    def _step(self, now_s: float) -> None:
        changed = False
        for child in self._children:
            if child.process is None:
                if now_s >= child.due_s:
                    self._try_start(child, now_s)
                    changed = True
            elif (exit_code := child.process.poll()) is not None:
                self._note_end(child, exit_code, _last_line(self._log(child.part)), now_s)
                changed = True
            elif now_s - child.started_s > HEALTHY_S:
                child.retry_s = RETRY_FIRST_S
            self._rotate(child.part)
        if changed:
            self._write()

    def _try_start(self, child: _Child, now_s: float) -> None:
        try:
            self._start(child, now_s)
        except OSError as error:
            # No room for a log, no process left: as good as a part that ended at once.
            self._note_end(child, 1, f"cannot be started: {error}", now_s)

    def _start(self, child: _Child, now_s: float) -> None:
        (self._directory / "ready" / child.part.name).unlink(missing_ok=True)
        with self._log(child.part).open("ab") as log:
            child.process = subprocess.Popen(
                self._command(child.part),
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is for the supervisor, which stops its parts in order.
                start_new_session=True,
                preexec_fn=self._bind,  # noqa: PLW1509 - this process has one thread
            )
        child.started_s = now_s
        child.state.pid = child.process.pid
        child.state.created_s = started_at(child.process.pid)
        child.state.since_s = time.time()

    def _note_end(self, child: _Child, exit_code: int, last_error: str, now_s: float) -> None:
        child.process = None
        child.state.pid = None
        child.state.exit_code = exit_code
        child.state.last_error = last_error
        child.state.restarts += 1
        (self._directory / "ready" / child.part.name).unlink(missing_ok=True)
        child.due_s = now_s + child.retry_s
        child.retry_s = min(child.retry_s * 2, RETRY_MAX_S)

    def _end_stale(self) -> None:
        state = read_state(self._directory)
        for name, part in state.parts.items() if state else ():
            if part.pid is not None:
                stop_stale(part.pid, part.created_s, marks=("infra.run", "kafka.Kafka", name))

    def _stop_all(self) -> None:
        for child in reversed(self._children):
            if child.process is not None:
                _stop(child.process, child.part.stop_s)
                child.state.exit_code = child.process.returncode
                child.state.pid = None
            (self._directory / "ready" / child.part.name).unlink(missing_ok=True)
        self._write()

    def _write(self) -> None:
        parts = {child.part.name: child.state for child in self._children}
        try:
            write_state(self._directory, State(os.getpid(), parts))
        except OSError as error:
            # A full disk must not end the one process that heals the others.
            print(f"supervisor: state not written: {error}", file=sys.stderr, flush=True)

    def _log(self, part: Part) -> Path:
        return self._directory / "logs" / f"{part.name}.log"

    def _rotate(self, part: Part) -> None:
        """Keep one older file. The part writes on to the same file, so it is copied and emptied, not moved."""
        log = self._log(part)
        try:
            if log.stat().st_size > LOG_BYTES_MAX:
                log.with_suffix(".log.1").write_bytes(log.read_bytes())
                os.truncate(log, 0)
        except OSError as error:
            print(f"supervisor: {log} not rotated: {error}", file=sys.stderr, flush=True)


def _stop(process: "subprocess.Popen[bytes]", grace_s: float) -> None:
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(log: Path) -> str:
    """The last line of `log` that says something; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:500]


def part_command(part: Part) -> list[str]:
    """How a part is started."""
    return [sys.executable, "-m", "infra.run", part.name]


def supervise(settings: Settings, layer: Layer) -> int:
    """Run the supervisor of `layer` in this process until SIGTERM or SIGINT."""
    parts = base_parts(settings) if layer is Layer.BASE else pipeline_parts(settings)
    env = os.environ | settings.to_env()
    supervisor = Supervisor(layer_dir(settings, layer), parts, command=part_command, env=env)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    return supervisor.run()


def main() -> int:
    """`python -m infra.supervisor base|pipeline`."""
    from infra.settings import load_settings

    return supervise(load_settings(), Layer(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
