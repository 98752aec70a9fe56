"""CloudEvents 1.0 content modes over Kafka: structured, binary and batch become structured events. Pure.

Source: CloudEvents Kafka protocol binding 1.0.2, section 3; contract 1. Without a `content-type` header the
value is structured JSON (an object) or a batch (an array). A batch's events share one subject (Kafka's key) and
stand each alone; one with mixed subjects is refused whole. Over HTTP they may differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from schemas.wire import Event, Unreadable, read_event, unreadable

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EVENT_BYTES_MAX = 262_144
BATCH_EVENTS_MAX = 10_000

Headers = Iterable[tuple[str, bytes | str | None]]


class Item(msgspec.Struct):
    """One thing that came in a message: an event, or what could not be read, with its bytes."""

    read: Event | Unreadable
    raw: bytes


class OutgoingEvent(NamedTuple):
    """An event that was checked and is to be written: its account (the key), its type (the topic) and its bytes."""

    account: str
    type: str
    raw: bytes


_raw_list = msgspec.json.Decoder(list[msgspec.Raw])


def read_message(
    value: bytes | None, headers: Headers | None = None, *, one_subject: bool = True
) -> list[Item]:
    """Every event that a Kafka message (or a line of a file) holds, in its order; never raises for bad input.

    `value`: the bytes as they came. `headers`: Kafka's, any case, values as bytes or text. `one_subject`: whether
    the events of a batch must share one.
    """
    if value is None:
        return [Item(Unreadable("an event is needed, not a tombstone", None, "", ""), b"")]
    value = value.strip()
    kind, attributes = _attributes(headers) if headers else (None, {})
    if attributes and kind not in (STRUCTURED, BATCH):
        return [_binary(value, kind, attributes)]
    if kind == BATCH or (kind != STRUCTURED and value.lstrip()[:1] == b"["):
        return _batch(value, one_subject=one_subject)
    return [_single(value)]


def _single(raw: bytes) -> Item:
    if len(raw) > EVENT_BYTES_MAX:
        return Item(
            Unreadable(f"{len(raw)} bytes; an event has at most {EVENT_BYTES_MAX}", None, "", ""), raw
        )
    return Item(read_event(raw), raw)


def _batch(value: bytes, *, one_subject: bool) -> list[Item]:
    try:
        raws = [bytes(raw) for raw in _raw_list.decode(value)]
    except (msgspec.DecodeError, ValueError, RecursionError):
        return [Item(unreadable(value), value)]
    if not raws:
        return [Item(Unreadable("an empty batch", None, "", ""), value)]
    if len(raws) > BATCH_EVENTS_MAX:
        return [
            Item(
                Unreadable(f"{len(raws)} events; a batch has at most {BATCH_EVENTS_MAX}", None, "", ""), value
            )
        ]
    items = [_single(raw) for raw in raws]
    if one_subject and len(_subjects(items)) > 1:
        return [Item(Unreadable("the events of a batch must share one subject", None, "", ""), value)]
    return items


def _subjects(items: Sequence[Item]) -> set[str]:
    return {item.read.account for item in items if item.read.account is not None}


def _attributes(headers: Headers) -> tuple[str | None, dict[str, str]]:
    kind, attributes = None, {}
    for name, value in headers:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        lower = name.lower()
        if lower == "content-type" and text is not None:
            kind = text.partition(";")[0].strip().lower()
        elif lower.startswith("ce_") and text is not None:
            attributes[lower[3:]] = text
    return kind, attributes


def _binary(value: bytes, kind: str | None, attributes: dict[str, str]) -> Item:
    """The structured form of a binary-mode event; data that is no JSON is told as such."""
    envelope: dict[str, object] = {**attributes, "datacontenttype": kind or "application/json"}
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return Item(Unreadable(f"data is not JSON: {error}", attributes.get("subject"), "", ""), value)
    envelope["data"] = msgspec.Raw(value)
    raw = msgspec.json.encode(envelope)
    return _single(raw)
