"""Which notices and commands are to be sent again."""

from dataclasses import dataclass

import msgspec


class _Head(msgspec.Struct):
    id: str
    account: str
    time: str


_head = msgspec.json.Decoder(_Head)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Those with `record` as id, of `account`, that fell due at `since` or later; None asks for nothing."""

    record: str | None = None
    account: str | None = None
    since: str | None = None

    def takes(self, value: bytes) -> bool:
        """Whether the record `value` is wanted; never what is no such record."""
        try:
            head = _head.decode(value)
        except msgspec.DecodeError:
            return False
        return (
            self.record in (None, head.id)
            and self.account in (None, head.account)
            and head.time >= (self.since or "")
        )
