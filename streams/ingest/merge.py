"""Three inputs of one partition become one order: by the broker's append time. Pure.

Within a topic Kafka keeps the order, between topics it promises nothing: after an hour of downtime the first
fetch may hold 10,000 usage events and not yet the `account.opened` or the payment that came before them. So a
head is taken only when it is the oldest of all three: each other input has a head too, or was asked for its
end *after* the head was here and has been read to that end. Anything it brings later is stamped later, for one
cluster's clock. Ties go account, payment, usage.

Rejected: the order of delivery (a backlog refuses usage as `unknown_account`, tests/streams/test_ingest_merge.py);
a hold of some 50 ms (a guess that a paused broker breaks, and it delays every event); partition EOF alone (it is
told once, so it cannot be younger than the head); one input topic (the contract has three).
The price is one ListOffsets request a batch, sent before the batch is parsed and read after it: it costs no time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from streams.ingest.reading import Letter


class Merge:
    """The queues of one partition. `starts`: the offset from which each input is read, by rank."""

    def __init__(self, starts: Sequence[int]) -> None:
        self._queues: tuple[deque[Letter], ...] = tuple(deque() for _ in starts)
        self._reached = list(starts)

    def put(self, letter: Letter) -> None:
        """`letter` was delivered."""
        self._queues[letter.rank].append(letter)
        self.at_end(letter.rank, letter.offset + 1)

    def at_end(self, rank: int, offset: int) -> None:
        """The input was read to `offset`; says more than its last message where control records follow it."""
        self._reached[rank] = max(self._reached[rank], offset)

    def take(self, ends: Sequence[int]) -> list[Letter]:
        """Every letter whose turn is known, in order. `ends`: the inputs' end offsets, asked after the last `put`."""
        is_read = [reached >= end for reached, end in zip(self._reached, ends, strict=True)]
        taken: list[Letter] = []
        while (rank := self._oldest(is_read)) is not None:
            queue = self._queues[rank]
            if self._is_alone(rank):
                taken.extend(queue)
                queue.clear()
            else:
                taken.append(queue.popleft())
        return taken

    @property
    def reached(self) -> tuple[int, ...]:
        """The offset to which each input was read, by rank."""
        return tuple(self._reached)

    def is_drained(self, ends: Sequence[int]) -> bool:
        """True where nothing waits here and nothing older than the moment of `ends` is still to come."""
        return len(self) == 0 and all(
            reached >= end for reached, end in zip(self._reached, ends, strict=True)
        )

    def waiting(self, topics: Sequence[str]) -> list[str]:
        """Those of `topics` (by rank) whose letters wait here."""
        return [topic for topic, queue in zip(topics, self._queues, strict=True) if queue]

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues)

    def _oldest(self, is_read: Sequence[bool]) -> int | None:
        best: int | None = None
        for rank, queue in enumerate(self._queues):
            if not queue:
                if not is_read[rank]:
                    return None
            elif best is None or queue[0].append_ms < self._queues[best][0].append_ms:
                best = rank
        return best

    def _is_alone(self, rank: int) -> bool:
        return all(other == rank or not queue for other, queue in enumerate(self._queues))
