"""Works a queue off: what is due goes out, several at a time, one at a time in each lane, and nobody waits for another.

Promises: a record is committed once what follows from it is in the queue, so that a crash loses nothing; what was
accepted and not yet noted when the process died goes out again (at least once). One item that is refused or put off
holds up no other; a group that cannot be reached is tried with one item at a time until it can be.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from schemas.records import DeliveryState
from sinks.outbox.dead_letters import DeadLetters
from sinks.outbox.items import (
    Away,
    Later,
    Outcome,
    Queued,
    Received,
    Refused,
    Sent,
    Settled,
    Taken,
    Unreadable,
)
from sinks.outbox.patience import Counts, Patience
from sinks.outbox.ports import Channel, Source, Witness
from sinks.outbox.store import Outbox

log = logging.getLogger(__name__)

# The queue is looked at so often when nothing happens: another process may have put something into it.
LOOK_S: Final = 1.0
REPORTS_A_TIME: Final = 500
HOUR_S: Final = 3_600.0
STOP_S: Final = 10.0
# Failures in a row from which on it is the group that fails, not an item.
OUTAGE: Final = 3

Ended = tuple[Queued, Settled]


@dataclass
class _Group:
    """A server or a receiver: since when, and how often in a row, it could not be reached."""

    failures: int = 0
    until_s: float = 0.0
    running: int = 0


class Dispatcher:
    """`channel` and its queue. `now` gives seconds since 1970."""

    def __init__(
        self,
        channel: Channel,
        outbox: Outbox,
        dead: DeadLetters,
        patience: Patience,
        now: Callable[[], float],
    ) -> None:
        self._channel, self._outbox, self._dead = channel, outbox, dead
        self._patience, self._now = patience, now
        self._groups: dict[str, _Group] = {}
        self._busy: dict[str, asyncio.Task[tuple[list[Queued], Outcome]]] = {}
        self._wake = asyncio.Event()
        self.counts = Counts()

    async def run(self, source: Source, witness: Witness, stop: asyncio.Event) -> None:
        """Take in, send and report until `stop` is set; attempts that run then are given `STOP_S`."""
        parts = (self._take_in(source, stop), self._send(stop), self._report(witness, stop))
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(part)
                await stop.wait()
                self._wake.set()
        finally:
            source.close()
            await self._channel.close()
            self._outbox.close()

    # --- in

    async def _take_in(self, source: Source, stop: asyncio.Event) -> None:
        while not stop.is_set():
            taken = await asyncio.to_thread(source.read)
            if taken:
                self.take(taken)
                await asyncio.to_thread(source.commit)

    def take(self, taken: Sequence[Taken]) -> None:
        """Put what follows from these records into the queue."""
        received = [each for record in taken for each in self._received(record)]
        self.counts.taken += self._outbox.put(received, self._now())
        for item, settled in received:
            if settled is not None and settled.state is DeliveryState.REFUSED:
                self._bury(item.record, settled, item.body)
        self._wake.set()

    def _received(self, record: Taken) -> Sequence[Received]:
        try:
            return self._channel.receive(record.topic, record.value)
        except Unreadable as error:
            self.counts.unreadable += 1
            self._dead.add("", str(error), record.value)
            log.warning("a record of %s is not readable; it is among the dead letters", record.topic)
            return ()

    # --- out

    async def _send(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._wake.clear()
            self._settle([task for task in self._busy.values() if task.done()])
            self._start_due()
            await self._sleep()
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=STOP_S)
            self._settle([task for task in self._busy.values() if task.done()])
            for task in self._busy.values():
                task.cancel()

    async def _sleep(self) -> None:
        now_s = self._now()
        soonest = [group.until_s for group in self._groups.values()]
        soonest += [due_s for _, due_s in self._outbox.groups()]
        pause_s = min([LOOK_S, *(each_s - now_s for each_s in soonest if each_s > now_s)])
        try:
            await asyncio.wait_for(self._wake.wait(), max(pause_s, 0.001))
        except TimeoutError:
            return

    def _start_due(self) -> None:
        now_s = self._now()
        for name, due_s in self._outbox.groups():
            group = self._groups.setdefault(name, _Group())
            free = (1 if group.failures else self._patience.parallel) - group.running
            if due_s > now_s or group.until_s > now_s or free <= 0:
                continue
            # Several of one lane may be due: only one of them goes.
            for queued in self._outbox.due(
                name, list(self._busy), now_s, 4 * free, ordered=self._patience.ordered
            ):
                if free and queued.item.lane not in self._busy and not self._is_too_many(queued, now_s):
                    self._start(queued, group)
                    free -= 1

    def _is_too_many(self, queued: Queued, now_s: float) -> bool:
        """Whether its lane has had enough for this hour; all that waits there waits on then, to be told together."""
        most = self._patience.per_hour
        if not most:
            return False
        sent = self._outbox.sent_since(queued.item.lane, now_s - HOUR_S)
        if len(sent) < most:
            return False
        reason = f"more than {most} an hour"
        self._outbox.put_off_lane(queued.item.lane, sent[-most] + HOUR_S, reason, now_s)
        return True

    def _start(self, queued: Queued, group: _Group) -> None:
        together = [queued, *self._outbox.mates(queued, self._patience.together_max - 1)]
        together.sort(key=lambda each: each.position)
        group.running += 1
        task = asyncio.create_task(self._attempt(together))
        task.add_done_callback(lambda _: self._wake.set())
        self._busy[queued.item.lane] = task

    async def _attempt(self, together: list[Queued]) -> tuple[list[Queued], Outcome]:
        return together, await self._channel.deliver([each.item for each in together])

    # --- how it went

    def _settle(self, done: Sequence[asyncio.Task[tuple[list[Queued], Outcome]]]) -> None:
        ended: list[Ended] = []
        for task in done:
            together, outcome = task.result()
            item = together[0].item
            del self._busy[item.lane]
            group = self._groups[item.group]
            group.running -= 1
            if isinstance(outcome, Away):
                self._away(group, together, outcome)
            else:
                self._reached(group, item.group)
                ended += self._judged(together, outcome)
        self._end(ended)

    def _reached(self, group: _Group, name: str) -> None:
        if self._patience.away_is_put_off and group.failures >= OUTAGE:
            # Those that met the outage need not wait out their pauses.
            self._outbox.hurry(name, self._now())
        group.failures, group.until_s = 0, 0.0

    def _judged(self, together: list[Queued], outcome: Sent | Later | Refused) -> list[Ended]:
        """What has ended by `outcome`; what is to be tried again is put off."""
        match outcome:
            case Sent():
                first, *rest = together
                told = Settled(DeliveryState.COALESCED, f"told together with {first.item.record}")
                return [(first, Settled(DeliveryState.SENT)), *((each, told) for each in rest)]
            case Refused(reason):
                return [(each, Settled(DeliveryState.REFUSED, reason)) for each in together]
            case Later(reason, after_s):
                self._put_off(together, reason, after_s)
                return []
            case _:
                assert_never(outcome)

    def _put_off(
        self, together: list[Queued], reason: str, after_s: float, until_s: float | None = None
    ) -> None:
        now_s = self._now()
        dead: list[Queued] = []
        alive: list[Queued] = []
        for each in together:
            late = each.since_s is not None and now_s - each.since_s > self._patience.give_up_s
            (dead if late else alive).append(each)
        self._end([(each, Settled(DeliveryState.DEAD, reason)) for each in dead])
        if alive:
            first = alive[0]
            own_s = self._patience.item.pause_s(first.attempts + 1, first.item.id)
            self._outbox.put_off(alive, until_s or now_s + max(own_s, after_s), reason, now_s)
            self.counts.put_off += len(alive)

    def _away(self, group: _Group, together: list[Queued], outcome: Away) -> None:
        now_s, name = self._now(), together[0].item.group
        group.failures += 1
        group.until_s = now_s + max(self._patience.group.pause_s(group.failures, name), outcome.after_s)
        self.counts.away += 1
        log.warning("%s: %s; next try in %.1f s", name, outcome.reason, group.until_s - now_s)
        if self._patience.away_is_put_off:
            # In an outage somebody must go on asking: only a lone failure waits out its own pause.
            until_s = group.until_s if group.failures >= OUTAGE else None
            self._put_off(together, outcome.reason, outcome.after_s, until_s)
            expired = self._outbox.expired(name, now_s - self._patience.give_up_s)
            self._end([(each, Settled(DeliveryState.DEAD, outcome.reason)) for each in expired])

    def _end(self, ended: Sequence[Ended]) -> None:
        if not ended:
            return
        for queued, settled in ended:
            if settled.state in {DeliveryState.REFUSED, DeliveryState.DEAD}:
                self._bury(queued.item.record, settled, queued.item.body)
            self.counts.ended[settled.state] += 1
        self._outbox.end(ended, self._now())

    def _bury(self, record: str, settled: Settled, body: bytes) -> None:
        # The reason may name an address: it is in the file, not in the log.
        log.error("%s is %s; it is among the dead letters", record, settled.state)
        self._dead.add(record, settled.detail or "", body)

    # --- reports

    async def _report(self, witness: Witness, stop: asyncio.Event) -> None:
        while True:
            reports = self._outbox.reports(REPORTS_A_TIME)
            told = bool(reports) and await asyncio.to_thread(witness.send, reports)
            if told:
                self._outbox.reported(reports[-1].position)
            elif stop.is_set():
                return
            else:
                await asyncio.sleep(0.1)
