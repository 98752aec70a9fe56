"""What the engine needs from outside, as small ports: the fold, the topics' names, the way out. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from schemas import topics
from schemas.wire import Event
from streams.core.state import Account, Outbox


@dataclass(frozen=True, slots=True)
class Fold:
    """The functions of `streams.core.fold` with the price book that they are given."""

    book: Any
    new_account: Callable[[str], Account]
    apply: Callable[[Account, Event, int, Any, Outbox], None]
    advance: Callable[[Account, int, Any, Outbox], None]
    balance_record: Callable[[Account, Any], Any]
    open_windows: Callable[[Account, Any], tuple[list[Any], list[Any]]]


@dataclass(frozen=True, slots=True)
class Names:
    """The topics as they are called in this namespace."""

    journal: str = topics.JOURNAL_TOPIC
    accounts: str = topics.ACCOUNTS
    charges: str = topics.CHARGES
    entries: str = topics.LEDGER
    balances: str = topics.BALANCES
    hourly: str = topics.HOURLY
    daily: str = topics.DAILY
    notices: str = topics.NOTICES
    commands: str = topics.COMMANDS
    rejections: str = topics.REJECTIONS

    @property
    def all(self) -> tuple[str, ...]:
        """Every topic that must have the same number of partitions."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)

    @classmethod
    def within(cls, name_of: Callable[[str], str]) -> Names:
        """The names that `name_of` makes of the plain ones."""
        plain = cls()
        return cls(**{field: name_of(getattr(plain, field)) for field in cls.__dataclass_fields__})


class Sender(Protocol):
    """The way out. Order within a partition of a topic is kept; a failed send raises `SendFailed` at the latest
    in the next `delivered`, and then nothing is acknowledged any more.
    """

    def send(self, topic: str, partition: int, key: str | None, value: bytes) -> None:
        """Hand over one record; it may not be durable before `delivered` returns."""

    async def room(self) -> None:
        """Wait until the buffer can take a few thousand more records."""

    async def delivered(self) -> None:
        """Wait until everything that was sent before this call is durable."""


class SendFailed(Exception):
    """Kafka did not take a record: the process must end, it will be folded again."""


class WorkerRefused(Exception):
    """The worker must not start on these topics or settings; the message says what to mend."""
