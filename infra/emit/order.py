"""How events must be written so that ingest reads each account's in the order given, across three topics. Pure.

Ingest puts the topics of a partition in order by the broker's time stamp, with ties in favour of account events.
So before an event goes to another topic than those of its account that are still on their way, these must be
acknowledged and the broker's millisecond must have passed. Waiting at every change would cost a round trip each:
the events go in waves (an account changes its topic between waves only), and one wait parts two waves of all
accounts. Only the order between accounts is given up for that; nobody promises it. A tick moves the clock of
every account, so it goes alone, to each partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.envelope import STRUCTURED, OutgoingEvent
from schemas.events import CLOCK_TICK, TOPIC_OF_TYPE
from schemas.topics import INPUTS
from schemas.values import instant_text
from schemas.wire import Event, encode, read_event
from streams.ingest.partitioner import partition_of

# Two of the broker's milliseconds: the stamp of what is sent next is later for certain.
STAMP_S: Final = 0.002
RANK_OF_TYPE: Final = {kind: INPUTS.index(topic) for kind, topic in TOPIC_OF_TYPE.items()}
EVENT_HEADERS: Final[list[tuple[str, str | bytes | None]]] = [("content-type", STRUCTURED.encode())]
PRODUCER: Final[dict[str, Any]] = {
    # Java's and aiokafka's hash; librdkafka's own default sends most keys elsewhere.
    "partitioner": "murmur2_random",
    "acks": "all",
    "enable.idempotence": True,
    "compression.type": "lz4",
    "message.max.bytes": 3_145_728,
}


def key_of(account: str) -> bytes:
    """The key of a record of `account`; also of a name that is none, which ingest then refuses."""
    return account.encode("utf-8", "surrogatepass")


def waves_of(
    chunk: Sequence[OutgoingEvent], on_their_way: Mapping[str, int]
) -> list[list[tuple[OutgoingEvent, int]]]:
    """The chunk's events with the ranks of their topics, in waves: in each, an account's events go to one topic.

    `on_their_way`: account → rank of the topic of its events that are not yet acknowledged. The first wave, which
    may be empty, can be sent at once; each other one when everything before it is acknowledged.
    """
    waves: list[list[tuple[OutgoingEvent, int]]] = [[]]
    last: dict[str, tuple[int, int]] = {}
    for event in chunk:
        rank = RANK_OF_TYPE[event.type]
        wave, before = last.get(event.account) or (0, on_their_way.get(event.account, rank))
        if rank != before:
            wave += 1
            if wave == len(waves):
                waves.append([])
        last[event.account] = (wave, rank)
        waves[wave].append((event, rank))
    return waves


def is_tick(event: OutgoingEvent) -> bool:
    """True for `clock.tick`, which moves the clock of every partition."""
    return event.type == CLOCK_TICK


def ticks_apart(chunk: Sequence[OutgoingEvent]) -> Iterator[Sequence[OutgoingEvent]]:
    """`chunk` in runs without a tick, each tick a run of its own."""
    start = 0
    for position, event in enumerate(chunk):
        if is_tick(event):
            if position > start:
                yield chunk[start:position]
            yield [event]
            start = position + 1
    if start < len(chunk):
        yield chunk[start:]


def clock_accounts(partitions: int) -> list[str]:
    """An account name for each partition that lives there: what a tick of that partition is addressed to."""
    names: dict[int, str] = {}
    number = 0
    while len(names) < partitions:
        name = f"clock-{number}"
        names.setdefault(partition_of(name.encode(), partitions), name)
        number += 1
    return [names[partition] for partition in range(partitions)]


def ticks_of(tick: OutgoingEvent, accounts: Sequence[str]) -> list[OutgoingEvent]:
    """`tick` once for each of `accounts`, under an id for each; nothing where it is no event."""
    read = read_event(tick.raw)
    if not isinstance(read, Event):
        return []
    return ticks_at(instant_text(read.time_ms), read.source, read.id, accounts)


def ticks_at(instant: str, source: str, tick_id: str, accounts: Sequence[str]) -> list[OutgoingEvent]:
    """A tick at `instant` for each of `accounts`."""
    return [
        OutgoingEvent(account, CLOCK_TICK, _tick_event(account, instant, source, f"{tick_id}/{partition}"))
        for partition, account in enumerate(accounts)
    ]


def _tick_event(account: str, instant: str, source: str, tick_id: str) -> bytes:
    return encode({
        "specversion": "1.0", "id": tick_id, "source": source, "type": CLOCK_TICK, "subject": account,
        "time": instant, "datacontenttype": "application/json", "data": {},
    })  # fmt: skip
