"""CloudEvents in the three content modes of Kafka's binding, and what is no message at all (contract 1)."""

import json
from typing import Any

import pytest

from schemas.envelope import BATCH_EVENTS_MAX, EVENT_BYTES_MAX, read_message
from schemas.wire import Event, Unreadable
from tests.scenarios.telling import beat

HEARTBEAT: dict[str, Any] = json.loads(beat("10:00"))
ATTRIBUTES = [
    (f"ce_{name}", str(value).encode())
    for name, value in HEARTBEAT.items()
    if name not in {"data", "datacontenttype"}
]
DATA = json.dumps(HEARTBEAT["data"]).encode()


def _detail(value: bytes | None, headers: list[tuple[str, bytes | str | None]] | None = None) -> str:
    (item,) = read_message(value, headers)
    assert isinstance(item.read, Unreadable)
    return item.read.detail


@pytest.mark.parametrize(
    "kind", [b"application/json", b"Application/JSON; charset=utf-8", None, "application/json"]
)
def test_attributes_in_headers_are_the_event_that_one_document_is(kind: bytes | str | None) -> None:
    (structured,) = read_message(beat("10:00"))

    (binary,) = read_message(DATA, [*ATTRIBUTES, ("Content-Type", kind), ("trace", b"1"), ("ce_empty", None)])

    assert isinstance(structured.read, Event)
    assert isinstance(binary.read, Event)
    assert binary.read.content == structured.read.content
    assert (binary.read.id, binary.read.source) == (structured.read.id, structured.read.source)


def test_data_that_is_no_json_is_told_with_its_account() -> None:
    (item,) = read_message(b"<xml>", [*ATTRIBUTES])

    assert isinstance(item.read, Unreadable)
    assert item.read.account == HEARTBEAT["subject"]
    assert item.read.detail.startswith("data is not JSON")
    assert item.raw == b"<xml>"


def test_a_header_that_says_structured_makes_an_array_no_batch() -> None:
    assert (
        _detail(b"[]", [("content-type", b"application/cloudevents+json")])
        == "an event must be a JSON object"
    )


def test_a_header_that_says_batch_needs_an_array() -> None:
    headers: list[tuple[str, bytes | str | None]] = [("content-type", b"application/cloudevents-batch+json")]

    assert isinstance(read_message(b"[" + beat("10:00") + b"]", headers)[0].read, Event)
    assert len(read_message(beat("10:00"), headers)) == 1


def test_a_tombstone_is_no_event() -> None:
    assert _detail(None) == "an event is needed, not a tombstone"


def test_a_batch_has_a_bound() -> None:
    most = b"[" + b",".join([b"1"] * BATCH_EVENTS_MAX) + b"]"
    more = b"[" + b",".join([b"1"] * (BATCH_EVENTS_MAX + 1)) + b"]"

    assert len(read_message(most)) == BATCH_EVENTS_MAX
    assert _detail(more) == "10001 events; a batch has at most 10000"


def test_what_begins_like_a_batch_and_is_none_is_told_so() -> None:
    assert _detail(b"[1,").startswith("not JSON")


def test_an_event_has_a_bound() -> None:
    most = b"x" * EVENT_BYTES_MAX

    assert _detail(most).startswith("not JSON")
    assert _detail(most + b"x") == "262145 bytes; an event has at most 262144"
