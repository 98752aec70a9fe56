"""A topic of the ledger held against the refold, record by record and byte by byte. Pure.

After a crash a worker writes the last moments again, so the topic holds twins; a twin must be equal. The topic is
read in step with the refold, so only what is between the two, and a window of what was met, is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from infra.audit.running import Difference
from schemas.wire import encode
from streams.core.amounts import EXACT, ZERO

# Twins lie no further apart than what a worker folds between two checkpoints.
REMEMBERED: Final = 250_000
WAITING_MAX: Final = 500_000


class _Head(msgspec.Struct):
    id: str
    account: str
    amount: str


_head = msgspec.json.Decoder(_Head)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


class _Line(NamedTuple):
    offset: int
    raw: bytes
    head: _Head


def lines_of(messages: Iterator[tuple[int, bytes]]) -> Iterator[_Line]:
    """The records of packed messages (offset, value), one by one."""
    for offset, value in messages:
        for raw in _raws.decode(value):
            line = bytes(raw)
            yield _Line(offset, line, _head.decode(line))


class Twins:
    """The records of one topic and partition. `name` is what differences call it."""

    def __init__(self, name: str, messages: Iterator[tuple[int, bytes]]) -> None:
        self._name = name
        self._lines = lines_of(messages)
        self._next: _Line | None = next(self._lines, None)
        # Id → (hash of the bytes, journal offset) of what was folded and not yet met in the topic.
        self._expected: dict[str, tuple[int, int]] = {}
        self._met: dict[str, int] = {}
        self._strange: dict[str, int] = {}
        self.differences: list[Difference] = []
        self.records = 0
        self.twins = 0
        self.sums: dict[str, Decimal] = {}

    def expect(self, offset: int, records: list[Any]) -> None:
        """The refold of journal record `offset` gives `records`."""
        for record in records:
            digest = hash(encode(record))
            if record.id in self._strange:
                self._meet(record.id, record.account, digest, self._strange.pop(record.id))
            else:
                self._expected[record.id] = (digest, offset)
        self._catch_up()

    def finish(self, floor: int) -> list[Difference]:
        """All differences, once the journal is at its end. `floor`: records of offsets before it must be there."""
        self._catch_up(is_end=True)
        for name in self._strange:
            self.differences.append(
                Difference("", self._name, name, "not in it", "a record that the journal does not give")
            )
        for name, (_, offset) in self._expected.items():
            if offset < floor:
                self.differences.append(
                    Difference("", self._name, name, f"from journal record {offset}", "missing")
                )
        return self.differences

    def _catch_up(self, *, is_end: bool = False) -> None:
        """Read on until a record comes that is not folded yet."""
        while (line := self._next) is not None:
            known = line.head.id in self._met
            if not known and line.head.id not in self._expected:
                if not is_end and len(self._expected) < WAITING_MAX:
                    return
                self._strange.setdefault(line.head.id, hash(line.raw))
            else:
                self._take(line, is_twin=known)
            self._next = next(self._lines, None)

    def _take(self, line: _Line, *, is_twin: bool) -> None:
        name, digest = line.head.id, hash(line.raw)
        if is_twin:
            self.twins += 1
            if self._met[name] != digest:
                self.differences.append(
                    Difference(
                        line.head.account,
                        self._name,
                        name,
                        "one content",
                        f"a twin with another one at {line.offset}",
                    )
                )
            return
        expected, _ = self._expected.pop(name)
        self._meet(name, line.head.account, expected, digest)
        self.sums[line.head.account] = EXACT.add(
            self.sums.get(line.head.account, ZERO), Decimal(line.head.amount)
        )

    def _meet(self, name: str, account: str, expected: int, found: int) -> None:
        self.records += 1
        if expected != found:
            self.differences.append(
                Difference(account, self._name, name, "what the journal gives", "other content")
            )
        self._met[name] = expected
        if len(self._met) > REMEMBERED:
            del self._met[next(iter(self._met))]
