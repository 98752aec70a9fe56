"""What was seen before: the same laws for a dict and for RocksDB."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rocksdict import Cache

from schemas.wire import Event
from streams.ingest.identities import REACHED_KEY, Identities, Store, Verdict
from streams.ingest.recovery import replay
from streams.ingest.store import RocksStore, StoreIsBroken, StoreIsTaken
from tests.streams.ingest_fakes import DAY_MS, HORIZON_MS, NOON, MemoryStore, World, event, event_bytes

HOUR_MS = 3_600_000


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = (
        MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "index", Cache(1_048_576))
    )
    yield made
    made.close()


def view_of(store: Store) -> Identities:
    return Identities(store, horizon_ms=HORIZON_MS)


def judge(view: Identities, read: Event, told_ms: int | None = None) -> Verdict:
    """Judge and note `read`, as ingest does."""
    identity = view.prefetch([read])[0]
    verdict = view.judge(identity, read, told_ms)
    if verdict is Verdict.ACCEPT:
        view.note_accepted(identity, read)
    elif verdict is not Verdict.DUPLICATE:
        view.note_refused(identity, read.content)
    return verdict


def test_a_store_gives_back_what_was_written_and_forgets_what_was_deleted(store: Store) -> None:
    store.write({b"a" * 16: b"1", b"b" * 16: b"2", b"c" * 16: b"3"})
    store.write({b"b" * 16: None})

    assert store.get([b"a" * 16, b"b" * 16, b"x" * 16]) == [b"1", None, None]
    assert store.scan(b"", 10) == [(b"a" * 16, b"1"), (b"c" * 16, b"3")]
    assert store.scan(b"a" * 16 + b"\0", 1) == [(b"c" * 16, b"3")]


def test_the_same_identity_is_a_duplicate_with_the_same_content_and_a_conflict_once_with_other(
    store: Store,
) -> None:
    view = view_of(store)
    view.begin_record(NOON)
    told = [event("e"), event("e"), event("e", request="x", model="m"), event("e", request="x", model="m")]
    told += [
        event("e", request="y", model="m"),
        event("e"),
        event("e", source="other"),
        event("e", account="acct-2"),
    ]

    verdicts = []
    for number, one in enumerate(told):
        verdicts.append(judge(view, one))
        # With and without a commit in between.
        if number % 2:
            view.commit(view.reach("j", number))

    accept, duplicate, conflict = Verdict.ACCEPT, Verdict.DUPLICATE, Verdict.CONFLICT
    assert verdicts == [accept, duplicate, conflict, duplicate, conflict, duplicate, accept, accept]


def test_the_key_order_of_data_makes_no_other_content(store: Store) -> None:
    view = view_of(store)

    assert judge(view, event("e", request="r", model="m")) is Verdict.ACCEPT
    assert judge(view, event("e", model="m", request="r")) is Verdict.DUPLICATE


@pytest.mark.parametrize("age_ms", [HORIZON_MS, HORIZON_MS + 1])
def test_more_than_the_horizon_behind_the_ticks_is_too_old(store: Store, age_ms: int) -> None:
    view = view_of(store)
    view.begin_record(NOON)

    expected = Verdict.TOO_OLD if age_ms > HORIZON_MS else Verdict.ACCEPT
    assert judge(view, event("e", time_ms=NOON - age_ms)) is expected
    assert judge(view, event("e", time_ms=NOON - age_ms)) is Verdict.DUPLICATE


def test_too_old_is_measured_by_the_accounts_own_greatest_event(store: Store) -> None:
    view = view_of(store)
    assert judge(view, event("new", time_ms=NOON)) is Verdict.ACCEPT
    view.commit(view.reach("j", 1))

    assert judge(view, event("old", time_ms=NOON - HORIZON_MS - 1)) is Verdict.TOO_OLD
    assert judge(view, event("other", account="acct-2", time_ms=NOON - HORIZON_MS - 1)) is Verdict.ACCEPT
    assert view.clock_of("acct-1") == NOON
    assert view.clock_of("acct-2") == NOON - HORIZON_MS - 1


@pytest.mark.parametrize("ahead_ms", [300_000, 300_001])
def test_more_than_five_minutes_ahead_is_too_new_where_there_is_a_wall_clock(
    store: Store, ahead_ms: int
) -> None:
    view = view_of(store)
    view.begin_record(NOON)

    expected = Verdict.TOO_NEW if ahead_ms > 300_000 else Verdict.ACCEPT
    assert judge(view, event("e", time_ms=NOON + ahead_ms), told_ms=NOON) is expected
    assert judge(view, event("f", time_ms=NOON + ahead_ms), told_ms=None) is Verdict.ACCEPT


def test_a_refused_identity_with_other_content_is_a_conflict(store: Store) -> None:
    view = view_of(store)
    view.begin_record(NOON)

    assert judge(view, event("e", time_ms=NOON - HORIZON_MS - 1)) is Verdict.TOO_OLD
    assert judge(view, event("e", time_ms=NOON)) is Verdict.CONFLICT


def test_what_is_not_committed_is_forgotten(store: Store) -> None:
    view = view_of(store)
    view.begin_record(NOON)
    judge(view, event("e"))

    view.rollback()

    assert view.clock != NOON
    assert judge(view, event("e", request="x", model="m")) is Verdict.ACCEPT


def test_entries_beyond_the_horizon_are_void_whether_swept_or_not(store: Store) -> None:
    view = view_of(store)
    view.begin_record(NOON)
    judge(view, event("old"))
    judge(view, event("ahead", time_ms=NOON + HOUR_MS))
    view.commit(view.reach("j", 1))

    view.begin_record(NOON + HORIZON_MS + 2 * HOUR_MS)
    judge(view, event("new", time_ms=NOON + HORIZON_MS))
    view.commit(view.reach("j", 2))
    before = judge(view, event("old"))
    view.rollback()
    swept = sum(view.sweep(2) for _ in range(5))

    # Two identities and the clock of the account that was ahead of the ticks.
    assert swept == 3
    assert before is judge(view, event("old")) is Verdict.TOO_OLD
    assert judge(view, event("new", time_ms=NOON + HORIZON_MS)) is Verdict.DUPLICATE


def test_an_accepted_event_told_again_is_never_accepted_again(store: Store) -> None:
    view = view_of(store)
    view.begin_record(NOON)
    assert judge(view, event("e", time_ms=NOON + 200_000), told_ms=NOON) is Verdict.ACCEPT

    for days in range(1, 45):
        view.begin_record(NOON + days * DAY_MS)
        view.commit(view.reach("j", days))
        view.sweep(100)
        assert judge(view, event("e", time_ms=NOON + 200_000)) in (Verdict.DUPLICATE, Verdict.TOO_OLD)
        view.rollback()


def test_a_database_that_is_open_elsewhere_is_taken_and_rubbish_is_broken(tmp_path: Path) -> None:
    cache = Cache(1_048_576)
    first = RocksStore(tmp_path / "index", cache)
    with pytest.raises(StoreIsTaken):
        RocksStore(tmp_path / "index", cache)
    first.write({b"k": b"v"})
    first.close()

    (tmp_path / "index" / "CURRENT").write_bytes(b"rubbish")
    with pytest.raises(StoreIsBroken):
        RocksStore(tmp_path / "index", cache)


story = st.lists(
    st.tuples(
        st.sampled_from(["tell", "tell", "tell", "tick", "commit", "sweep"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(-40, 1),
        st.sampled_from(["x", "y", "z"]),
        st.integers(0, 20),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(story, st.sampled_from([1_000, None]))
def test_an_index_made_anew_from_the_journal_is_the_old_one(steps, tick_ms) -> None:  # type: ignore[no-untyped-def]
    world, now_ms = World(tick_ms=tick_ms), NOON
    for action, event_id, days, content, step in steps:
        now_ms += step * DAY_MS
        if action == "sweep":
            world.part.identities.sweep(3)
        elif action == "tick":
            tick = event_bytes(f"t{now_ms}", kind="clock.tick", time_ms=now_ms)
            world.tell(tick, rank=0, append_ms=now_ms)
        else:
            told = event_bytes(event_id, time_ms=now_ms + days * DAY_MS, request=content, model="m")
            world.tell(told, told, append_ms=now_ms)

    anew = Identities(MemoryStore(), horizon_ms=HORIZON_MS)
    for record in world.journal:
        replay(anew, record)
    anew.commit(anew.reach("journal-id", len(world.journal)))

    world.commit()
    assert anew.reached == world.part.identities.reached
    assert live(anew) == live(world.part.identities)


def live(view: Identities) -> dict[bytes, bytes]:
    """The entries that count: those that are not void."""
    entries = view._store.scan(b"", 10_000)
    return {key: value for key, value in entries if key != REACHED_KEY and not view._is_void(key, value)}


def test_the_journal_names_what_was_refused() -> None:
    world = World()
    world.tell(
        event_bytes("e"),
        event_bytes("e", request="x", model="m"),
        event_bytes("f", time_ms=NOON - HORIZON_MS - 1),
    )

    assert world.reasons() == ["duplicate_conflict", "too_old"]
    assert [len(record.refused) for record in world.journal] == [2]


def test_a_late_event_guards_its_identity_for_the_whole_horizon(store: Store) -> None:
    view = view_of(store)
    view.begin_record(NOON)
    assert judge(view, event("e", time_ms=NOON - 34 * DAY_MS)) is Verdict.ACCEPT

    # The event itself would be too old by now; its identity must not be free for another.
    view.begin_record(NOON + 2 * DAY_MS)
    assert judge(view, event("e", time_ms=NOON)) is Verdict.CONFLICT


def test_what_was_refused_as_a_conflict_stays_refused_as_long_as_it_is_remembered(store: Store) -> None:
    view = view_of(store)
    view.begin_record(NOON)
    assert judge(view, event("e")) is Verdict.ACCEPT
    view.begin_record(NOON + 30 * DAY_MS)
    later = event("e", time_ms=NOON + 30 * DAY_MS)
    assert judge(view, later) is Verdict.CONFLICT

    # The first event alone would be forgotten by now.
    view.begin_record(NOON + 40 * DAY_MS)
    assert judge(view, later) is Verdict.DUPLICATE
