"""The reads of cost analysis over a fake store: paths, parameters, 404, and who may ask about all accounts."""

from typing import Any

import pytest

from sinks.http.ports import Ports
from tests.sinks.calling import Caller
from tests.sinks.test_http import FakeReports


class Asked(FakeReports):
    """Keeps what it was asked."""

    calls: list[tuple[Any, ...]] = []  # noqa: RUF012  # cleared by the fixture

    def overview(self, sort: str = "account", *, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        self.calls.append(("overview", sort, limit, offset))
        return super().overview(sort, limit=limit, offset=offset)

    def top_requests(self, account: str, days: int = 30, limit: int = 10) -> dict[str, Any] | None:
        self.calls.append(("top_requests", account, days, limit))
        return super().top_requests(account, days, limit)

    def suggestions(self, account: str, days: int = 30) -> dict[str, Any] | None:
        self.calls.append(("suggestions", account, days))
        return super().suggestions(account, days)


@pytest.fixture
def client() -> Caller:
    Asked.calls.clear()
    return Caller(Ports(Asked, hosts=frozenset({"testserver"})))


READS = ["projection", "top-requests", "suggestions", "utilization", "hours"]


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/v1/accounts/a/1/top-requests?days=7&limit=3", ("top_requests", "a/1", 7, 3)),
        ("/v1/accounts/a/1/top-requests", ("top_requests", "a/1", 30, 10)),
        ("/v1/accounts/a%2F1/suggestions?days=14", ("suggestions", "a/1", 14)),
        ("/v1/accounts?sort=risk&limit=5&offset=2", ("overview", "risk", 5, 2)),
    ],
)
def test_each_read_is_asked_as_the_path_says(client: Caller, path: str, call: tuple[Any, ...]) -> None:
    assert client.get(path).status_code == 200
    assert Asked.calls == [call]


@pytest.mark.parametrize("read", READS)
def test_each_read_answers_of_its_account_and_of_an_unknown_one_with_404(client: Caller, read: str) -> None:
    found, unknown = (client.get(f"/v1/accounts/{account}/{read}") for account in ("a/1", "nobody"))

    assert (found.status_code, found.json()["account"]) == (200, "a/1")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "404")


@pytest.mark.parametrize(
    "path",
    ["/a/1/top-requests?days=0", "/a/1/top-requests?limit=0", "/a/1/suggestions?days=367", "/a/1/hours?hours=x", "?sort=age"],
)  # fmt: skip
def test_bad_parameters_are_400(client: Caller, path: str) -> None:
    assert client.get(f"/v1/accounts{path}").status_code == 400


def test_all_accounts_come_by_page(client: Caller) -> None:
    first, second = (client.get(f"/v1/accounts?limit=1&offset={offset}").json() for offset in (0, 1))

    assert ([row["account"] for row in first["accounts"]], first["next"]) == (["a/1"], 1)
    assert second == {"accounts": [], "next": None}


def test_operations_and_metrics_say_how_fresh_charges_are(client: Caller) -> None:
    operations = client.get("/v1/operations").json()
    metrics = client.get("/metrics").text

    assert operations["freshness"]["age_max_s"] == "1.204"
    assert 'meterstream_freshness_seconds{what="age_max_s"} 1.204' in metrics
    assert "meterstream_clock_timestamp_seconds 1.7943552e+09" in metrics
