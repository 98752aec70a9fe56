"""Callers that are not known: so many requests a minute from one address, and nobody who is known is held up."""

import httpx
import pytest

from sinks.http import strangers
from sinks.http.ports import Ports
from sinks.http.strangers import Strangers
from tests.sinks.calling import Caller, call, error_of
from tests.sinks.fakes import Clock
from tests.sinks.gating import NOW_MS, RESET_MS, RESET_S, Gated, balance, limits_of


def asked(held: Strangers, *addresses: str) -> list[int]:
    return [held.wait_s((address, 4711)) for address in addresses]


def test_an_address_is_held_up_after_its_requests_of_this_minute_and_no_other() -> None:
    """At 26.4 s of the minute: 34 s to wait."""
    clock = Clock(NOW_MS)
    held = Strangers(2, clock.now_ms)

    assert asked(held, "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2") == [0, 0, 34, 0]

    clock.ms = RESET_MS
    assert asked(held, "192.0.2.1") == [0]


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("no:address", "no:address", True),
    ],
)
def test_a_caller_has_one_address_of_ipv4_and_a_network_of_ipv6(
    first: str, second: str, are_one: bool
) -> None:
    held = Strangers(1, Clock(NOW_MS).now_ms)

    assert asked(held, first, second) == [0, 34 if are_one else 0]


def test_however_many_addresses_ask_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "ADDRESSES_MAX", 2)
    held = Strangers(1, Clock(NOW_MS).now_ms)

    waits = asked(held, "a", "b", "c", "d", "a", "b")

    # c and d share what is left.
    assert waits == [0, 0, 0, 34, 34, 34]
    assert len(held._counts) == 3


def test_without_a_limit_and_without_an_address_nothing_breaks() -> None:
    assert asked(Strangers(0, Clock(NOW_MS).now_ms), *["192.0.2.1"] * 9) == [0] * 9
    assert [Strangers(1, Clock(NOW_MS).now_ms).wait_s(None) for _ in range(2)] == [0, 0]


def test_the_api_answers_429_in_the_place_of_401_and_says_when() -> None:
    service = Caller(Ports(lambda: None, anonymous=False, strangers=Strangers(2, Clock(NOW_MS).now_ms)))  # type: ignore[arg-type, return-value]

    answers = [service.get("/v1/accounts/a/balance", Authorization="Bearer ms_x_y") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert error_of(answers[2]) == (
        429, "rate_limit_error", "too many requests without a good token; try again in 34 s",
    )  # fmt: skip
    assert answers[2].headers["retry-after"] == "34"
    assert service.get("/healthz").status_code == 200


def gated_after(refusals: int) -> tuple[Gated, httpx.Response]:
    """A gate that holds up after two refusals, and its answer after so many."""
    gated = Gated(balance("a", "5", {"good": "free"}), strangers=Strangers(2, Clock(NOW_MS).now_ms))
    for _ in range(refusals):
        last = gated.ask("sk-guess")
    return gated, last


def test_the_gate_answers_429_in_the_place_of_401_in_its_own_words() -> None:
    _, answer = gated_after(3)

    assert answer.status_code == 429
    assert answer.json() == {
        "error": {
            "message": "Too many requests without a known API key. Retry after 34 seconds.",
            "type": "rate_limit_error",
            "code": "rate_limit_exceeded",
        }
    }
    assert answer.headers["retry-after"] == "34"
    assert limits_of(answer) == (0, 0, RESET_S)


def test_a_known_key_from_an_address_that_is_held_up_is_served() -> None:
    """Behind a proxy all callers have one address."""
    gated, _ = gated_after(9)

    answer = gated.ask("good")

    assert answer.status_code == 200


def test_who_is_refused_for_another_reason_is_not_counted() -> None:
    gated = Gated(balance("a", "0", {"broke": "free"}), strangers=Strangers(1, Clock(NOW_MS).now_ms))

    assert gated.statuses("broke", 3) == [402] * 3
    assert [call(gated.caller.app, "GET", "/v1/nothing").status_code for _ in range(3)] == [404] * 3
    assert gated.ask("sk-guess").status_code == 401
