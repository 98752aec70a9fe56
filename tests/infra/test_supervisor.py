"""The supervisor with toy parts: restarts, back-off, order of stopping, state, and nothing left behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from infra.parts import Layer, Part
from infra.processes import started_at, stop_stale
from infra.supervisor import LOG_BYTES_MAX, Supervisor
from infra.supervisor_state import Lock, PartState, State, is_held, live_state, read_state, write_state
from tests.waiting import wait_until

# A part that says it is there, notes its end, and ends when told to.
PART = """
import signal, sys, time
def end(*_):
    open(sys.argv[1], "a").write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("part", sys.argv[2], "up", flush=True)
time.sleep(600)
"""
SUPERVISOR = """
import sys
from pathlib import Path
from infra.parts import Layer, Part
from infra.supervisor import Supervisor
sleeper = [sys.executable, "-c", "import time; time.sleep(600)", "infra.run", "stray"]
Supervisor(Path(sys.argv[1]), [Part("stray", "m", Layer.BASE)], command=lambda part: sleeper, env={}).run()
"""


def part(name: str, stop_s: float = 5.0) -> Part:
    return Part(name, "toy", Layer.PIPELINE, stop_s=stop_s)


class Running:
    """A supervisor in a thread of this process."""

    def __init__(self, directory: Path, parts: list[Part], code: str = PART) -> None:
        self.directory = directory
        self.ends = directory / "ends"
        self.supervisor = Supervisor(
            directory,
            parts,
            command=lambda part: [sys.executable, "-c", code, str(self.ends), part.name],
            env=dict(os.environ),
        )
        self.thread = threading.Thread(target=self.supervisor.run)
        self.thread.start()

    def pid(self, name: str) -> int | None:
        state = live_state(self.directory)
        return state.parts[name].pid if state else None

    def wait_up(self, name: str) -> int:
        log = self.directory / "logs" / f"{name}.log"
        wait_until(lambda: self.pid(name) and log.exists() and b"up" in log.read_bytes(), f"{name} is up")
        pid = self.pid(name)
        assert pid is not None
        return pid

    def stop(self) -> None:
        self.supervisor.stop()
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    found = Running(tmp_path, [part("first"), part("second")])
    yield found
    found.stop()


def test_a_killed_part_is_started_again_and_its_end_is_noted(running: Running) -> None:
    old = running.wait_up("first")

    os.kill(old, signal.SIGKILL)

    wait_until(lambda: running.pid("first") not in {None, old}, "first runs again")
    state = live_state(running.directory)
    assert state is not None
    assert (state.parts["first"].restarts, state.parts["first"].exit_code) == (1, -signal.SIGKILL)
    assert state.parts["first"].last_error == "part first up"
    assert state.parts["second"].restarts == 0


def test_readiness_of_an_earlier_run_does_not_count(running: Running) -> None:
    old = running.wait_up("first")
    ready = running.directory / "ready" / "first"
    ready.touch()

    os.kill(old, signal.SIGKILL)

    wait_until(lambda: running.pid("first") not in {None, old}, "first runs again")
    assert not ready.exists()


def test_parts_are_stopped_in_reverse_order(running: Running) -> None:
    pids = [running.wait_up("first"), running.wait_up("second")]

    running.stop()

    assert running.ends.read_text().split() == ["second", "first"]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not is_held(running.directory / "supervisor.lock")


def test_a_part_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    running = Running(tmp_path, [part("deaf", stop_s=0.3)], deaf)
    pid = running.wait_up("deaf")

    running.stop()

    assert not psutil.pid_exists(pid)


def test_a_part_that_keeps_failing_is_tried_less_and_less_often(tmp_path: Path) -> None:
    class Clockless(Supervisor):
        """Steps are made by the test, at times of its choosing."""

        def step_at(self, now_s: float) -> PartState:
            self._step(now_s)
            child = self._children[0]
            if child.process is not None:
                child.process.wait(30)
            return child.state

    (tmp_path / "logs").mkdir()
    (tmp_path / "ready").mkdir()
    failing = [sys.executable, "-c", "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"]
    supervisor = Clockless(tmp_path, [part("failing")], command=lambda _: failing, env={})

    starts = []
    for tenth in range(1_000):
        before = supervisor._children[0].started_s
        state = supervisor.step_at(tenth / 10)
        if supervisor._children[0].started_s != before:
            starts.append(tenth / 10)

    gaps = [round(after - before, 1) for before, after in pairwise(starts)]
    assert gaps[:6] == sorted(gaps[:6])
    assert gaps[0] < 0.6
    assert max(gaps) <= 10.2
    assert len(starts) < 20
    assert (state.exit_code, state.last_error) == (3, "no such thing")


def test_a_part_that_cannot_be_started_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, [part("absent")], command=lambda _: ["/no/such/program"], env={})
    thread = threading.Thread(target=supervisor.run)
    thread.start()

    state = wait_until(lambda: _with_restarts(tmp_path, 2), "two attempts are noted")
    supervisor.stop()
    thread.join(10)

    assert "No such file" in state.parts["absent"].last_error


def _with_restarts(directory: Path, restarts: int) -> State | None:
    state = read_state(directory)
    return state if state and state.parts["absent"].restarts >= restarts else None


def test_a_long_log_is_kept_once_and_begun_anew(tmp_path: Path) -> None:
    chatty = f"print('x' * {LOG_BYTES_MAX + 1}, 'up', flush=True); import time; time.sleep(600)"
    running = Running(tmp_path, [part("chatty")], chatty)
    older = tmp_path / "logs" / "chatty.log.1"

    wait_until(older.exists, "the log is rotated")
    wait_until(lambda: (tmp_path / "logs" / "chatty.log").stat().st_size == 0, "the log is empty")
    running.stop()

    assert older.stat().st_size > LOG_BYTES_MAX


def test_two_supervisors_never_share_a_directory(running: Running) -> None:
    running.wait_up("first")

    second = Supervisor(running.directory, [part("first")], command=lambda _: ["true"], env={})

    assert second.run() == 1


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_no_part_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path)])
    pid = wait_until(lambda: _pid_of_stray(tmp_path), "the part runs")

    process.kill()
    process.wait()

    wait_until(lambda: not _runs(pid), "the part is gone")


def _pid_of_stray(directory: Path) -> int:
    state = live_state(directory)
    return (state.parts["stray"].pid or 0) if state else 0


def _runs(pid: int) -> bool:
    # One that was killed and not yet collected by init does not run.
    return psutil.pid_exists(pid) and bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)


def test_what_an_earlier_supervisor_left_is_ended_at_the_start(tmp_path: Path) -> None:
    stray = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "infra.run"])
    known = PartState(pid=stray.pid, created_s=started_at(stray.pid))
    write_state(tmp_path, State(pid=1, parts={"first": known}))

    running = Running(tmp_path, [part("first")])
    running.wait_up("first")
    running.stop()

    assert not _runs(stray.pid)
    stray.wait(10)


@pytest.mark.parametrize("changed", ["time", "command"])
def test_a_process_id_that_now_is_another_program_is_left_alone(changed: str) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    created_s = started_at(other.pid) - (100 if changed == "time" else 0)
    marks = ("time",) if changed == "time" else ("infra.run",)

    stopped = stop_stale(other.pid, created_s, marks=marks)

    assert (stopped, other.poll()) == (False, None)
    other.kill()
    other.wait()


def test_a_lock_is_held_by_one_and_free_after_release(tmp_path: Path) -> None:
    lock, other = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")

    assert lock.take()
    assert not other.take()
    assert is_held(tmp_path / "lock")
    lock.release()
    assert not is_held(tmp_path / "lock")


def test_a_state_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "supervisor.json").write_text('{"pid": 1, "parts": {"a": {"unknown": 1}}}')

    assert read_state(tmp_path) is None
