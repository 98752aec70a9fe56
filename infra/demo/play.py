"""The month is played, a day of event time after the other, into the running pipeline; on one day the worker is killed.

The supervisor starts the worker again, as it would anywhere; nothing here helps it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from infra.audit.topics import Topics
from infra.demo.script import Day, Step
from infra.emit.sender import Sender
from infra.errors import CommandFailed
from infra.parts import Layer
from infra.parts.ready import layer_dir, ready_path
from infra.settings import Settings
from infra.supervisor_state import live_state
from schemas.envelope import OutgoingEvent
from schemas.topics import JOURNAL_TOPIC
from schemas.values import instant_text

WORKER: Final = "worker-0"
# A day of event time takes at least so long, or the audience sees nothing.
DAY_S: Final = 0.8
POLL_S: Final = 0.05
KILL_WAIT_S: Final = 20.0


class Audience(Protocol):
    """Who is told what happens."""

    def say(self, text: str) -> None:
        """Something happened."""

    def day(self, number: int, date: str, sent: int, behind: int) -> None:
        """Day `number` (from 1) was sent; `sent` events so far, `behind` journal records not yet folded."""


@dataclass
class Played:
    """What was sent, and what the crash interrupted."""

    events: int = 0
    killed_pid: int = 0
    behind_at_kill: int = 0


class Player:
    """Plays days. Raises CommandFailed where the pipeline is not there."""

    def __init__(self, settings: Settings, audience: Audience, *, day_s: float = DAY_S) -> None:
        self._settings = settings
        self._audience = audience
        self._day_s = day_s
        self._sender = Sender(settings, ticks=True)
        self._topics = Topics(settings)
        self._back_since: Callable[[], bool] | None = None
        self.played = Played()

    def play(self, days: Sequence[Day]) -> Played:
        """Send all days, each with a tick at its end."""
        for number, day in enumerate(days, start=1):
            started_s = time.monotonic()
            for remark in day.remarks:
                self._audience.say(f"{instant_text(remark.arrives_ms)[:10]}  {remark.text}")
            if day.kills_worker:
                self._send_and_kill(day.steps)
            else:
                self._send(day.steps)
            self._sender.tick(day.end_ms)
            self._watch_restart()
            self._audience.day(number, instant_text(day.end_ms - 1)[:10], self.played.events, self._behind())
            time.sleep(max(0.0, self._day_s - (time.monotonic() - started_s)))
        return self.played

    def _send(self, steps: Sequence[Step]) -> None:
        run: list[OutgoingEvent] = []
        for step in steps:
            if step.type:
                run.append(OutgoingEvent(step.account, step.type, step.raw))
                continue
            self._sender.send(run)
            run = []
            self._sender.send_raw(step.topic, step.account, step.raw)
        self._sender.send(run)
        self.played.events += len(steps)

    # --- the crash ----------------------------------------------------------------------------------------

    def _send_and_kill(self, steps: Sequence[Step]) -> None:
        """Send a day in two halves; the worker is killed while it folds the first."""
        middle = len(steps) // 2
        self._send(steps[:middle])
        pid = self._pid()
        self._wait_until_busy()
        self.played.behind_at_kill = self._behind()
        os.kill(pid, signal.SIGKILL)
        self.played.killed_pid = pid
        self._audience.say(
            f"kill -9 {pid}: the worker dies in the middle, {self.played.behind_at_kill:,} journal records behind"
        )
        killed_s = time.monotonic()
        self._restarts = self._restarted(pid, killed_s)
        self._back_since = lambda: next(self._restarts, True)
        self._send(steps[middle:])

    def _wait_until_busy(self) -> None:
        """Wait until something is in the journal that the worker has not acknowledged."""
        deadline_s = time.monotonic() + KILL_WAIT_S
        while not self._behind():
            if time.monotonic() > deadline_s:
                return
            time.sleep(0.005)

    def _restarted(self, pid: int, killed_s: float) -> Iterator[bool]:
        """False until the worker is back, which is told once."""
        while True:
            state = live_state(layer_dir(self._settings, Layer.PIPELINE))
            now = state.parts[WORKER].pid if state and WORKER in state.parts else None
            if now not in (None, pid) and ready_path(self._settings, WORKER).exists():
                break
            yield False
        took_s = time.monotonic() - killed_s
        self._audience.say(
            f"the worker is back (pid {now}) after {took_s:.1f} s and goes on from its last checkpoint"
        )

    def _watch_restart(self) -> None:
        if self._back_since is not None and self._back_since():
            self._back_since = None

    def finish(self, timeout_s: float) -> None:
        """Wait until a worker that was killed is back. Raises CommandFailed where it does not come."""
        deadline_s = time.monotonic() + timeout_s
        while self._back_since is not None:
            self._watch_restart()
            if time.monotonic() > deadline_s:
                raise CommandFailed(f"{WORKER} did not come back; see {self._settings.state_dir / 'logs'}")
            time.sleep(POLL_S)

    def _pid(self) -> int:
        state = live_state(layer_dir(self._settings, Layer.PIPELINE))
        pid = state.parts[WORKER].pid if state and WORKER in state.parts else None
        if pid is None:
            raise CommandFailed(f"{WORKER} does not run; see {self._settings.state_dir / 'logs'}")
        return pid

    def _behind(self) -> int:
        """Journal records that the worker has not acknowledged."""
        ends = self._topics.ends([JOURNAL_TOPIC], self._settings.partitions)
        done = self._topics.committed("worker", [JOURNAL_TOPIC], self._settings.partitions)
        # At rest the last place of a partition is the mark of a transaction.
        return sum(max(0, end - 1 - max(0, done[place].offset)) for place, end in ends.items())
