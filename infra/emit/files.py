"""Files of events, event by event, each with the place where it stands. Reads files, writes nothing.

A file is JSON Lines (a line that holds an array is a CloudEvents batch, as for `simulate`), or one JSON array
over many lines, whose events stand each alone. `-` is standard input; it is copied to a temporary file, because
a file is read twice: once to check all of it, once to send it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, Self

import msgspec

from schemas.envelope import Item, OutgoingEvent, read_message
from schemas.wire import Event, Unreadable
from streams.core.intake import shape_fault

STDIN = "-"
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])


class Place(NamedTuple):
    """Where an event stands: line, and its number where the line or file holds several, both from 1."""

    file: str
    line: int
    item: int

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}[{self.item}]" if self.item else where


class Fault(NamedTuple):
    """An event that cannot be sent, and why."""

    place: Place
    detail: str


class Checked(NamedTuple):
    """What a first reading found. `end_ms`: the greatest time among the good events, None where there is none."""

    events: int
    faults: list[Fault]
    end_ms: int | None


class _Head(msgspec.Struct):
    type: str
    subject: str


_head = msgspec.json.Decoder(_Head)


class Files:
    """Files that can be read more than once; use it as a context."""

    def __init__(self, names: Sequence[str], spec_skus: frozenset[str]) -> None:
        """`spec_skus`: the skus that need a machine's specification, which only the price book tells."""
        self._names = names
        self._spec_skus = spec_skus
        self._stdin: IO[bytes] | None = None

    def __enter__(self) -> Self:
        if STDIN in self._names:
            self._stdin = tempfile.TemporaryFile()
            shutil.copyfileobj(sys.stdin.buffer, self._stdin)
        return self

    def __exit__(self, *_: object) -> None:
        if self._stdin is not None:
            self._stdin.close()

    def check(self) -> Checked:
        """Read everything once. Raises OSError where a file cannot be read."""
        events, faults, end_ms = 0, [], None
        for place, item in self._items():
            events += 1
            fault = self._fault(item.read)
            if fault is not None:
                faults.append(Fault(place, fault))
            elif isinstance(item.read, Event):
                end_ms = item.read.time_ms if end_ms is None else max(end_ms, item.read.time_ms)
        return Checked(events, faults, end_ms)

    def outgoing(self, faults: Sequence[Fault]) -> Iterator[OutgoingEvent]:
        """The events to send, in their order, without those that `check` found at fault."""
        bad = {fault.place for fault in faults}
        for place, raw in self._raws():
            if place not in bad:
                head = _head.decode(raw)
                yield OutgoingEvent(head.subject, head.type, raw)

    def _fault(self, read: Event | Unreadable) -> str | None:
        return read.detail if isinstance(read, Unreadable) else shape_fault(read, self._spec_skus)

    def _items(self) -> Iterator[tuple[Place, Item]]:
        for place, line, stands_alone in self._lines():
            items = read_message(line)
            numbered = not stands_alone and _is_array(line) and len(items) > 1
            for number, item in enumerate(items, start=1):
                yield (place._replace(item=number) if numbered else place), item

    def _raws(self) -> Iterator[tuple[Place, bytes]]:
        """As `_items`, without judging the events a second time."""
        for place, line, _ in self._lines():
            if not _is_array(line):
                yield place, line
                continue
            items = read_message(line)
            for number, item in enumerate(items, start=1):
                yield (place._replace(item=number) if len(items) > 1 else place), item.raw

    def _lines(self) -> Iterator[tuple[Place, bytes, bool]]:
        """Each line with something in it, or each element of a file that is one array (then True)."""
        for name in self._names:
            if name == STDIN and self._stdin is not None:
                self._stdin.seek(0)
                yield from _lines_of(self._stdin, "stdin")
            else:
                with Path(name).open("rb") as stream:
                    yield from _lines_of(stream, name)


def _is_array(line: bytes) -> bool:
    return line[:1] == b"["


def _lines_of(stream: IO[bytes], name: str) -> Iterator[tuple[Place, bytes, bool]]:
    for number, line in enumerate(stream, start=1):
        text = line.strip()
        if not text:
            continue
        if number == 1 and _is_array(text) and not _is_json(text):
            # Its first line alone is no JSON: perhaps the whole file is one array.
            whole = text + b"\n" + stream.read()
            yield from _elements(whole, name)
            return
        yield Place(name, number, 0), text, False


def _elements(whole: bytes, name: str) -> Iterator[tuple[Place, bytes, bool]]:
    try:
        elements = _raw_list.decode(whole)
    except (msgspec.DecodeError, ValueError, RecursionError):
        for number, line in enumerate(whole.split(b"\n"), start=1):
            if line.strip():
                yield Place(name, number, 0), line.strip(), False
        return
    for number, raw in enumerate(elements, start=1):
        yield Place(name, 0, number), bytes(raw).strip(), True


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return True
