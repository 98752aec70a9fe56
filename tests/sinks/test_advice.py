"""`POST /v1/admission` and `/v1/estimates` over HTTP: what is handed on, what is refused as a question."""

from collections.abc import Mapping
from typing import Any

import pytest

from sinks.http.ports import Ports, Row
from tests.sinks.calling import Caller, call, error_of
from tests.sinks.fakes import TEXT, KnownTokens, token

TOKEN = token(account="b")


class FakeAdvice:
    """Knows one account, `a/1`, and answers with what it was asked."""

    def admission(self, account: str, request: Mapping[str, Any]) -> Row | None:
        return {"admission": dict(request)} if account == "a/1" else None

    def request_cost(self, account: str, request: Mapping[str, Any]) -> Row | None:
        return {"request": dict(request)} if account == "a/1" else None

    def mode_change(self, account: str, change: Mapping[str, Any]) -> Row | None:
        return {"change": dict(change)} if account == "a/1" else None


def no_reports() -> Any:
    raise AssertionError("advice asks no store")


def ask(path: str, body: Any, **headers: str) -> Any:
    caller = Caller(Ports(no_reports, advice=FakeAdvice(), tokens=KnownTokens(TOKEN)))
    return call(caller.app, "POST", f"/v1/{path}", json=body, headers=headers)


SPEC = {"gpu": "rtx-4090", "gpus": 1, "vcpus": 8, "ram_gb": "32", "disk_gb": 200}


def test_a_question_on_admission_is_handed_on_without_what_was_left_out() -> None:
    body = {"account": "a/1", "sku": "machine", "mode": "payg", "spec": SPEC, "disk_gb": "1.5"}

    assert ask("admission", body).json() == {
        "admission": {"sku": "machine", "mode": "payg", "spec": SPEC, "disk_gb": "1.5"}
    }


@pytest.mark.req("FA-11")
def test_max_tokens_are_the_output_at_its_longest() -> None:
    body = {"account": "a/1", "model": "llama-3.3-70b", "input_tokens": 1200, "max_tokens": 4096}

    assert ask("estimates", body).json() == {
        "request": {"model": "llama-3.3-70b", "input_tokens": 1200, "output_tokens": 4096}
    }


def test_an_estimate_with_a_mode_is_about_a_change_of_mode() -> None:
    body = {"account": "a/1", "resource": "i-1", "mode": "package", "term": "daily"}

    assert ask("estimates", body).json() == {
        "change": {"resource": "i-1", "mode": "package", "term": "daily"}
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("admission", {"account": "nobody", "sku": "x", "mode": "payg"}),
        ("estimates", {"account": "nobody", "model": "x"}),
        ("estimates", {"account": "nobody", "resource": "i-1", "mode": "payg"}),
    ],
)
def test_an_unknown_account_is_not_found(path: str, body: Row) -> None:
    assert error_of(ask(path, body)) == (404, "not_found", "no account 'nobody'")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("admission", {"account": "a/1", "mode": "payg"}),
        ("admission", {"account": "a/1", "sku": "x", "mode": "rent"}),
        ("admission", {"account": "a/1", "sku": "x", "mode": "payg", "color": "red"}),
        ("admission", {"account": "a/1", "sku": "x", "mode": "payg", "disk_gb": 1.5}),
        ("admission", {"account": "a/1", "sku": "x", "mode": "payg", "disk_gb": "1e9"}),
        ("admission", {"account": "", "sku": "x", "mode": "payg"}),
        ("admission", []),
        ("estimates", {"account": "a/1"}),
        ("estimates", {"account": "a/1", "model": "x", "max_tokens": -1}),
        ("estimates", {"account": "a/1", "model": "x", "max_tokens": 1.5}),
        ("estimates", {"account": "a/1", "model": "x", "max_tokens": "4096"}),
        ("estimates", {"account": "a/1", "model": "x", "resource": "i-1", "mode": "payg"}),
    ],
)
def test_a_question_of_another_form_is_400(path: str, body: Any) -> None:
    assert error_of(ask(path, body))[:2] == (400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"account": "a/1"}, "request.model: Field required"),
        ({"account": "a/1", "mode": "payg"}, "mode_change.resource: Field required"),
    ],
)
def test_a_mistake_is_told_for_what_the_estimate_is_about(body: Row, message: str) -> None:
    assert error_of(ask("estimates", body)) == (400, "invalid_request", message)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("admission", {"account": "a/1", "sku": "x", "mode": "payg"}),
        ("estimates", {"account": "a/1", "model": "x"}),
    ],
)
def test_a_token_of_another_account_learns_nothing(path: str, body: Row) -> None:
    answer = ask(path, body, Authorization=f"Bearer {TEXT}")

    assert error_of(answer)[:2] == (403, "permission_error")


def test_a_service_without_advice_is_503() -> None:
    caller = Caller(Ports(no_reports))
    body = {"account": "a/1", "sku": "x", "mode": "payg"}

    assert error_of(call(caller.app, "POST", "/v1/admission", json=body))[0] == 503
