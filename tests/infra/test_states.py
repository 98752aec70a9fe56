"""Where an account's last record lies: the index behind the states that the HTTP service fetches one by one."""

import pytest

from infra.http.states import Places
from streams.codec import pack_account
from streams.core.state import Account


def frame(journal_offset: int) -> bytes:
    return pack_account(Account("a", journal_offset=journal_offset))


def test_the_last_record_of_an_account_is_found() -> None:
    places = Places()
    for offset in range(3):
        places.note(2, offset, b"a", frame(10 + offset))
    places.note(65_535, 2**48 - 1, b"b", frame(2**40))

    assert (places.find(b"a"), places.find(b"b"), places.find(b"c")) == ((2, 2), (65_535, 2**48 - 1), None)
    assert len(places) == 2


def test_a_record_that_was_written_too_late_changes_nothing() -> None:
    places = Places()
    places.note(0, 1, b"a", frame(20))
    places.note(0, 2, b"a", frame(19))

    assert places.find(b"a") == (0, 1)


def test_a_state_of_the_same_journal_record_is_the_later_one() -> None:
    """Between two events only timers change an account."""
    places = Places()
    places.note(0, 1, b"a", frame(20))
    places.note(0, 2, b"a", frame(20))

    assert places.find(b"a") == (0, 2)


@pytest.mark.parametrize("journal_offset", [-1, 0, 7])
def test_a_deleted_account_is_not_found(journal_offset: int) -> None:
    places = Places()
    places.note(0, 1, b"a", frame(journal_offset))
    places.note(0, 2, b"a", None)

    assert places.find(b"a") is None
