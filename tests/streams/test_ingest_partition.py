"""One partition of ingest: precedence, packing, ticks, counters and rejections, without Kafka."""

import json

import pytest

from schemas.journal import BYTES_MAX, EVENTS_MAX, NO_CLOCK
from schemas.records import Rejection
from schemas.values import instant_text
from streams.ingest.counters import Counters, counters_of
from tests.streams.ingest_fakes import HORIZON_MS, NOON, World, event_bytes, incoming, letters

ACCOUNT, USAGE = 0, 2


def test_read_is_accepted_and_duplicates_and_rejected() -> None:
    world = World()

    output = world.tell(
        event_bytes("a"), event_bytes("a"), b"rubbish", event_bytes("a", request="x", model="m"),
        b"[" + event_bytes("b") + b"," + event_bytes("c") + b"]",
    )  # fmt: skip

    assert output.positions[USAGE] == (5, Counters(read=6, accepted=3, duplicates=1, rejected=2))
    assert output.positions[ACCOUNT] == (0, Counters())
    assert world.accepted() == ["a", "b", "c"]


def test_counters_survive_as_metadata() -> None:
    counters = Counters(read=6, accepted=3, duplicates=1, rejected=2)

    assert counters.metadata() == '{"read":6,"accepted":3,"duplicates":1,"rejected":2}'
    assert counters_of(counters.metadata()) == counters
    assert counters_of(None) == counters_of("") == counters_of("by another program") == Counters()


def test_one_reason_is_given_in_the_order_of_precedence() -> None:
    world = World()
    old = NOON - HORIZON_MS - 1
    world.tell(event_bytes("e"))

    world.tell(
        # Invalid before conflict, conflict before too old, invalid leaves no trace, too old leaves one.
        event_bytes("e", time_ms=old, unknown="field"),
        event_bytes("e", time_ms=old),
        event_bytes("f", unknown="field"),
        event_bytes("f", time_ms=old),
        event_bytes("f", time_ms=old),
        event_bytes("f"),
    )

    assert world.reasons() == [
        "schema_invalid",
        "duplicate_conflict",
        "schema_invalid",
        "too_old",
        "duplicate_conflict",
    ]


def test_an_invalid_event_told_again_is_refused_again() -> None:
    world = World()

    world.tell(event_bytes("e", unknown="field"), event_bytes("e", unknown="field"))

    assert world.reasons() == ["schema_invalid", "schema_invalid"]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (incoming(event_bytes(), key=None), "has no key: set it to the subject 'acct-1'"),
        (incoming(event_bytes(), key=b"acct-2"), "has the key 'acct-2': set it to the subject 'acct-1'"),
        (incoming(event_bytes(), key=b"\xff"), r"has the key '\\xff'"),
        (incoming(event_bytes(), key=b"x" * 1_000_000), "set it to the subject 'acct-1'"),
        (
            incoming(event_bytes(), partition=1),
            "belongs to partition 0 of 1 (murmur2), the message came on 1",
        ),
        (
            incoming(event_bytes(), rank=ACCOUNT),
            "belongs to topic usage.events, the message came on account.events",
        ),
        (incoming(None), "tombstone"),
        (incoming(b""), "not JSON"),
        (incoming(b"[]"), "empty batch"),
        (incoming(b"x" * 300_000), "at most 262144"),
    ],
)
def test_a_fault_of_the_message_is_invalid_and_says_what_to_do(message, says) -> None:  # type: ignore[no-untyped-def]
    world = World()

    world.part.take(letters(message), NOON)
    world.commit()

    assert world.reasons() == ["schema_invalid"]
    assert says in str(world.rejections[0]["detail"])


def test_the_partition_of_a_key_is_checked_with_java_murmur2() -> None:
    from streams.ingest.reading import Reader
    from tests.streams.ingest_fakes import TOPICS

    reader = Reader(TOPICS, 4)
    homes = [
        home for home in range(4)
        if "Event" in type(reader.read([incoming(event_bytes(), partition=home)])[0].items[0].read).__name__
    ]  # fmt: skip

    assert homes == [_java_partition("acct-1", 4)]


def test_a_sku_priced_by_its_machine_needs_the_machines_specification() -> None:
    from streams.ingest.reading import Reader
    from tests.streams.ingest_fakes import TOPICS

    reader = Reader(TOPICS, 1, frozenset({"machine"}))
    bare = event_bytes(kind="instance.started", resource="r", sku="machine", mode="payg")
    other = event_bytes(kind="instance.started", resource="r", sku="gpu-s", mode="payg")

    faulty, fine = (letter.items[0].read for letter in reader.read([incoming(bare), incoming(other)]))

    assert "data.spec: Field required for sku 'machine'" in str(getattr(faulty, "detail", ""))
    assert not hasattr(fine, "detail")


def _java_partition(key: str, partitions: int) -> int:
    from aiokafka.partitioner import murmur2

    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)


def test_a_batch_with_mixed_subjects_is_one_rejection_with_the_array() -> None:
    world = World()
    batch = [json.loads(event_bytes("a")), json.loads(event_bytes("b", account="acct-2"))]

    output = world.tell(json.dumps(batch).encode())

    assert world.reasons() == ["schema_invalid"]
    assert world.rejections[0]["event"] == batch
    assert world.rejections[0]["account"] is None
    assert output.positions[USAGE][1] == Counters(read=1, rejected=1)


def test_the_events_of_a_batch_stand_each_alone() -> None:
    world = World()
    good, bad = event_bytes("good").decode(), event_bytes("bad", unknown="field").decode()

    world.tell(f"[{good},{bad},{good}]".encode())

    assert world.accepted() == ["good"]
    assert [rejection["cause"] for rejection in world.rejections] == [{"source": "test", "id": "bad"}]


def test_the_rejection_of_an_item_has_an_id_of_its_own_and_always_the_same() -> None:
    first, second = World(), World()

    for world in (first, second):
        world.tell(b"rubbish", b"[" + event_bytes("a", unknown=1) + b"," + event_bytes("a", unknown=1) + b"]")

    ids = [rejection["id"] for rejection in first.rejections]
    assert len(set(ids)) == 3
    assert all(len(str(one)) == 32 for one in ids)
    assert first.rejections == second.rejections


def test_a_rejection_has_the_event_as_it_came_and_the_accounts_clock() -> None:
    world = World(tick_ms=None)
    world.tell(event_bytes("e"))

    bad = event_bytes("e", request="x", model="m")
    output = world.tell(bad)

    rejection = Rejection.model_validate(world.rejections[0])
    assert rejection.event == json.loads(bad)
    assert rejection.time == instant_text(NOON)
    assert rejection.cause.model_dump() == {"source": "test", "id": "e"}
    assert output.rejections[0].key == b"acct-1"
    assert output.rejections[0].headers == []


@pytest.mark.parametrize(
    "value", [b"\xff\x00rubbish", b'{"a":"\xff"}', b'{"ext":"\xff",' + event_bytes()[1:]]
)
def test_bytes_that_are_no_utf8_are_kept_exactly_in_a_header(value: bytes) -> None:
    world = World()

    output = world.tell(value)

    assert world.rejections[0]["event"] == value.decode("utf-8", "backslashreplace")
    assert output.rejections[0].headers == [("bytes", value)]


def test_what_is_too_long_for_a_record_is_cut_there_and_whole_in_a_header() -> None:
    world, value = World(), b"\x80" * 3_000_000

    output = world.tell(value)

    assert output.rejections[0].headers == [("bytes", value)]
    assert len(output.rejections[0].value) + len(value) < 12_000_000


def test_before_any_clock_a_rejection_has_no_time() -> None:
    world = World(tick_ms=None)

    world.tell(b"rubbish")

    assert world.rejections[0]["time"] is None
    assert world.journal == []


# --- packing -------------------------------------------------------------------------------------------


def test_a_record_holds_at_most_so_many_events_and_bytes() -> None:
    world = World(tick_ms=None)

    world.tell(*[event_bytes(f"e{n}") for n in range(2 * EVENTS_MAX + 1)])
    sizes = [len(record.events) for record in world.journal]
    long = [event_bytes(f"l{n}", request="r", model="ü" * 500) for n in range(EVENTS_MAX)]
    output = world.tell(*long)

    assert sizes == [EVENTS_MAX, EVENTS_MAX, 1]
    assert len(output.journal) > 1
    assert all(len(record) <= BYTES_MAX + 200 for record in output.journal)
    assert len(world.accepted()) == 3 * EVENTS_MAX + 1


def test_what_is_refused_is_packed_too_and_bounded() -> None:
    world = World(tick_ms=None)
    world.tell(event_bytes("e"))

    world.tell(*[event_bytes("e", request=f"r{n}", model="m") for n in range(12_000)])

    assert [len(record.refused) for record in world.journal] == [0, 5_000, 5_000, 2_000]


# --- clocks --------------------------------------------------------------------------------------------


def test_the_wall_clock_ticks_before_events_and_then_each_second() -> None:
    world = World()

    world.tell(event_bytes("a"), append_ms=NOON)
    world.tell(event_bytes("b"), append_ms=NOON + 999)
    world.tell(event_bytes("c"), append_ms=NOON + 1_000)

    assert [(record.clock, len(record.events)) for record in world.journal] == [
        (NOON, 1),
        (NOON, 1),
        (NOON + 1_000, 1),
    ]


def test_a_backlog_ticks_as_if_ingest_had_been_there() -> None:
    world = World()
    an_hour_later = NOON + 3_600_000
    backlog = [incoming(event_bytes(f"e{n}"), offset=n, append_ms=NOON + n * 1_000) for n in range(3)]

    world.part.take(letters(*backlog), an_hour_later)
    world.commit()
    world.part.tick(an_hour_later)
    world.commit()

    assert [(record.clock - NOON, len(record.events)) for record in world.journal] == [
        (0, 1), (1_000, 1), (2_000, 1), (3_600_000, 0),
    ]  # fmt: skip


def test_a_stamp_ahead_of_this_machine_is_not_believed() -> None:
    world = World()

    world.part.take(letters(incoming(event_bytes("a"), append_ms=NOON + 3_600_000)), NOON)
    world.commit()

    assert [record.clock for record in world.journal] == [NOON]


def test_clocks_never_go_back() -> None:
    world = World()

    world.tell(event_bytes("a"), append_ms=NOON)
    world.tell(event_bytes("b"), append_ms=NOON - 60_000)
    world.part.tick(NOON - 60_000)
    world.commit()
    world.tell(event_bytes("t", kind="clock.tick", time_ms=NOON - 60_000), rank=ACCOUNT)

    assert {record.clock for record in world.journal} == {NOON}


def test_a_clock_tick_begins_a_record_of_its_clock_as_its_first_event() -> None:
    world = World(tick_ms=None)

    world.tell(event_bytes("a"))
    messages = [
        incoming(event_bytes("b"), offset=10),
        incoming(event_bytes("t", kind="clock.tick", time_ms=NOON + 5_000), rank=ACCOUNT, offset=10),
        incoming(event_bytes("c"), offset=11),
    ]
    world.part.take(letters(*messages), NOON)
    world.commit()

    ids = [[json.loads(bytes(raw))["id"] for raw in record.events] for record in world.journal]
    assert ids == [["a"], ["b"], ["t", "c"]]
    assert [record.clock for record in world.journal] == [NO_CLOCK, NO_CLOCK, NOON + 5_000]


def test_in_the_events_clock_nothing_is_too_new_and_nothing_ticks() -> None:
    world = World(tick_ms=None)

    world.tell(event_bytes("a", time_ms=NOON + 10 * HORIZON_MS), append_ms=NOON)

    assert world.accepted() == ["a"]
    assert [record.clock for record in world.journal] == [NO_CLOCK]
    assert not world.part.is_tick_due(NOON)


def test_a_message_delivered_twice_is_read_once() -> None:
    world = World()
    message = incoming(event_bytes("a"), offset=0)

    world.part.take(letters(message), NOON)
    world.part.take(letters(message), NOON)
    output = world.commit()

    assert output.positions[USAGE] == (1, Counters(read=1, accepted=1))
