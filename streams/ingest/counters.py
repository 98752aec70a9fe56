"""What became of an input: counted with its offset, in the metadata of the committed offset. Pure.

One commit moves both, so after any crash read = accepted + duplicates + rejected holds exactly.
"""

from __future__ import annotations

import msgspec


class Counters(msgspec.Struct):
    """Events of one input partition since its beginning; an unreadable message counts one."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0

    def metadata(self) -> str:
        """Compact JSON for Kafka's offset commit."""
        return msgspec.json.encode(self).decode()


def counters_of(metadata: str | None) -> Counters:
    """What `Counters.metadata` wrote; zeros where nothing was committed yet or by another program."""
    if not metadata:
        return Counters()
    try:
        return msgspec.json.decode(metadata, type=Counters)
    except msgspec.DecodeError:
        return Counters()
