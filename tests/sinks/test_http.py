"""The HTTP service over a fake store: what it answers, and that every error has one form."""

from collections.abc import Callable
from datetime import date
from email.message import EmailMessage
from typing import Any

import pytest

from sinks.http.ports import Ports, Unavailable
from tests.sinks.calling import Caller, error_of
from tests.sinks.spending import FakeAnalysis

BALANCE = {
    "account": "a/1", "profile": "puredocs", "balance": "9.40", "currency": "USD", "buckets": {"paid": "9.40"}, "flags": ["disputed"],
    "keys": {}, "seq": 2, "time": "2026-11-01T00:00:00.000Z",
}  # fmt: skip
ENTRY = {
    "seq": 2, "time": "2026-11-01T00:00:00.000Z", "type": "charge", "bucket": "paid", "amount": "-0.60", "balance": "9.40",
    "currency": "USD", "charge": "c1", "payment": "", "cause": {"source": "s", "id": "1"}, "id": "e2", "hash": "h",
}  # fmt: skip

CHARGE = {
    "id": "c1", "time": "2026-11-01T00:00:00.000Z", "resource": "r1", "request": "", "sku": "gpu-s", "model": "", "key": "",
    "meter": "duration", "start": "2026-11-01T00:00:00.000Z", "end": "2026-11-01T01:00:00.000Z", "quantity": "1", "unit": "hour",
    "unit_price": "0.60", "amount": "0.60", "currency": "USD", "rule": "PD-12", "price_version": "2020-01-01", "corrects": "",
}  # fmt: skip


class FakeReports(FakeAnalysis):
    """One account, `a/1`."""

    def accounts(self, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        return [BALANCE][offset : offset + limit]

    def balance(self, account: str) -> dict[str, Any] | None:
        return BALANCE if account == "a/1" else None

    def is_known(self, account: str) -> bool:
        return account == "a/1"

    def costs(
        self, account: str, days: int, *, by: str | None = None, as_of: date | None = None
    ) -> dict[str, Any] | None:
        if account != "a/1":
            return None
        day = {"day": (as_of or date(2026, 11, 1)).isoformat(), "amount": "0.60", "charges": 1, "lines": []}
        groups = [{"name": "<b>r1</b>", "amount": "0.60", "charges": 1}]
        return {
            "account": account, "currency": "USD", "from": day["day"], "to": day["day"], "by": by, "total": "0.60", "charges": 1,
            "days": [day] * days, "groups": groups,
        }  # fmt: skip

    def ledger(self, account: str, *, limit: int = 100, before: int | None = None) -> list[dict[str, Any]]:
        del limit
        return [ENTRY] if account == "a/1" and (before is None or before > 2) else []

    def charges(
        self, account: str, *, limit: int = 100, before: str | None = None, before_id: str = ""
    ) -> list[dict[str, Any]]:
        del limit, before_id
        return [CHARGE] if account == "a/1" and before is None else []

    def stored_rows(self) -> dict[str, int]:
        return {"charges": 1, "dead_letters": 0}


def down() -> FakeReports:
    raise Unavailable("ClickHouse: cannot be reached: Connection refused")


def caught(limit: int) -> list[EmailMessage]:
    mail = EmailMessage()
    mail["Subject"], mail["To"] = "Low <balance>", "owner@example.com"
    mail.set_content("4.90 left")
    return [mail]


@pytest.fixture
def client() -> Caller:
    return Caller(Ports(FakeReports, caught, frozenset({"testserver"})))


@pytest.fixture
def client_without_store() -> Caller:
    return Caller(Ports(down))


@pytest.mark.parametrize("account", ["a/1", "a%2F1"])
def test_an_account_is_found_by_its_id_also_with_a_slash_in_it(client: Caller, account: str) -> None:
    assert client.get(f"/v1/accounts/{account}/balance").json() == BALANCE
    assert client.get(f"/v1/accounts/{account}/ledger").json()["entries"] == [ENTRY]
    assert client.get(f"/v1/accounts/{account}/charges").json()["charges"][0]["id"] == "c1"
    assert (
        client.get(f"/v1/accounts/{account}/costs?days=2&by=sku&as_of=2026-10-01").json()["to"]
        == "2026-10-01"
    )


@pytest.mark.parametrize("what", ["ledger", "charges"])
def test_a_full_page_names_the_next_one(client: Caller, what: str) -> None:
    rows = {"ledger": "entries", "charges": "charges"}[what]

    first = client.get(f"/v1/accounts/a/1/{what}?limit=1").json()
    second = client.get(f"/v1/accounts/a/1/{what}?limit=1&cursor={first['next']}").json()

    assert len(first[rows]) == 1
    assert second == {"account": "a/1", rows: [], "next": None}


@pytest.mark.parametrize(
    "cursor", ["x", "é", "W10", "WyJ4Il0", "bnVsbA", "WzBd", "WzFlOTld", "A" * 1_000, "W1tb" * 300]
)
@pytest.mark.parametrize("what", ["ledger", "charges"])
def test_a_cursor_that_is_not_ours_is_refused(client: Caller, what: str, cursor: str) -> None:
    answer = client.get(f"/v1/accounts/a/1/{what}?cursor={cursor}")

    assert error_of(answer) == (
        400,
        "invalid_request",
        "cursor: not one of ours; it is `next` of the page before",
    )


@pytest.mark.parametrize("what", ["balance", "ledger", "charges", "costs"])
def test_what_has_not_changed_is_not_sent_twice(client: Caller, what: str) -> None:
    path = f"/v1/accounts/a/1/{what}"
    tag = client.get(path).headers["ETag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = client.get(path, **{"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert client.get(path, **{"If-None-Match": '"other"'}).status_code == 200


def test_an_answer_may_be_kept_but_not_by_others_and_not_unasked(client: Caller) -> None:
    assert client.get("/v1/accounts/a/1/balance").headers["Cache-Control"] == "private, no-cache"
    assert client.get("/accounts/a/1").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("account", ["a%00b", "x" * 513])
@pytest.mark.parametrize("path", ["/v1/accounts/{}/balance", "/accounts/{}"])
def test_what_can_be_no_account_is_a_bad_request(client: Caller, path: str, account: str) -> None:
    status, _, message = error_of(client.get(path.format(account)))

    assert status == 400
    assert message.startswith("account: ")


@pytest.mark.parametrize("what", ["balance", "ledger", "charges", "costs"])
def test_an_unknown_account_is_not_found(client: Caller, what: str) -> None:
    answer = client.get(f"/v1/accounts/nobody/{what}")

    assert (answer.status_code, answer.json()["error"]["type"], answer.json()["error"]["code"]) == (
        404,
        "not_found",
        "404",
    )


@pytest.mark.parametrize(
    "path",
    [
        "costs?days=0",
        "costs?days=x",
        "costs?by=color",
        "costs?as_of=soon",
        "ledger?limit=0",
        "ledger?limit=1001",
    ],
)
def test_bad_parameters_are_named(client: Caller, path: str) -> None:
    answer = client.get(f"/v1/accounts/a/1/{path}")

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(path.partition("?")[2].partition("=")[0])


@pytest.mark.parametrize("path", ["/nothing", "/accounts/nobody", "/v1/accounts/a/1/nothing"])
def test_other_errors_have_the_same_form(client: Caller, path: str) -> None:
    assert client.get(path).json()["error"]["code"] == "404"


def test_a_wrong_method_has_that_form_too(client: Caller) -> None:
    answer = client.post("/v1/accounts/a/1/balance")

    assert (answer.status_code, answer.json()["error"]["type"]) == (405, "invalid_request")


@pytest.mark.parametrize("path", ["/accounts/a/1", "/v1/accounts/a/1/balance", "/readyz"])
def test_a_store_that_is_down_is_503_everywhere(client_without_store: Caller, path: str) -> None:
    answer = client_without_store.get(path)

    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "unavailable")


def test_the_process_is_healthy_while_the_store_is_down_and_says_so_to_prometheus(
    client_without_store: Caller,
) -> None:
    assert client_without_store.get("/healthz").text == "ok\n"
    assert "meterstream_clickhouse_up 0.0" in client_without_store.get("/metrics").text


def test_the_process_is_not_ready_while_it_waits_for_something() -> None:
    waits: list[str | None] = ["tokens are still read", None]
    caller = Caller(Ports(FakeReports, ready=(lambda: None, lambda: waits.pop(0))))

    assert caller.get("/readyz").json()["error"]["message"] == "tokens are still read"
    assert caller.get("/readyz").text == "ok\n"


def test_metrics_count_rows_and_requests(client: Caller) -> None:
    client.get("/v1/accounts/a/1/balance")
    text = client.get("/metrics").text

    assert 'meterstream_stored_rows{table="charges"} 1.0' in text
    assert (
        'meterstream_http_requests_total{route="/v1/accounts/{account:path}/balance",status="200"} 1.0'
        in text
    )


def test_another_site_whose_name_points_here_reads_nothing(client: Caller) -> None:
    answer = client.get("/v1/accounts/a/1/balance", Host="evil.example")

    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/mails", "/docs"])
def test_pages_load_nothing_from_other_hosts_and_escape_names(client: Caller, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert "://" not in answer.text.replace("<!doctype html>", "")
    assert "<script" not in answer.text
    assert "<b>" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_page_of_the_api_shows_scopes_bodies_and_errors(client: Caller) -> None:
    text = client.get("/docs").text

    assert "<code>POST /v1/events</code>" in text
    assert "Scope: <code>ingest</code>" in text
    assert "Body, <code>application/cloudevents+json</code>" in text
    assert "<td><code>subject</code></td><td>string</td><td>needed</td>" in text
    assert "<code>401</code> Unauthorized" in text
    assert "<code>422</code>" not in text


def test_caught_mails_are_shown(client: Caller) -> None:
    assert "Low &lt;balance&gt;" in client.get("/mails").text


def test_without_a_catcher_there_is_no_page_of_mails(client_without_store: Caller) -> None:
    assert client_without_store.get("/mails").status_code == 404


def test_a_defect_shows_nothing_of_itself() -> None:
    def broken() -> FakeReports:
        raise RuntimeError("secret")

    ask: Callable[[], FakeReports] = broken
    answer = Caller(Ports(ask)).get("/v1/accounts/a/1/balance")

    assert answer.status_code == 500
    assert "secret" not in answer.text
