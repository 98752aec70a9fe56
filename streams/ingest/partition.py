"""One partition of ingest: letters in their order become journal records, rejections and positions.

Everything that decides is here, and no Kafka: what a transaction is to carry is in `Output`, and `commit` or
`rollback` says what became of it. Precedence as contract 8.3: schema_invalid, identity, age.

The wall clock is the broker's, as stamped on the message: a backlog is taken as it would have been when it
came, tick by tick, so downtime makes no event late and ends no session for want of heartbeats. Only a partition
that is drained ticks by this machine's clock (`tick`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from schemas.envelope import Item
from schemas.events import CLOCK_TICK
from schemas.journal import NO_CLOCK
from schemas.records import Reason
from schemas.values import instant_text
from schemas.wire import Event, Unreadable
from streams.ingest.counters import Counters
from streams.ingest.identities import Identities, Verdict
from streams.ingest.packer import Packer
from streams.ingest.reading import Letter
from streams.ingest.rejections import Rejected, rejected

DAY_MS = 86_400_000


class Output(msgspec.Struct):
    """What one transaction carries for one partition; positions are next offsets and counters, by rank."""

    partition: int
    journal: list[bytes]
    rejections: list[Rejected]
    positions: list[tuple[int, Counters]]


class PartitionIngest:
    """State of one partition. `topics` are the inputs' full names; `tick_ms` is None in the clock `events`."""

    def __init__(
        self,
        *,
        partition: int,
        topics: Sequence[str],
        identities: Identities,
        positions: Sequence[tuple[int, Counters]],
        horizon_ms: int,
        tick_ms: int | None,
    ) -> None:
        self.partition = partition
        self.identities = identities
        self._topics = topics
        self._horizon_days = horizon_ms // DAY_MS
        self._tick_ms = tick_ms
        self._next = [offset for offset, _ in positions]
        self._counters = [msgspec.structs.replace(counters) for _, counters in positions]
        self._packer = Packer()
        self._rejections: list[Rejected] = []

    def take(self, letters: Sequence[Letter], now_ms: int) -> None:
        """Judge and pack `letters`. `now_ms`: this machine's clock; a broker's stamp beyond it is not believed."""
        fresh = [letter for letter in letters if letter.offset >= self._next[letter.rank]]
        events = [item.read for letter in fresh for item in letter.items if type(item.read) is Event]
        identities = iter(self.identities.prefetch(events))
        self._begin(self.identities.clock, is_tick=False)
        for letter in fresh:
            told_ms = None if self._tick_ms is None else min(letter.append_ms, now_ms)
            if told_ms is not None and self.is_tick_due(told_ms):
                self._begin(told_ms, is_tick=True)
            self._take_letter(letter, told_ms, identities)
            self._next[letter.rank] = letter.offset + 1

    def is_tick_due(self, now_ms: int) -> bool:
        """True where the wall clock, at `now_ms`, owes the partition a tick."""
        return self._tick_ms is not None and now_ms - self.identities.clock >= self._tick_ms

    def tick(self, now_ms: int) -> None:
        """Append a tick. Only for a drained partition: whatever came before `now_ms` has been taken."""
        self._begin(max(now_ms, self.identities.clock), is_tick=True)

    def output(self) -> Output:
        """Everything since the last `commit`, once. Positions always, so that each write proves that it may."""
        rejections, self._rejections = self._rejections, []
        positions = [
            (offset, msgspec.structs.replace(c)) for offset, c in zip(self._next, self._counters, strict=True)
        ]
        return Output(self.partition, self._packer.take(), rejections, positions)

    def commit(self, journal: str, offset: int | None) -> None:
        """The output stands in the journal (its topic id) before `offset`; None where it held no record."""
        self.identities.commit(
            self.identities.reach(journal, self.identities.reached.offset if offset is None else offset)
        )

    def _begin(self, clock: int, *, is_tick: bool) -> None:
        self.identities.begin_record(clock)
        self._packer.begin(self.identities.clock, is_tick=is_tick)

    def _take_letter(self, letter: Letter, told_ms: int | None, identities: Iterator[bytes]) -> None:
        counters = self._counters[letter.rank]
        counters.read += len(letter.items)
        for index, item in enumerate(letter.items):
            read = item.read
            if isinstance(read, Unreadable):
                counters.rejected += 1
                self._reject(letter, index, item, Reason.SCHEMA_INVALID, read.detail)
                continue
            identity = next(identities)
            verdict = self.identities.judge(identity, read, told_ms)
            if verdict is Verdict.ACCEPT:
                counters.accepted += 1
                self._accept(identity, read)
            elif verdict is Verdict.DUPLICATE:
                counters.duplicates += 1
            else:
                counters.rejected += 1
                self._reject(letter, index, item, *self._refusal(verdict, read, told_ms))
                self._refuse(identity, read.content)

    def _accept(self, identity: bytes, event: Event) -> None:
        if event.type == CLOCK_TICK:
            self._begin(max(event.time_ms, self.identities.clock), is_tick=True)
        elif not self._packer.has_room(len(event.raw)):
            self._begin(self.identities.clock, is_tick=False)
        self.identities.note_accepted(identity, event)
        self._packer.add(event.raw)

    def _refuse(self, identity: bytes, content: int) -> None:
        if not self._packer.has_room(0):
            self._begin(self.identities.clock, is_tick=False)
        self.identities.note_refused(identity, content)
        self._packer.refuse(identity, content)

    def _refusal(self, verdict: Verdict, event: Event, told_ms: int | None) -> tuple[Reason, str]:
        if verdict is Verdict.CONFLICT:
            return Reason.DUPLICATE_CONFLICT, (
                f"source {event.source!r} and id {event.id!r} came before with other content, which stands: "
                "send what is new under a new id"
            )
        if verdict is Verdict.TOO_OLD:
            return Reason.TOO_OLD, (
                f"time {instant_text(event.time_ms)} is more than {self._horizon_days} days behind the account's clock "
                f"{instant_text(self.identities.clock_of(event.account))}: settle it by a grant or a payment"
            )
        return Reason.TOO_NEW, (
            f"time {instant_text(event.time_ms)} is more than 5 minutes ahead of the clock "
            f"{instant_text(told_ms or 0)}: mend the producer's clock and send it under a new id"
        )

    def _reject(self, letter: Letter, index: int, item: Item, reason: Reason, detail: str) -> None:
        read = item.read
        clock = self.identities.clock if read.account is None else self.identities.clock_of(read.account)
        self._rejections.append(
            rejected(
                origin=f"{self._topics[letter.rank]}/{self.partition}/{letter.offset}/{index}",
                account=read.account,
                clock=None if clock == NO_CLOCK else clock,
                cause=(read.source, read.id),
                reason=reason,
                detail=detail,
                raw=item.raw,
            )
        )
