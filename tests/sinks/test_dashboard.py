"""The dashboard's frames, files and own questions: what they hold, what they refuse, where they load from."""

from __future__ import annotations

import re
from hashlib import sha256
from importlib.resources import files
from typing import Any

import pytest

from infra.books import load_book
from infra.http.playground import EVENTS_MAX, play
from schemas.values import instant_text
from sinks.email.render import Letterhead
from sinks.http.dashboard.pages import EXAMPLE
from sinks.http.dashboard.watchers import CHARGES_AT_ONCE, VIEWERS_MAX, Watchers
from sinks.http.ports import Ports
from tests.sinks.calling import Caller, error_of
from tests.sinks.test_http import ENTRY, FakeReports

PROFILES = {name: offer.profile for name, offer in load_book().offers.items()}
LETTERHEAD = Letterhead("billing@meterstream.local", PROFILES)
PAGES = ["/", "/accounts/a/1", "/playground"]
VENDORED = {
    "vendor/uplot/uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "vendor/uplot/uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


class FakeOperations:
    """Knows account `a/1`; plays nothing."""

    def settings(self, account: str) -> dict[str, Any] | None:
        return {"account": account, "digest": "daily"} if account == "a/1" else None

    def health(self) -> dict[str, Any]:
        return {"lag": [], "not_ready": [], "kafka": "ok", "reconciled": None}

    def play(self, events: bytes, profile: str | None, until: str | None) -> dict[str, Any]:
        del profile, until
        raise ValueError(f"{len(events)} bytes cannot be billed")


@pytest.fixture
def client() -> Caller:
    return Caller(Ports(FakeReports, profiles=PROFILES, operations=FakeOperations()))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_scripts_and_styles_of_its_own_service_only(client: Caller, path: str) -> None:
    answer = client.get(path)

    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<(?:script|link)[^>]*(?:src|href)=\"(?!/static/|data:)", answer.text) == []
    # Nothing that runs or is styled stands in the page itself: the policy would refuse it.
    assert re.findall(r"<script(?![^>]*src=)|<style| style=| on\w+=", answer.text) == []


@pytest.mark.parametrize("path", PAGES)
def test_what_a_page_asks_for_is_there(client: Caller, path: str) -> None:
    for asked in re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", client.get(path).text):
        answer = client.get(asked)
        assert answer.status_code == 200
        for imported in re.findall(r"from \"\./([^\"]+)\"", answer.text):
            assert client.get(f"/static/{imported}").status_code == 200


def test_the_page_of_an_account_shows_its_balance_before_any_script_runs(client: Caller) -> None:
    text = client.get("/accounts/a/1").text

    assert "9.40 USD" in text
    assert 'data-unit="credit" data-per="100"' in text
    assert "/v1/accounts/a%2F1/ledger.csv" in text


def test_an_unknown_account_has_no_page(client: Caller) -> None:
    assert error_of(client.get("/accounts/nobody"))[0] == 404


@pytest.mark.parametrize("name", ["nothing.js", "../app.py", "%2e%2e/app.py", "vendor", ""])
def test_only_shipped_files_are_served(client: Caller, name: str) -> None:
    assert error_of(client.get(f"/static/{name}"))[0] == 404


def test_a_file_that_a_browser_has_is_not_sent_again(client: Caller) -> None:
    tag = client.get("/static/app.css").headers["ETag"]

    answer = client.get("/static/app.css", **{"If-None-Match": tag})

    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("name", VENDORED)
def test_the_vendored_library_is_the_release_that_its_readme_names(name: str) -> None:
    body = (files("sinks.http") / "static" / name).read_bytes()

    assert sha256(body).hexdigest() == VENDORED[name]


def test_the_ledger_is_a_file_whose_names_no_spreadsheet_runs() -> None:
    class Reports(FakeReports):
        def ledger(
            self, account: str, *, limit: int = 100, before: int | None = None
        ) -> list[dict[str, Any]]:
            return [
                entry | {"payment": "=cmd()"} for entry in super().ledger(account, limit=limit, before=before)
            ]

    answer = Caller(Ports(Reports)).get("/v1/accounts/a/1/ledger.csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    header, row, end = answer.text.split("\r\n")
    assert header.startswith("seq,time,type,bucket,amount,balance")
    assert row == f"2,{ENTRY['time']},charge,paid,-0.60,9.40,USD,c1,'=cmd(),e2"
    assert end == ""


def test_settings_and_health_are_told(client: Caller) -> None:
    assert client.get("/v1/accounts/a/1/settings").json()["digest"] == "daily"
    assert client.get("/v1/health").json()["kafka"] == "ok"
    assert error_of(client.get("/v1/accounts/b/settings"))[0] == 404


def test_without_a_pipeline_they_are_unavailable() -> None:
    caller = Caller(Ports(FakeReports))

    for path in ("/v1/accounts/a/1/settings", "/v1/health", "/v1/live", "/v1/accounts/a/1/live"):
        assert error_of(caller.get(path))[0] == 503


def test_what_the_playground_cannot_bill_is_said(client: Caller) -> None:
    answer = client.post("/v1/playground", b'{"events": "abc"}', content_type="application/json")

    assert error_of(answer)[::2] == (400, "3 bytes cannot be billed")


# --- the playground ----------------------------------------------------------------------------------------


def test_the_example_is_billed_and_its_records_are_shown() -> None:
    found = play(LETTERHEAD, EXAMPLE.encode(), None, None)

    charges = [each for each in found["records"] if each["record"] == "charge"]
    assert [each["amount"] for each in charges] == ["0.00024", "0.00021"]
    assert found["records"][-1]["balance"] == "9.99955"


def test_a_profile_of_ones_own_bills_and_mails() -> None:
    profile = (
        (files("schemas") / "profiles" / "flexai.toml")
        .read_text()
        .replace('amount = "10.00"', 'amount = "5.00"')
    )

    found = play(LETTERHEAD, EXAMPLE.encode(), profile, None)

    assert found["records"][-1]["balance"] == "4.99955"
    assert [each["record"] for each in found["records"]].count("notice") == 1
    assert "balance" in found["mails"][0]["subject"].lower()
    assert "4.99" in found["mails"][0]["text"]


@pytest.mark.parametrize(
    ("events", "profile", "until", "told"),
    [
        (b"\n".join([b"{}"] * (EVENTS_MAX + 1)), None, None, "at most"),
        (EXAMPLE.encode(), "name = 7", None, "name: 7"),
        (EXAMPLE.encode(), "name = [", None, "not TOML"),
        (EXAMPLE.encode(), None, "soon", "RFC 3339"),
        (EXAMPLE.encode(), None, "2036-01-01T00:00:00Z", "more than 400 days"),
    ],
)
def test_what_cannot_be_played_is_refused_in_words(
    events: bytes, profile: str | None, until: str | None, told: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        play(LETTERHEAD, events, profile, until)


def test_garbage_is_a_rejection_and_no_defect() -> None:
    found = play(LETTERHEAD, b"{oops\n[1]", None, "2026-12-01T00:00:00Z")

    assert {each["reason"] for each in found["records"]} == {"schema_invalid"}


# --- live --------------------------------------------------------------------------------------------------


def charges(count: int, account: str = "a") -> list[dict[str, Any]]:
    return [{"account": account, "id": str(number), "time": instant_text(number)} for number in range(count)]


def test_a_watcher_sees_the_latest_charges_and_hears_how_many_there_were() -> None:
    watchers = Watchers()
    watcher = watchers.watch()
    assert watcher is not None

    watchers.take(charges(CHARGES_AT_ONCE + 5))

    latest, seen = watcher.give()
    assert (latest[0]["id"], len(latest), seen) == (
        "5",
        CHARGES_AT_ONCE,
        CHARGES_AT_ONCE + 5,
    )
    assert watcher.give() == ([], CHARGES_AT_ONCE + 5)


def test_a_watcher_of_one_account_sees_no_other() -> None:
    watchers = Watchers()
    watcher = watchers.watch("a")
    assert watcher is not None

    watchers.take(charges(2, "a") + charges(3, "b"))

    assert {each["account"] for each in watcher.give()[0]} == {"a"}


def test_too_many_watchers_are_told_to_come_later() -> None:
    watchers = Watchers()
    for _ in range(VIEWERS_MAX):
        watchers.watch()
    caller = Caller(Ports(FakeReports, live=watchers))

    assert error_of(caller.get("/v1/live"))[0] == 429


def test_the_stream_ends_with_the_service_and_its_watcher_leaves() -> None:
    watchers = Watchers()
    watchers.close()
    caller = Caller(Ports(FakeReports, live=watchers))

    answer = caller.get("/v1/live")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert watchers.count == 0
