"""The journal: every accepted event once, in the order that everything else follows. Pure.

One Kafka record of the topic `journal` carries up to `EVENTS_MAX` events of one partition:
``{"clock": ms, "events": [CloudEvent, …], "refused": [[identity, content], …]}``.

`clock` is the partition's clock *before* the record's events: the reader first lets every timer due at or
before it fire, then takes the events in order. A tick is a record with a later clock (a `clock.tick` event
begins a record of its own). The clock stands in every record, so the fold is a function of the journal alone.
`refused` names identities that ingest turned away itself (conflicts, too old, too new): with them the index of
identities can be rebuilt from the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

EVENTS_MAX = 500
BYTES_MAX = 900_000
NO_CLOCK = -(2**62)


class JournalRecord(msgspec.Struct):
    """One record of the journal."""

    clock: int
    events: list[msgspec.Raw]
    refused: list[tuple[str, str]] = []


_decoder = msgspec.json.Decoder(JournalRecord)


def identity_of(account: str, source: str, event_id: str) -> bytes:
    """16 bytes that stand for (`source`, `id`) within a subject (contract 8.2)."""
    # Lengths keep ("ab", "c") apart from ("a", "bc"). Names hold no surrogates, so they always encode.
    text = f"{len(account)},{len(source)}:{account}{source}{event_id}"
    return blake2b(text.encode(), digest_size=16).digest()


def encode_record(clock: int, events: Sequence[bytes], refused: Sequence[tuple[str, str]] = ()) -> bytes:
    """The bytes of one record; `events` are structured CloudEvents as bytes."""
    tail = b',"refused":' + msgspec.json.encode(refused) if refused else b""
    return b'{"clock":%d,"events":[%b]%b}' % (clock, b",".join(events), tail)


def decode_record(value: bytes) -> JournalRecord:
    """The record in `value`; raises msgspec.DecodeError, as the journal has one writer and it writes no other."""
    return _decoder.decode(value)
