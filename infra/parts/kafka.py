"""Part `kafka`: becomes the broker's JVM, so that its process id is the broker's."""

import os
import time

from infra.kafka.broker import broker_command, broker_is_ready, check_broker
from infra.parts.ready import mark_ready
from infra.settings import Settings


def main(settings: Settings) -> None:
    """Replace this process by the broker; a detached child reports when it answers."""
    check_broker(settings)
    command = broker_command(settings)
    _report_when_ready(settings)
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


def _report_when_ready(settings: Settings) -> None:
    """After `exec` nothing of ours runs here any more, so a grandchild asks and reports."""
    broker_pid = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    # Forked twice: the JVM does not know of this child and would leave a zombie.
    if os.fork() == 0:
        _ask_until_ready(settings, broker_pid)
    os._exit(0)


def _ask_until_ready(settings: Settings, broker_pid: int) -> None:
    while _is_alive(broker_pid):
        if broker_is_ready(settings):
            mark_ready(settings, "kafka")
            return
        time.sleep(0.1)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
