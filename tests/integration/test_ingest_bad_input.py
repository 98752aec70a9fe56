"""Whatever is sent, ingest goes on: each bad thing is exactly one rejection, and all is accounted for."""

import json
from collections import Counter
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from infra.settings import Settings
from infra.topics import create_topics
from schemas.records import Rejection
from schemas.topics import ACCOUNT_EVENTS, PAYMENT_EVENTS, USAGE_EVENTS
from streams.ingest.loop import wall_ms
from streams.ingest.partitioner import partition_of
from tests.integration.ingest_kafka import (
    ids_of,
    producer_of,
    read_journal,
    rejections_of,
    wait_until_read,
)
from tests.servers import running_part
from tests.streams.ingest_fakes import DAY_MS, event_bytes

pytestmark = pytest.mark.kafka

ACCOUNT = "acct-1"


def _now_event(event_id: str, **changes: object) -> bytes:
    return event_bytes(event_id, **({"account": ACCOUNT, "time_ms": wall_ms()} | changes))  # type: ignore[arg-type]


def _field(name: str, value: object) -> bytes:
    envelope = json.loads(_now_event(f"field-{name}-{value!r}"[:200]))
    return json.dumps(envelope | {name: value}).encode()


def _raw_data(data: str) -> bytes:
    return _now_event("raw").replace(b'{"request": "r", "model": "m"}', data.encode())


# Each of these is refused once, as schema_invalid.
GARBAGE: dict[str, bytes | None] = {
    "tombstone": None,
    "nothing": b"",
    "blank": b"   ",
    "not JSON": b"rubbish",
    "cut": _now_event("cut")[:-3],
    "a batch of a number": b"[1]",
    "a number": b"1",
    "null": b"null",
    "empty object": b"{}",
    "empty batch": b"[]",
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "invalid UTF-8": b"\xff\xfe\x00",
    "invalid UTF-8 in an attribute": b'{"ext":"\xff",' + _now_event("utf8")[1:],
    "invalid UTF-8 in a value": _now_event("utf8").replace(b'"r"', b'"\xff"'),
    "lone surrogate": _raw_data('{"request": "\\ud800", "model": "m"}'),
    "control character": _raw_data('{"request": "\\u0000", "model": "m"}'),
    "NaN": _raw_data('{"request": "r", "model": "m", "seconds": NaN}'),
    "infinity": _raw_data('{"request": "r", "model": "m", "seconds": 1e999}'),
    "float": _raw_data('{"request": "r", "model": "m", "seconds": 1.5}'),
    "float count": _raw_data('{"request": "r", "model": "m", "input_tokens": 7.0}'),
    "exponent": _raw_data('{"request": "r", "model": "m", "seconds": "1e3"}'),
    "negative": _raw_data('{"request": "r", "model": "m", "input_tokens": -1}'),
    "fraction of a token": _raw_data('{"request": "r", "model": "m", "input_tokens": "0.5"}'),
    "huge number": _raw_data('{"request": "r", "model": "m", "input_tokens": %s}' % ("9" * 5_000)),
    "27 digits": _raw_data('{"request": "r", "model": "m", "seconds": "%s"}' % ("9" * 27)),
    "boolean for a number": _raw_data('{"request": "r", "model": "m", "seconds": true}'),
    "null field": _raw_data('{"request": "r", "model": "m", "key": null}'),
    "unknown field": _raw_data('{"request": "r", "model": "m", "colour": "red"}'),
    "missing field": _raw_data('{"request": "r"}'),
    "data is a list": _raw_data("[]"),
    "data is a string": _raw_data('"x"'),
    "unknown type": _field("type", "request.dreamt"),
    "type is a number": _field("type", 7),
    "type of another topic": _now_event(
        "other-topic", kind="account.opened", profile="flexai", email="a@b.c"
    ),
    "id is a number": _field("id", 7),
    "empty id": _field("id", ""),
    "long id": _field("id", "x" * 513),
    "empty source": _field("source", ""),
    "other subject": _field("subject", "acct-2"),
    "subject is a list": _field("subject", ["acct-1"]),
    "old version": _field("specversion", "0.3"),
    "no offset in time": _field("time", "2026-11-22T00:00:00"),
    "date only": _field("time", "2026-11-22"),
    "February 30": _field("time", "2026-02-30T00:00:00Z"),
    "before year 1": _field("time", "0001-01-01T00:00:00+14:00"),
    "after year 9999": _field("time", "9999-12-31T23:59:59-14:00"),
    "time is a number": _field("time", 1_795_305_600),
    "content type of data": _field("datacontenttype", "text/plain"),
    "mixed batch": b"[" + _now_event("m1") + b"," + _field("subject", "acct-2") + b"]",
    "two megabytes": _now_event("long", request="x" * 2_000_000, model="m"),
    "two megabytes of rubbish": b"\x80" * 2_000_000,
    "two megabytes of digits": _raw_data("9" * 2_000_000),
}


def _send_keys_and_partitions(producer: Producer, settings: Settings) -> int:
    """Messages whose fault is outside of their value; how many."""
    topic = settings.topic(USAGE_EVENTS)
    home = partition_of(ACCOUNT.encode(), settings.partitions)
    producer.produce(topic, partition=home, value=_now_event("no-key"))
    producer.produce(topic, partition=home, key=b"", value=_now_event("empty-key"))
    producer.produce(topic, partition=home, key=b"acct-2", value=_now_event("other-key"))
    producer.produce(topic, partition=home, key=b"\xff", value=_now_event("rubbish-key"))
    wrong = (home + 1) % settings.partitions
    producer.produce(topic, partition=wrong, key=ACCOUNT, value=_now_event("wrong-partition"))
    producer.produce(settings.topic(ACCOUNT_EVENTS), key=ACCOUNT, value=_now_event("wrong-topic"))
    producer.produce(settings.topic(PAYMENT_EVENTS), key=ACCOUNT, value=_now_event("wrong-topic-too"))
    return 7


def _send_out_of_time(send: Callable[[bytes], None]) -> int:
    """Valid events of impossible times, each told twice; how many messages."""
    times = [wall_ms() + days * DAY_MS for days in (-36, -20_000, -700_000, 1, 20_000, 2_000_000)]
    for time_ms in times:
        for _ in range(2):
            send(_now_event(f"at-{time_ms}", time_ms=time_ms))
    return 2 * len(times)


def test_each_bad_thing_is_one_rejection_and_nothing_stalls(kafka_settings: Settings) -> None:
    create_topics(kafka_settings)
    producer, topic = producer_of(kafka_settings), kafka_settings.topic(USAGE_EVENTS)

    def send(value: bytes | None) -> None:
        producer.produce(topic, key=ACCOUNT, value=value)

    with running_part(kafka_settings, "ingest"):
        # Out of time is judged by clocks, so there must be one: the first good event is in before.
        send(_now_event("first"))
        producer.flush()
        wait_until_read(kafka_settings, 1)
        for number, value in enumerate(GARBAGE.values()):
            send(value)
            send(_now_event(f"good-{number}"))
        outside = _send_keys_and_partitions(producer, kafka_settings)
        out_of_time = _send_out_of_time(send)
        send(_now_event("good-0", request="other", model="m"))
        send(_now_event("last"))
        producer.flush()
        sent = 1 + 2 * len(GARBAGE) + outside + out_of_time + 2
        counters = wait_until_read(kafka_settings, sent)

    rejections = rejections_of(kafka_settings)
    reasons = Counter(rejection["reason"] for rejection in rejections)
    assert reasons == {
        "schema_invalid": len(GARBAGE) + outside, "too_old": 3, "too_new": 3, "duplicate_conflict": 1,
    }  # fmt: skip
    assert (counters.read, counters.rejected) == (sent, len(rejections))
    # Told again, what is out of time is dropped.
    assert counters.duplicates == out_of_time // 2
    assert counters.read == counters.accepted + counters.duplicates + counters.rejected
    good = {"first", "last", *(f"good-{number}" for number in range(len(GARBAGE)))}
    assert sorted(ids_of(r for records in read_journal(kafka_settings) for r in records)) == sorted(good)
    assert len({rejection["id"] for rejection in rejections}) == len(rejections)
    for rejection in rejections:
        Rejection.model_validate(rejection)
        assert rejection["detail"]
