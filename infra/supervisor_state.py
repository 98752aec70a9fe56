"""What a supervisor leaves in its directory for others to read: its lock and its state."""

import fcntl
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

import psutil


@dataclass
class PartState:
    """What is known of a part; `pid` is None while it does not run. Times are seconds since 1970."""

    pid: int | None = None
    created_s: float = 0.0
    since_s: float = 0.0
    restarts: int = 0
    exit_code: int | None = None
    last_error: str = ""


@dataclass
class State:
    """A supervisor and its parts, in the order in which they start."""

    pid: int
    parts: dict[str, PartState] = field(default_factory=dict)


class Lock:
    """A lock that its holder cannot forget to release: the system does it when the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def take(self) -> bool:
        """True when it is now ours; False when another process holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Give it back; harmless when it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None


def is_held(path: Path) -> bool:
    """True when some process holds the lock at `path`."""
    if not path.exists():
        return False
    lock = Lock(path)
    taken = lock.take()
    lock.release()
    return not taken


def read_state(directory: Path) -> State | None:
    """The state that the supervisor of `directory` wrote last; None where there is none that can be read."""
    try:
        raw = json.loads((directory / "supervisor.json").read_text())
        return State(raw["pid"], {name: PartState(**part) for name, part in raw["parts"].items()})
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        # Never written, or by another version: as good as none.
        return None


def live_state(directory: Path) -> State | None:
    """The state of the supervisor that runs in `directory` now; None where none runs or it has not written yet."""
    state = read_state(directory)
    if state is None or not is_held(directory / "supervisor.lock"):
        return None
    # A new supervisor that has not written yet holds the lock, too; the state is then the old one's.
    return state if psutil.pid_exists(state.pid) else None


def was_killed(directory: Path) -> bool:
    """Of a supervisor that runs no more: True where it did not stop its parts, so that nobody has asked it to end."""
    state = read_state(directory)
    return state is not None and any(part.pid is not None for part in state.parts.values())


def write_state(directory: Path, state: State) -> None:
    """Replace the state as a whole: readers see the one before or this one."""
    path = directory / "supervisor.json"
    staging = path.with_suffix(".json.new")
    staging.write_text(json.dumps(asdict(state), indent=1))
    staging.replace(path)
