"""What an operator tells of payments that no webhook tells: one event, sent once, and what became of it.

Promises: what was told before under the same identity is not sent with another content: it is found in the topic
`payment.events`, sent again as it was (and dropped as a duplicate), or the difference is told. So a command that was
cut off can be given again. The answer is the worker's: its records are read once it is past the event.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from infra.audit.progress import wait_until_folded
from infra.audit.topics import Topics
from infra.emit.sender import Sender
from infra.errors import CommandFailed
from infra.settings import Clock, Settings
from schemas.adapters import payment_event
from schemas.envelope import OutgoingEvent
from schemas.journal import NO_CLOCK, decode_record
from schemas.topics import BALANCES, JOURNAL_TOPIC, PAYMENT_EVENTS, REJECTIONS
from schemas.values import instant_of
from schemas.wire import Event, read_event
from streams.ingest.partitioner import partition_of

SOURCE: Final = "meterstream/pay"


class Word(NamedTuple):
    """What is to be told: an event of `payment.events` without its time. `currency` in `data` may be missing."""

    kind: str
    account: str
    id: str
    data: Mapping[str, str]


class Answer(NamedTuple):
    """What became of it. `balance`: the account's record, None where there is none; `repeated`: told before."""

    event: OutgoingEvent
    repeated: bool
    balance: dict[str, Any] | None
    refused: dict[str, Any] | None


def voucher_of(text: str) -> str:
    """The voucher's id: of a file its SHA-256, so that the same file is the same voucher; any other text is an id."""
    path = Path(text)
    return f"sha256:{sha256(path.read_bytes()).hexdigest()}" if path.is_file() else text


def _read(event: OutgoingEvent) -> Event:
    found = read_event(event.raw)
    if not isinstance(found, Event):
        raise CommandFailed(f"nothing was sent: {found.detail}")
    return found


class Till:
    """Tells the pipeline of payments. Raises CommandFailed, and KafkaException where Kafka does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = Topics(settings)
        self._partitions = self._topics.partitions(PAYMENT_EVENTS)

    def tell(self, word: Word, *, at: str | None = None, wait_s: float | None = 30.0) -> Answer:
        """Send the event of `word` and wait up to `wait_s` for what became of it (None: not at all).

        `at`: its time, by default now, on the clock `events` the greatest tick.
        """
        partition = partition_of(word.account.encode(), self._partitions)
        if "currency" not in word.data:
            word = word._replace(
                data={**word.data, "currency": self._currency(word.account, partition, wait_s or 0)}
            )
        earlier = self._earlier(word, partition)
        event = self._event(word, partition, at, earlier)
        start = 0 if earlier else self._ends(REJECTIONS)[partition]
        Sender(self._settings, ticks=False).send([event])
        if wait_s is None:
            return Answer(event, earlier is not None, None, None)
        wait_until_folded(self._topics, self._partitions, wait_s)
        refused = self._refused(word, partition, start)
        return Answer(event, earlier is not None, self._balance(word.account, partition), refused)

    # --- the event ------------------------------------------------------------------------------------------

    def _event(self, word: Word, partition: int, at: str | None, earlier: Event | None) -> OutgoingEvent:
        time_ms = self._time_ms(at, partition) if at or earlier is None else earlier.time_ms
        try:
            event = payment_event(word.kind, word.account, SOURCE, word.id, time_ms=time_ms, data=word.data)
        except ValueError as error:
            raise CommandFailed(f"nothing was sent: {error}") from None
        if earlier is not None and earlier.content != _read(event).content:
            raise CommandFailed(
                f"nothing was sent: {word.id} was told before with another content or time;"
                " --id tells two happenings apart"
            )
        return event

    def _time_ms(self, at: str | None, partition: int) -> int:
        if at is not None:
            try:
                return instant_of(at)
            except ValueError as error:
                raise CommandFailed(f"--time {at}: {error}") from None
        if self._settings.clock is Clock.WALL:
            return time.time_ns() // 1_000_000
        end = self._ends(JOURNAL_TOPIC)[partition]
        last = self._topics.last_offset(JOURNAL_TOPIC, partition, end)
        clocks = [
            decode_record(record.value).clock
            for record in self._topics.read(JOURNAL_TOPIC, partition, end, max(last, 0))
        ]
        if not clocks or clocks[-1] == NO_CLOCK:
            raise CommandFailed("the clock `events` has not ticked yet: give --time")
        return clocks[-1]

    def _earlier(self, word: Word, partition: int) -> Event | None:
        """What was first told under this identity; input topics keep it as long as ingest remembers identities."""
        needle = msgspec.json.encode(word.id)
        for record in self._read(PAYMENT_EVENTS, partition):
            if needle in record:
                found = read_event(record)
                if isinstance(found, Event) and (found.account, found.source, found.id) == (
                    word.account, SOURCE, word.id,
                ):  # fmt: skip
                    return found
        return None

    # --- what is read ---------------------------------------------------------------------------------------

    def _currency(self, account: str, partition: int, wait_s: float) -> str:
        balance = self._balance(account, partition)
        if balance is None and wait_s:
            # Perhaps it was opened a moment ago.
            wait_until_folded(self._topics, self._partitions, wait_s)
            balance = self._balance(account, partition)
        if balance is None:
            raise CommandFailed(
                f"no account {account!r} in this namespace: give --currency to tell of it all the same"
            )
        return str(balance["currency"])

    def _balance(self, account: str, partition: int) -> dict[str, Any] | None:
        needle = msgspec.json.encode(account)
        found: dict[str, Any] | None = None
        for value in self._read(BALANCES, partition):
            if needle in value and (record := msgspec.json.decode(value))["account"] == account:
                found = record
        return found

    def _refused(self, word: Word, partition: int, start: int) -> dict[str, Any] | None:
        for value in self._read(REJECTIONS, partition, start):
            record = msgspec.json.decode(value)
            if record["account"] == word.account and record["cause"] == {"source": SOURCE, "id": word.id}:
                found: dict[str, Any] = record
                return found
        return None

    def _read(self, topic: str, partition: int, start: int = 0) -> list[bytes]:
        end = self._ends(topic)[partition]
        return [record.value for record in self._topics.read(topic, partition, end, start)]

    def _ends(self, topic: str) -> dict[int, int]:
        ends = self._topics.ends([topic], self._partitions)
        return {partition: end for (_, partition), end in ends.items()}
