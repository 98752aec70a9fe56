"""The reads of cost analysis over a fake store: paths, parameters, 404, and who may ask about all accounts."""

from typing import Any

import pytest

from sinks.http.ports import Ports
from tests.sinks.calling import Caller
from tests.sinks.test_http import FakeReports


@pytest.fixture
def client() -> Caller:
    return Caller(Ports(FakeReports, hosts=frozenset({"testserver"})))


READS = ["projection", "top-requests", "suggestions", "utilization", "hours"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("projection", {"projected": "408.00"}),
        ("top-requests?days=7&limit=3", {"days": 7, "limit": 3}),
        ("top-requests", {"days": 30, "limit": 10}),
        ("suggestions?days=14", {"days": 14}),
        ("utilization", {"days": 30}),
        ("hours?hours=24", {"hours": 24}),
    ],
)
def test_each_read_is_asked_as_the_path_says(client: Caller, path: str, answer: dict[str, Any]) -> None:
    assert client.get(f"/v1/accounts/a/1/{path}").json() == {"account": "a/1"} | answer


@pytest.mark.parametrize("read", READS)
def test_of_an_unknown_account_every_read_is_404(client: Caller, read: str) -> None:
    answer = client.get(f"/v1/accounts/nobody/{read}")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "404")


@pytest.mark.parametrize(
    "path",
    ["a/1/top-requests?days=0", "a/1/top-requests?limit=0", "a/1/suggestions?days=367", "a/1/hours?hours=x"],
)
def test_bad_parameters_are_400(client: Caller, path: str) -> None:
    assert client.get(f"/v1/accounts/{path}").status_code == 400


def test_all_accounts_come_by_page_and_in_the_order_asked_for(client: Caller) -> None:
    page = client.get("/v1/accounts?sort=burn&limit=1").json()

    assert page == {"accounts": [{"account": "a/1", "sort": "burn", "burn_per_hour": "0.60"}], "next": 1}
    assert client.get("/v1/accounts?offset=1").json() == {"accounts": [], "next": None}
    assert client.get("/v1/accounts?sort=age").status_code == 400


def test_operations_are_told(client: Caller) -> None:
    assert client.get("/v1/operations").json() == {"dead_letters": 0}
