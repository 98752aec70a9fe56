"""2,000 drawn schedules of crashes, pauses, rebalances and repeats, on the worker's real logic and the real fold.

Each protection is also taken out, to see that the same schedules then go wrong.
"""

from __future__ import annotations

from functools import cache

import pytest

from infra.parts.worker import core_fold, load_book
from infra.settings import Settings
from streams.worker.ports import Fold
from tests.chaos.audit import Result, compare, undisturbed
from tests.chaos.journals import Journal, journal_of
from tests.chaos.simulation import Protections, Simulation

SCHEDULES = 2_000
JOURNALS = 25


@cache
def _fold() -> Fold:
    return core_fold(load_book(Settings(_env_file=None)))


@cache
def _case(number: int) -> tuple[Journal, Result]:
    journal = journal_of(number)
    return journal, undisturbed(journal, _fold())


def _faults_of(seed: int, protections: Protections) -> list[str]:
    journal, expected = _case(seed % JOURNALS)
    simulation = Simulation(seed, journal, _fold(), protections)
    simulation.run()
    return compare(simulation.broker, expected, monotonic=protections.monotonic)


def test_no_schedule_loses_doubles_or_changes_anything() -> None:
    wrong = {seed: faults for seed in range(SCHEDULES) if (faults := _faults_of(seed, Protections()))}

    assert not wrong, f"{len(wrong)} of {SCHEDULES}, first: {next(iter(wrong.items()))}"


def test_the_journals_hold_what_can_go_wrong() -> None:
    _, expected = _case(0)

    empty = [
        name
        for name in ("charges", "ledger.entries", "balances", "hourly.costs", "rejections", "states")
        if not expected[name]
    ]
    assert not empty


@pytest.mark.parametrize(
    "taken_out",
    [Protections(barrier=False), Protections(offset_in_state=False), Protections(monotonic=False)],
    ids=["the barrier", "the offset in the state", "monotonic recovery"],
)
def test_without_a_protection_the_same_schedules_go_wrong(taken_out: Protections) -> None:
    assert any(_faults_of(seed, taken_out) for seed in range(SCHEDULES))
