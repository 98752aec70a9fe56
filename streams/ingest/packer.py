"""Accepted events become journal records: as many to a record as fit. Pure.

A record belongs to one clock; `begin` with a later one is a tick and is written even when no event follows.
"""

from __future__ import annotations

from schemas.journal import BYTES_MAX, EVENTS_MAX, encode_record

# What a refused pair takes in JSON: 32 + 16 hex digits, quotes, commas and brackets.
REFUSED_BYTES = 56
REFUSED_MAX = 5_000


class Packer:
    """Packs one partition's records; `records` holds those that are complete."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self._clock = 0
        self._events: list[bytes] = []
        self._refused: list[tuple[str, str]] = []
        self._bytes = 0
        self._is_tick = False

    def begin(self, clock: int, *, is_tick: bool) -> None:
        """Start a record at `clock`; the one before it is complete."""
        self._close()
        self._clock, self._is_tick = clock, is_tick

    def has_room(self, size: int) -> bool:
        """True where an event of `size` bytes, and a refused pair, fit in the record that is open."""
        return (
            len(self._events) < EVENTS_MAX
            and len(self._refused) < REFUSED_MAX
            and (self._bytes + size + REFUSED_BYTES <= BYTES_MAX or not self._bytes)
        )

    def add(self, raw: bytes) -> None:
        """The next event."""
        self._events.append(raw)
        self._bytes += len(raw) + 1

    def refuse(self, identity: bytes, content: int) -> None:
        """An identity that was turned away, so that the index can be rebuilt from the journal alone."""
        self._refused.append((identity.hex(), f"{content:016x}"))
        self._bytes += REFUSED_BYTES

    def take(self) -> list[bytes]:
        """All records, the open one included; the packer is empty afterwards."""
        self._close()
        records, self.records = self.records, []
        return records

    def _close(self) -> None:
        if self._events or self._refused or self._is_tick:
            self.records.append(encode_record(self._clock, self._events, self._refused))
        self._events, self._refused, self._bytes, self._is_tick = [], [], 0, False
