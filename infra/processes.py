"""Child processes that do not outlive their parent."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final

import psutil

PR_SET_PDEATHSIG: Final = 1
# The start time is computed from the boot time, which clock corrections move.
START_TOLERANCE_S: Final = 5.0


def dies_with_parent() -> Callable[[], None] | None:
    """For `preexec_fn`: the child is killed when the calling thread ends, by `kill -9` too.

    None where the system has no such thing (it is Linux's); stale children are then found by their
    process ids at the next start.
    """
    if sys.platform != "linux":
        return None
    # Loaded here: between fork and exec nothing may allocate or take a lock.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # The parent died before it could be bound to.

    return bind


def started_at(pid: int) -> float:
    """When process `pid` was started, in seconds since 1970; 0.0 where there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def stop_stale(pid: int, created_s: float, *, marks: Sequence[str], grace_s: float = 10.0) -> bool:
    """End process `pid` if it is still the one started at `created_s` with one of `marks` in its command line.

    True when it was. A process id that was given to another program since then is left alone.
    """
    try:
        process = psutil.Process(pid)
        is_ours = abs(process.create_time() - created_s) < START_TOLERANCE_S
        command = " ".join(process.cmdline())
        if not is_ours or not any(mark in command for mark in marks):
            return False
        process.terminate()
        try:
            process.wait(grace_s)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(grace_s)
    except psutil.NoSuchProcess:
        return False
    return True
