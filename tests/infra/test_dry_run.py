"""Admission and estimates by a dry run: what they say is what the fold then does, and nothing is changed by asking."""

from __future__ import annotations

from typing import Any

import pytest

from infra.http.dry_run import DryRun
from schemas.values import instant_of
from sinks.http.ports import Unavailable
from streams.codec import pack_account
from streams.core.book import Book
from streams.core.story import Story
from tests.scenarios.renting import request, start, topup
from tests.scenarios.telling import ACCOUNT, BOOK, PER_HOUR_1_20, at, opened, paid, tell

Row = dict[str, Any]


class KnownStates:
    """A fake of `States`: the account as `lines` leave it."""

    def __init__(self, *lines: bytes) -> None:
        story = Story(BOOK)
        for line in lines:
            story.feed(line)
        self.frames = {name: pack_account(account) for name, account in story.accounts.items()}

    def find(self, account: str) -> bytes | None:
        return self.frames.get(account)


def dry(time: str, *lines: bytes, book: Book = BOOK) -> DryRun:
    """Advice at `time` on an account with that history."""
    return DryRun(KnownStates(*lines), book, lambda: instant_of(at(time)))


def asked(time: str, *lines: bytes, **about: Any) -> Row:
    """The answer on admission; a payg instance unless told otherwise."""
    found = dry(time, *lines).admission(ACCOUNT, {"sku": "rtx-4090", "mode": "payg"} | about)
    assert found is not None
    return found


@pytest.mark.req("GG-06")
@pytest.mark.parametrize(("balance", "allowed"), [("3.20", False), ("3.21", True)])
def test_a_start_needs_strictly_more_than_an_hour(balance: str, allowed: bool) -> None:
    answer = asked("01:00", opened("gpugeek"), topup("00:00", balance))

    assert answer["allowed"] is allowed
    assert answer["reason"] == ("admitted" if allowed else "insufficient_balance")
    assert (answer["balance"], answer["currency"], answer["as_of"]) == (
        balance, "CNY", "2026-11-01T01:00:00.000Z",
    )  # fmt: skip


@pytest.mark.req("GG-07", "R-GG1")
@pytest.mark.parametrize(("time", "allowed"), [("10:37:29", True), ("10:37:30", False)])
def test_what_has_accrued_by_now_is_deducted_although_nothing_was_folded_since(
    time: str, allowed: bool
) -> None:
    """3.20 an hour for 37.5 minutes is 2.00; 5.20 - 2.00 is not more than an hour."""
    history = (opened("gpugeek"), topup("00:00", "5.20"), start("10:00", "rtx-4090", "a"))

    assert asked(time, *history)["allowed"] is allowed


def test_timers_that_are_due_by_now_have_fired_before_the_answer() -> None:
    """At 11:00 the hour since 10:00 is settled: 6.40 - 3.20."""
    answer = asked("11:00", opened("gpugeek"), topup("00:00", "6.40"), start("10:00", "rtx-4090", "a"))

    assert (answer["allowed"], answer["balance"]) == (False, "3.20")


@pytest.mark.req("GG-10")
@pytest.mark.parametrize(("balance", "reason"), [("59.99", "insufficient_balance"), ("60", "admitted")])
def test_a_package_is_paid_in_full(balance: str, reason: str) -> None:
    answer = asked("01:00", opened("gpugeek"), topup("00:00", balance), mode="package", term="daily")

    assert answer["reason"] == reason
    assert answer["charge"] == ("60.00" if reason == "admitted" else "0.00")


REFUSED = [
    ("gpugeek", {"sku": "nothing"}, "unknown_sku"),
    ("gpugeek", {"mode": "package"}, "schema_invalid"),
    ("puredocs", {"sku": "gpu-s", "mode": "spot"}, "capability_disabled"),
    ("fluxedge", {"sku": "machine"}, "schema_invalid"),
    ("fluxedge", {"sku": "machine", "spec": PER_HOUR_1_20 | {"gpu": "none"}}, "unknown_sku"),
    ("gpugeek", {"disk_gb": "-1"}, "schema_invalid"),
    ("gpugeek", {"resource": "a"}, "resource_state"),
]


@pytest.mark.parametrize(("profile", "about", "reason"), REFUSED)
def test_what_the_rules_refuse_is_told_with_the_reason_of_the_contract(
    profile: str, about: Row, reason: str
) -> None:
    history = [opened(profile)]
    if profile == "gpugeek":
        history += [topup("00:00", "500"), start("00:30", "rtx-4090", "a")]

    answer = asked("01:00", *history, **about)

    assert (answer["allowed"], answer["reason"]) == (False, reason)
    assert answer["detail"]


def test_the_quota_counts_what_runs() -> None:
    running = [start("00:30", "rtx-4090", name) for name in "abc"]

    answer = asked("00:31", opened("gpugeek"), topup("00:00", "500"), *running)

    assert answer["reason"] == "instance_quota"


@pytest.mark.parametrize("balance", ["3.19", "3.20", "3.21", "60", "379.99", "380"])
@pytest.mark.parametrize("about", [{}, {"mode": "spot"}, {"mode": "package", "term": "weekly"}])
def test_the_answer_is_what_the_fold_then_does(balance: str, about: Row) -> None:
    history = (opened("gpugeek"), topup("00:00", balance))
    body = {"mode": "payg"} | about

    answer = asked("01:00", *history, **about)
    then = tell(*history, request("01:00", "rtx-4090", "new", **body))

    assert ([] if answer["allowed"] else [answer["reason"]]) == then.reasons()
    assert [answer["detail"]] == [each["detail"] for each in then.of("rejection")] or answer["allowed"]


def test_asking_changes_nothing() -> None:
    states = KnownStates(opened("gpugeek"), topup("00:00", "100"))
    before = dict(states.frames)
    advice = DryRun(states, BOOK, lambda: instant_of(at("01:00")))
    question = {"sku": "rtx-4090", "mode": "package", "term": "daily"}

    answers = [advice.admission(ACCOUNT, question) for _ in range(2)]

    assert answers[0] == answers[1]
    assert states.frames == before


def test_an_account_that_is_ahead_of_this_clock_is_asked_at_its_own_time() -> None:
    answer = asked("00:30", opened("gpugeek"), topup("02:00", "5"))

    assert answer["as_of"] == "2026-11-01T02:00:00.000Z"


def test_who_is_not_known_or_not_open_has_no_answer() -> None:
    never_opened = paid("00:00", "5.00")
    question = {"sku": "machine", "mode": "payg"}

    assert dry("01:00", never_opened).admission(ACCOUNT, question) is None
    assert dry("01:00").admission("nobody", question) is None


def test_an_account_of_a_profile_that_is_not_loaded_cannot_be_advised() -> None:
    advice = dry("01:00", opened("gpugeek"), book=Book([]))

    with pytest.raises(Unavailable, match="profile 'gpugeek' is not loaded"):
        advice.admission(ACCOUNT, {"sku": "rtx-4090", "mode": "payg"})


# --- what a request costs --------------------------------------------------------------------------------


@pytest.mark.req("FA-11")
@pytest.mark.parametrize(
    ("counts", "amount"),
    [
        ({"output_tokens": 4096}, "0.0024576"),
        ({"input_tokens": 1200, "output_tokens": 350}, "0.00045"),
        ({"input_tokens": 0, "output_tokens": 0}, "0.00"),
    ],
)
def test_a_request_costs_at_most_its_input_and_all_its_tokens(counts: Row, amount: str) -> None:
    """4,096 × 0.60 a million = 0.0024576."""
    answer = dry("01:00", opened("flexai")).request_cost(ACCOUNT, {"model": "llama-3.3-70b"} | counts)

    assert answer is not None
    assert (answer["allowed"], answer["amount"], answer["currency"]) == (True, amount, "USD")
    assert answer["balance"] == "10.00"
    assert [line["meter"] for line in answer["lines"]] == [
        meter
        for meter, name in (("tokens_in", "input_tokens"), ("tokens_out", "output_tokens"))
        if counts.get(name)
    ]


def test_a_request_to_a_model_that_is_not_sold_is_refused_with_the_reason() -> None:
    answer = dry("01:00", opened("flexai")).request_cost(ACCOUNT, {"model": "gpt-0", "output_tokens": 1})

    assert answer is not None
    assert (answer["allowed"], answer["reason"], answer["amount"]) == (False, "unknown_sku", "0.00")


# --- what a change of mode comes to ----------------------------------------------------------------------


def changed(time: str, *history: bytes, **change: Any) -> Row:
    """The preview of a change of `i-1` to pay as you go, unless told otherwise."""
    found = dry(time, opened("gpugeek"), *history).mode_change(
        ACCOUNT, {"resource": "i-1", "mode": "payg"} | change
    )
    assert found is not None
    return found


PACKAGE = (
    topup("00:00", "2000"), request("00:00", "rtx-4090", mode="package", term="monthly"),
    start("00:00", "rtx-4090", mode="package"),
)  # fmt: skip


@pytest.mark.req("GG-17")
def test_leaving_a_package_shows_what_is_used_what_comes_back_and_the_break_even_hour() -> None:
    """1,500 for a month; ten hours at 3.20 are 32.00; at 468.75 hours all of it is used."""
    answer = changed("10:00", *PACKAGE)

    assert answer["allowed"] is True
    assert (answer["paid"], answer["used"], answer["refund"]) == ("1500.00", "32.00", "1468.00")
    assert answer["break_even_hours"] == "468.75"


@pytest.mark.req("GG-17")
def test_past_the_break_even_hour_nothing_comes_back() -> None:
    answer = changed("21 00:00", *PACKAGE)

    assert (answer["used"], answer["refund"]) == ("1536.00", "0.00")


def test_buying_a_package_shows_what_falls_due_and_how_many_hours_it_stands_for() -> None:
    """60.00 for the day, and 1.60 for the half hour until then."""
    answer = changed("10:30", topup("00:00", "200"), start("10:00", "rtx-4090"), mode="package", term="daily")

    assert (answer["allowed"], answer["charge"], answer["break_even_hours"]) == (True, "61.60", "18.75")
    assert (answer["paid"], answer["refund"]) == ("0.00", "0.00")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"resource": "nothing"}, "unknown_resource"),
        ({"mode": "package"}, "schema_invalid"),
        ({"mode": "package", "term": "monthly"}, "resource_state"),
    ],
)
def test_a_change_that_is_refused_says_why(change: Row, reason: str) -> None:
    answer = changed("10:00", *PACKAGE, **change)

    assert (answer["allowed"], answer["reason"]) == (False, reason)


def test_between_modes_paid_by_use_nothing_is_due_and_nothing_to_break_even() -> None:
    answer = changed("10:30", topup("00:00", "200"), start("10:00", "rtx-4090"), mode="spot")

    assert (answer["allowed"], answer["refund"], answer["break_even_hours"]) == (True, "0.00", None)
