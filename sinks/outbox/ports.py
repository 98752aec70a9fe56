"""What a dispatcher works with: a way out, where records come from, and who is told what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sinks.outbox.items import Item, Outcome, Received, Report, Taken


class Channel(Protocol):
    """A way out."""

    @property
    def name(self) -> str:
        """What deliveries call it."""

    def receive(self, topic: str, value: bytes) -> Sequence[Received]:
        """What follows from a record of `topic`; raises `Unreadable`."""

    async def deliver(self, items: Sequence[Item]) -> Outcome:
        """Try to send `items` as one."""

    async def close(self) -> None:
        """Say goodbye."""


class Source(Protocol):
    """Where records come from; `sinks.outbox.kafka.Reader`."""

    def read(self) -> list[Taken]:
        """What has come."""

    def commit(self) -> None:
        """It is taken care of."""

    def close(self) -> None:
        """No more."""


class Witness(Protocol):
    """Who is told of deliveries; `sinks.outbox.kafka.Reporter`."""

    def send(self, reports: Sequence[Report]) -> bool:
        """True once they are written."""
