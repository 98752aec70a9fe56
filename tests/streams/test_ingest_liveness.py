"""An ingest whose input brings nothing, though it has more, ends; one that has time or nothing to read does not."""

import pytest

from streams.ingest.errors import StoodStill
from streams.ingest.liveness import LOOK_EVERY_S, Liveness

LIMIT_S = 30.0


class Watched:
    """A liveness whose clock is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.liveness = Liveness(LIMIT_S, lambda: self.now_s)

    def after(self, seconds: float, *reached: int, partition: int = 3) -> None:
        """Look when `seconds` have passed; the inputs go to 5, 0 and 9."""
        self.now_s += seconds
        self.liveness.look(partition, reached, [5, 0, 9])


def test_an_input_that_brings_nothing_for_too_long_is_told_with_its_places() -> None:
    watched = Watched()
    watched.after(0, 0, 0, 9)
    watched.after(LIMIT_S, 0, 0, 9)

    with pytest.raises(StoodStill, match=r"partition 3: .* read to \[0, 0, 9\] and go to \[5, 0, 9\]"):
        watched.after(1, 0, 0, 9)


def test_every_message_gives_it_its_time_again() -> None:
    watched = Watched()
    for read in range(5):
        watched.after(LIMIT_S, read, 0, 9)


def test_what_is_read_to_its_end_may_be_quiet_for_hours() -> None:
    watched = Watched()
    watched.after(0, 5, 0, 9)
    watched.after(3_600, 5, 0, 9)
    watched.after(1, 0, 0, 9)


def test_partitions_have_times_of_their_own() -> None:
    watched = Watched()
    watched.after(0, 0, 0, 9, partition=1)
    watched.after(LIMIT_S, 0, 0, 9, partition=2)
    watched.after(LIMIT_S, 0, 0, 9, partition=2)

    with pytest.raises(StoodStill, match="partition 1"):
        watched.after(0, 0, 0, 9, partition=1)


def test_a_broker_that_was_away_is_no_standstill() -> None:
    watched = Watched()
    watched.after(0, 0, 0, 9)
    watched.liveness.forget()
    watched.after(2 * LIMIT_S, 0, 0, 9)


def test_all_partitions_are_looked_at_every_few_seconds() -> None:
    watched = Watched()
    due = []
    for _ in range(20):
        watched.now_s += LOOK_EVERY_S / 4
        due.append(watched.liveness.is_due())

    assert due == [False, False, False, True] * 5
