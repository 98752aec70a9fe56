"""What one journal record does to the accounts of its partition."""

from __future__ import annotations

import pytest

from streams.codec import is_newer, pack_account, read_position, unpack_account
from streams.core.errors import BrokenInvariant
from streams.core.state import NEVER, Account, Outbox
from streams.worker.due import DueIndex
from streams.worker.folder import PartitionFolder
from tests.streams.fakes import fake_fold, record, request, tick

Calls = list[tuple[str, str, int]]


def _folder(rows: dict[str, bytes] | None = None) -> tuple[PartitionFolder, Calls]:
    calls: Calls = []
    return PartitionFolder(fake_fold(calls), {} if rows is None else rows), calls


def _fold(folder: PartitionFolder, offset: int, value: bytes) -> Outbox:
    out = Outbox()
    opened = folder.open(offset, value)
    while folder.fire(opened, out, 10):
        pass
    while folder.apply(opened, out, 1):
        pass
    return out


def _save(folder: PartitionFolder, rows: dict[str, bytes], limit: int = 0) -> None:
    saved = folder.take_unsaved()
    rows.update({account_id: pack_account(account) for account_id, account in saved.items()})
    folder.evict(saved, limit)


def test_timers_due_by_the_clock_fire_before_the_events_in_due_order() -> None:
    folder, calls = _folder()
    _fold(folder, 0, record(0, request("b", 200), request("a", 100)))
    calls.clear()

    _fold(folder, 1, record(5_000, request("c", 5_000)))

    assert calls == [("timer", "a", 1_100), ("timer", "b", 1_200), ("event", "c", 5_000)]


def test_a_record_folded_twice_is_folded_once_but_written_again() -> None:
    folder, calls = _folder()
    value = record(0, request("a", 1), request("a", 2))
    _fold(folder, 7, value)
    folder.take_unsaved()
    calls.clear()

    out = _fold(folder, 7, value)

    assert (calls, out.charges) == ([], [])
    assert list(folder.take_unsaved()) == ["a"]


def test_an_account_holds_a_record_only_when_all_of_its_events_are_folded_in() -> None:
    folder, _ = _folder()
    opened = folder.open(7, record(0, request("a", 1), request("a", 2), request("a", 3)))
    assert not folder.fire(opened, Outbox(), 10)

    more = folder.apply(opened, Outbox(), 2)
    unsaved = dict(folder.unsaved)
    done = not folder.apply(opened, Outbox(), 2)

    assert (more, unsaved, done) == (True, {}, True)
    assert [(a.seq, a.journal_offset) for a in folder.unsaved.values()] == [(3, 7)]


def test_a_recovered_state_skips_what_it_holds_and_takes_what_comes_after() -> None:
    rows: dict[str, bytes] = {}
    first, _ = _folder(rows)
    _fold(first, 3, record(0, request("a", 1)))
    _save(first, rows)
    folder, calls = _folder(rows)

    _fold(folder, 3, record(0, request("a", 1)))
    _fold(folder, 4, record(0, request("a", 2)))

    assert calls == [("event", "a", 2)]
    assert folder.take_unsaved()["a"].seq == 2


def test_timers_of_a_state_ahead_of_the_record_wait_for_the_record_at_which_they_fired() -> None:
    account = Account("a", journal_offset=9, due_ms=500)
    folder, calls = _folder({"a": pack_account(account)})

    _fold(folder, 8, record(1_000, tick(1_000)))
    before = list(calls)
    _fold(folder, 10, record(2_000, tick(2_000)))

    assert (before, calls) == ([], [("timer", "a", 500)])


def test_idle_accounts_are_not_looked_at() -> None:
    rows = {f"a{number}": pack_account(Account(f"a{number}", due_ms=10_000_000)) for number in range(1_000)}
    folder, calls = _folder(rows)
    rows.clear()  # Any look at one of them would fail.

    _fold(folder, 0, record(9_999_999, tick(9_999_999)))

    assert (calls, folder.timers) == ([], 1_000)


def test_a_clock_that_runs_back_stops_the_worker() -> None:
    folder, _ = _folder()
    _fold(folder, 0, record(1_000, tick(1_000)))

    with pytest.raises(BrokenInvariant, match="runs back"):
        folder.open(1, record(999, tick(999)))


def test_an_event_of_the_journal_that_cannot_be_read_stops_the_worker() -> None:
    folder, _ = _folder()
    opened = folder.open(0, record(0, b'{"no":"event"}'))

    with pytest.raises(BrokenInvariant, match="holds no event"):
        folder.apply(opened, Outbox(), 1)


def test_the_cache_keeps_the_accounts_used_last_and_never_loses_an_unsaved_one() -> None:
    rows: dict[str, bytes] = {}
    folder, _ = _folder(rows)
    for offset, name in enumerate("abc"):
        _fold(folder, offset, record(0, request(name, 1)))
    _save(folder, rows, limit=1)
    _fold(folder, 3, record(0, request("b", 2)))
    folder.evict({}, 0)

    assert sorted(folder._cache) == ["b"]


def test_a_timer_that_moves_on_costs_no_entry_and_one_that_comes_nearer_is_not_missed() -> None:
    due = DueIndex([(100, "a")])
    due.note("a", 900)
    assert due.first_ms() == 100
    due.note("a", 50)

    assert due.take(60) == "a"
    assert due.take(10_000) is None
    assert len(due) == 0


def test_accounts_without_a_timer_are_not_in_the_index() -> None:
    assert DueIndex([(NEVER, "a")]).first_ms() == NEVER


def test_a_frame_tells_its_place_without_being_decoded() -> None:
    account = Account("a", journal_offset=5, due_ms=77)

    frame = pack_account(account)

    assert read_position(frame) == (5, 77)
    assert unpack_account(frame) == account


@pytest.mark.parametrize(
    ("offset", "due_ms", "newer"),
    [(6, 0, True), (5, 78, True), (5, 77, True), (5, 76, False), (4, 99, False)],
)
def test_the_frame_further_in_the_accounts_history_is_newer(offset: int, due_ms: int, newer: bool) -> None:
    known = pack_account(Account("a", journal_offset=5, due_ms=77))

    assert is_newer(pack_account(Account("a", journal_offset=offset, due_ms=due_ms)), known) is newer


def test_a_frame_of_something_else_stops_the_worker() -> None:
    with pytest.raises(BrokenInvariant):
        unpack_account(b"\0" * 16 + b"\xc1")
