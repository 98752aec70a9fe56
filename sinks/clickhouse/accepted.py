"""Journal records become rows: the requests that were served, what begins and ends on resources, the clock. Pure.

The journal, not an output topic: a request that is billed by the hour of its deployment leaves no charge of its own, and
the fold need not write a second record for each request that it bills. What the fold refuses is in the journal too; it
is in `rejections` with the same cause, and readers leave it out (`views/`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from schemas.journal import NO_CLOCK, decode_record
from schemas.journaled import read_journaled
from schemas.values import instant_text, plain
from schemas.wire import Event

_encode: Final = msgspec.json.encode
# Beyond it a JSON number is not read by every parser as it stands; the engine takes digits in quotes as well.
_PLAIN_INTEGER_MAX: Final = 2**53


class Rows(NamedTuple):
    """What one journal record gives: JSON lines by table, and the clock (None where it had none yet)."""

    requests: list[bytes]
    resource_events: list[bytes]
    clock_ms: int | None


def rows_of(partition: int, offset: int, value: bytes) -> Rows:
    """The rows in the journal record at `offset`.

    Raises msgspec.DecodeError or ValueError for bytes that ingest did not write.
    """
    record = decode_record(value)
    place = {"kafka_partition": partition, "kafka_offset": offset}
    rows = Rows([], [], None if record.clock == NO_CLOCK else record.clock)
    for position, raw in enumerate(record.events):
        event = read_journaled(raw)
        if event.type == "request.served":
            rows.requests.append(_encode(place | _head(event) | dict(_request(event.data))))
        elif (described := _DESCRIBED.get(event.type)) is not None:
            head = _head(event) | {"type": event.type, "resource": event.data.resource, "position": position}
            rows.resource_events.append(_encode(place | head | described(event.data)))
    return rows


def clock_row(partition: int, offset: int, clock_ms: int) -> bytes:
    """The row of `clocks` for the clock of a journal record."""
    return _encode({"kafka_partition": partition, "kafka_offset": offset, "time": instant_text(clock_ms)})


def _head(event: Event) -> dict[str, Any]:
    return {
        "account": event.account,
        "time": instant_text(event.time_ms),
        "source": event.source,
        "id": event.id,
    }


def _request(data: Any) -> Iterator[tuple[str, Any]]:
    for name in data.__struct_fields__:
        value = getattr(data, name)
        if isinstance(value, Decimal):
            yield name, plain(value)
        elif isinstance(value, int) and value > _PLAIN_INTEGER_MAX:
            yield name, str(value)
        elif value is not None:
            yield name, value


def _started(data: Any) -> dict[str, Any]:
    return {
        "sku": data.sku,
        "mode": data.mode,
        "model": data.model or "",
        "replicas": None if data.replicas is None else str(data.replicas),
    }


_DESCRIBED: Final[dict[str, Callable[[Any], dict[str, Any]]]] = {
    "instance.started": _started,
    "instance.stopped": lambda data: {"detail": data.reason},
    "instance.released": lambda _: {},
    "instance.mode_changed": lambda data: {"mode": data.mode},
    "deployment.replicas_changed": lambda data: {"replicas": str(data.replicas)},
    "model.state_changed": lambda data: {"detail": data.state},
    "capacity.deleted": lambda _: {},
}
