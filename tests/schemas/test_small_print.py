"""What is seldom sent and must be read all the same: nulls, bounds of years, counts as text (contract 8.2)."""

import json

import pytest

from schemas.journaled import read_journaled
from schemas.wire import Event, Unreadable, read_event
from tests.scenarios.renting import limits
from tests.scenarios.telling import event, served, settings, started


def _detail(raw: bytes) -> str:
    read = read_event(raw)
    assert isinstance(read, Unreadable)
    return read.detail


def test_null_is_not_the_absence_of_a_field() -> None:
    assert _detail(settings("10:00", low_balance=None)) == (
        "data: low_balance: null is not a value; leave the field out"
    )


def test_settings_within_settings_are_an_object() -> None:
    assert _detail(settings("10:00", auto_refill="on")).startswith("data.auto_refill:")


def test_a_range_does_not_end_before_it_begins() -> None:
    assert "min_replicas must not be above max_replicas" in _detail(limits("10:00", 2, 1, 5))


@pytest.mark.parametrize("time", ["0001-12-31T23:59:59.999Z", "9999-01-01T00:00:00Z"])
def test_years_have_bounds(time: str) -> None:
    assert _detail(served(time)) == "time: a year from 0002 to 9998 (UTC) is needed"


@pytest.mark.parametrize("time", ["0002-01-01T00:00:00Z", "9998-12-31T23:59:59.999Z"])
def test_the_first_and_the_last_year_are_years(time: str) -> None:
    assert isinstance(read_event(served(time)), Event)


def test_a_tick_needs_no_data_and_is_told_only_its_own_fault() -> None:
    tick = json.loads(event("clock.tick", "10:00"))
    del tick["data"]

    assert isinstance(read_event(json.dumps(tick).encode()), Event)
    assert _detail(json.dumps(tick | {"time": "noon"}).encode()) == (
        "time: an RFC 3339 time with an offset is needed"
    )


@pytest.mark.parametrize(
    "raw",
    [
        served("10:00", input_tokens="5", output_tokens=7),
        settings("10:00", low_balance="1.50"),
        settings("10:00", auto_refill={"enabled": True, "threshold": 1, "amount": "20"}),
        started("10:00", {"gpu": "rtx-4090", "gpus": "2", "vcpus": 8, "ram_gb": "0.5", "disk_gb": 0}),
    ],
)
def test_the_journals_reader_makes_the_same_of_it(raw: bytes) -> None:
    accepted = read_event(raw)
    assert isinstance(accepted, Event)

    assert repr(read_journaled(raw).data) == repr(accepted.data)
