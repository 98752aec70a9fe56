"""`/v1/authorize` over HTTP: each answer to the byte, its headers, and what counts."""

import pytest
from prometheus_client import generate_latest

from sinks.http.gate.decision import UNLIMITED, minute_of, reset_s, retry_after_s
from sinks.http.gate.gate import Limits
from sinks.http.ports import Ports
from tests.sinks.calling import Caller, call
from tests.sinks.gating import NOW_MS, RESET_MS, RESET_S, Gated, balance, limits_of

NO_CREDIT = (
    b'{"error":{"message":"Insufficient credit. Add funds at https://tokens.flex.ai/dashboard/billing to continue.",'
    b'"type":"insufficient_quota","code":"402"}}'
)
TOO_MANY = (
    b'{"error":{"message":"Rate limit exceeded. Retry after 34 seconds.","type":"rate_limit_error",'
    b'"code":"rate_limit_exceeded"}}'
)
INVALID_KEY = b'{"error":{"message":"Incorrect API key provided.","type":"authentication_error","code":"invalid_api_key"}}'


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_key_with_credit_is_served(method: str) -> None:
    gated = Gated(balance("a/1", "0.01", {"k": "free"}))

    answer = call(gated.caller.app, method, "/v1/authorize", headers={"Authorization": "bearer  k"})

    assert (answer.status_code, answer.json()) == (200, {"allowed": True})
    assert limits_of(answer) == (10, 9, RESET_S)
    assert answer.headers["x-meterstream-account"] == "a%2F1"


@pytest.mark.req("FA-03", "FA-15", "FA-18", "R-FA1")
@pytest.mark.parametrize("amount", ["0", "0.00", "-0.20", "-0.000000000001"])
def test_without_credit_the_next_call_is_402_byte_for_byte(amount: str) -> None:
    gated = Gated(balance("a", amount, {"k": "free"}))

    answer = gated.ask("k")

    assert (answer.status_code, answer.content) == (402, NO_CREDIT)
    assert answer.headers["content-type"] == "application/json"
    assert limits_of(answer) == (10, 10, RESET_S)


def test_a_profile_without_a_page_for_payments_has_the_same_words_without_an_address() -> None:
    answer = Gated(balance("a", "0", {"k": "free"}, profile="bare")).ask("k")

    assert answer.json()["error"]["message"] == "Insufficient credit. Add funds to continue."


@pytest.mark.req("FA-12", "FA-13", "FA-15", "FA-16", "R-FA2")
def test_ten_calls_pass_and_the_eleventh_of_the_minute_is_429_byte_for_byte() -> None:
    """At 26.4 s of the minute: 34 s to wait."""
    gated = Gated(balance("a", "5", {"k": "free", "other": "free"}))

    passed = gated.statuses("k", 10)
    answer = gated.ask("k")

    assert passed == [200] * 10
    assert (answer.status_code, answer.content) == (429, TOO_MANY)
    assert answer.headers["retry-after"] == "34"
    assert limits_of(answer) == (10, 0, RESET_S)
    assert gated.ask("other").status_code == 200


@pytest.mark.req("R-FA2")
def test_the_window_is_the_epoch_minute_wherever_in_it_the_first_call_was() -> None:
    gated = Gated(balance("a", "5", {"k": "free"}))
    gated.clock.ms = RESET_MS - 1
    at_the_end = gated.statuses("k", 11)

    gated.clock.ms = RESET_MS
    anew = gated.ask("k")

    assert at_the_end == [200] * 10 + [429]
    assert anew.status_code == 200
    assert limits_of(anew) == (10, 9, RESET_S + 60)


@pytest.mark.req("FA-16", "R-FA2")
@pytest.mark.parametrize(
    ("now_ms", "wait_s"),
    [(NOW_MS, 34), (RESET_MS, 60), (RESET_MS - 1, 1), (RESET_MS - 1_000, 1), (RESET_MS - 1_001, 2)],
)
def test_the_wait_is_rounded_up_and_at_least_a_second(now_ms: int, wait_s: int) -> None:
    assert retry_after_s(now_ms) == wait_s
    assert reset_s(now_ms) == (minute_of(now_ms) + 1) * 60


@pytest.mark.req("FA-13")
@pytest.mark.parametrize(("tier", "limit"), [("free", 10), ("elevated", 60), ("paid", 100)])
def test_a_tier_has_its_ceiling(tier: str, limit: int) -> None:
    gated = Gated(balance("a", "5", {"k": tier}))

    assert gated.statuses("k", limit + 1) == [200] * limit + [429]


@pytest.mark.req("FA-14")
def test_a_change_of_tier_takes_effect_at_once() -> None:
    gated = Gated(balance("a", "5", {"k": "free"}))
    gated.statuses("k", 11)

    gated.view.take(*balance("a", "5", {"k": "elevated"}, edition=2))
    answer = gated.ask("k")

    assert answer.status_code == 200
    assert limits_of(answer) == (60, 59, RESET_S)


@pytest.mark.req("FA-19")
def test_after_a_topup_the_next_call_succeeds_however_often_402_was_heard() -> None:
    """A 402 uses up nothing, and waiting does not help: it stands before 429."""
    gated = Gated(balance("a", "-0.20", {"k": "free"}))
    refused = gated.statuses("k", 50)

    gated.view.take(*balance("a", "4.80", {"k": "free"}, seq=2))

    assert refused == [402] * 50
    assert gated.statuses("k", 11) == [200] * 10 + [429]


def test_without_credit_it_is_402_also_where_the_minute_is_used_up() -> None:
    gated = Gated(balance("a", "5", {"k": "free"}))
    gated.statuses("k", 11)

    gated.view.take(*balance("a", "0", {"k": "free"}, seq=2))
    answer = gated.ask("k")

    assert answer.status_code == 402
    assert limits_of(answer) == (10, 0, RESET_S)


@pytest.mark.req("FA-15")
@pytest.mark.parametrize(
    "header", [None, "", "k", "Basic azp4", "Bearer", "Bearer  ", "Bearer nobody", f"Bearer {'x' * 5_000}"]
)
def test_without_a_key_that_somebody_has_it_is_401_with_the_headers(header: str | None) -> None:
    gated = Gated(balance("a", "5", {"k": "free"}))
    headers = {} if header is None else {"Authorization": header}

    answer = gated.caller.get("/v1/authorize", **headers)

    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (
        401,
        "authentication_error",
        "invalid_api_key",
    )
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert limits_of(answer) == (0, 0, RESET_S)


def test_an_unknown_key_is_told_so_byte_for_byte() -> None:
    assert Gated().ask("nobody").content == INVALID_KEY


def test_two_authorization_headers_name_nobody() -> None:
    gated = Gated(balance("a", "5", {"k": "free"}), balance("b", "5", {"l": "free"}))
    both = [("Authorization", "Bearer k"), ("Authorization", "Bearer l")]

    assert call(gated.caller.app, "GET", "/v1/authorize", headers=both).status_code == 401


def test_a_tier_without_a_limit_says_the_greatest_number() -> None:
    gated = Gated(balance("a", "5", {"k": "free"}, profile="bare"))

    assert gated.statuses("k", 200) == [200] * 200
    assert limits_of(gated.ask("k")) == (UNLIMITED, UNLIMITED, RESET_S)


def test_a_refusal_carries_its_body_in_a_header_too_for_proxies_that_drop_bodies() -> None:
    gated = Gated(balance("a", "0", {"k": "free"}))

    assert gated.ask("k").headers["x-meterstream-error"].encode() == NO_CREDIT


# --- what is not known -----------------------------------------------------------------------------------


@pytest.mark.parametrize("age_s", [float("inf"), 60.1])
def test_while_balances_are_not_known_the_profile_says_what_happens(age_s: float) -> None:
    gated = Gated(balance("a", "5", {"closed": "free"}), balance("b", "-5", {"open": "free"}, profile="open"))
    gated.feed.age = age_s

    closed, opened = gated.ask("closed"), gated.ask("open")

    assert (closed.status_code, closed.json()["error"]["type"]) == (503, "unavailable")
    assert closed.headers["retry-after"] == "1"
    assert limits_of(closed) == (10, 10, RESET_S)
    assert (opened.status_code, limits_of(opened)) == (200, (10, 9, RESET_S))


def test_who_is_let_through_unknown_still_has_a_limit() -> None:
    gated = Gated(balance("b", "-5", {"open": "free"}, profile="open"))
    gated.feed.age = float("inf")

    assert gated.statuses("open", 11) == [200] * 10 + [429]


@pytest.mark.parametrize(("lets_pass", "status"), [(False, 503), (True, 200)])
def test_a_key_that_is_not_known_yet_is_the_services_own_choice(lets_pass: bool, status: int) -> None:
    gated = Gated(limits=Limits(lets_unknown_pass=lets_pass))
    gated.feed.age = float("inf")

    answer = gated.ask("nobody")

    assert answer.status_code == status
    assert limits_of(answer)[2] == RESET_S


# --- the way in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_below_its_path_the_gate_answers_any_method_as_envoy_asks(method: str) -> None:
    gated = Gated(balance("a", "5", {"k": "free"}))
    path = "/v1/authorize/v1/chat/completions"

    answer = call(gated.caller.app, method, path, headers={"Authorization": "Bearer k"})

    assert answer.status_code == 200


def test_the_gate_answers_by_any_name_and_carries_the_security_headers() -> None:
    gated = Gated(balance("a", "5", {"k": "free"}))

    answer = gated.caller.get("/v1/authorize", Authorization="Bearer k", Host="upstream.internal")

    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_another_method_is_405_and_a_service_without_a_gate_503() -> None:
    gated = Gated()
    put = call(gated.caller.app, "PUT", "/v1/authorize")
    without = Caller(Ports(gated.caller.app.state.ports.reports)).get("/v1/authorize")

    assert (put.status_code, without.status_code) == (405, 503)


def test_the_description_of_the_api_has_the_gate_with_every_answer() -> None:
    described = call(Gated().caller.app, "GET", "/openapi.json").json()["paths"]["/v1/authorize"]

    assert sorted(described) == ["get", "post"]
    assert {"200", "401", "402", "429", "503"} <= set(described["get"]["responses"])
    assert "x-ratelimit-reset-requests" in described["get"]["responses"]["402"]["headers"]


def test_what_was_decided_and_how_old_the_balances_are_is_in_the_metrics() -> None:
    gated = Gated(balance("a", "5", {"k": "free"}))
    gated.statuses("k", 12)
    gated.ask("nobody")

    exposed = generate_latest(gated.caller.app.state.metrics.registry).decode()

    assert 'meterstream_gate_decisions_total{outcome="allowed",profile="flexai"} 10.0' in exposed
    assert 'meterstream_gate_decisions_total{outcome="rate_limited",profile="flexai"} 2.0' in exposed
    assert 'meterstream_gate_decisions_total{outcome="unknown_key",profile=""} 1.0' in exposed
    assert "meterstream_gate_age_seconds 0.5" in exposed
    assert 'meterstream_http_requests_total{route="/v1/authorize",status="429"} 2.0' in exposed
