"""Notices over HTTP, the link that ends summaries, and the page of caught mails: what each answers, and to whom."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.records import NoticeType
from schemas.wire import read_event
from sinks.email.codes import Codes
from sinks.email.render import render
from sinks.http.paging import AfterRecord, cursor_of
from sinks.http.ports import Ports, Unavailable
from tests.sinks.calling import Caller, error_of
from tests.sinks.fakes import KeptEvents
from tests.sinks.mails import LETTERHEAD, sample
from tests.sinks.test_http import FakeReports

CODES = Codes(b"a secret of thirty-two characters", "https://pay.example.org")
ROW = {
    "id": "n1",
    "time": "2026-11-01T00:00:00.000Z",
    "type": "overdue",
    "resource": "",
    "values": {},
    "deliveries": [],
}


class FakeNotices:
    """One notice of `a/1`; keeps what it was asked."""

    asked: dict[str, Any]

    def notices(self, account: str, **asked: Any) -> list[dict[str, Any]]:
        type(self).asked = asked
        return [ROW] if account == "a/1" else []


def service(events: KeptEvents | None = None, **ports: Any) -> Caller:
    given: dict[str, Any] = {"notices": FakeNotices, "mail_codes": CODES, "events": events}
    return Caller(Ports(FakeReports, **(given | ports)))


def link(account: str) -> str:
    url = CODES.unsubscribe_url(account)
    assert url is not None
    return url.removeprefix("https://pay.example.org")


def test_an_accounts_notices_come_with_its_mail_code_and_the_next_page() -> None:
    answer = service().get("/v1/accounts/a/1/notices?type=overdue&undelivered=true&limit=1").json()

    assert answer == {
        "account": "a/1", "mail_code": CODES.mail_code("a/1"), "notices": [ROW],
        "next": cursor_of(AfterRecord(str(ROW["time"]), "n1")),
    }  # fmt: skip
    assert FakeNotices.asked == {
        "kind": "overdue",
        "undelivered": True,
        "limit": 1,
        "before": None,
        "before_id": "",
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/accounts/nobody/notices", 404),
        ("/v1/accounts/a/1/notices?type=spam", 400),
        ("/v1/accounts/a/1/notices?limit=0", 400),
        ("/v1/accounts/a/1/notices?cursor=yesterday", 400),
    ],
)
def test_what_cannot_be_answered_is_an_error_of_the_one_form(path: str, status: int) -> None:
    assert error_of(service().get(path))[0] == status


def test_without_a_store_of_notices_the_answer_is_503() -> None:
    assert error_of(service(notices=None).get("/v1/accounts/a/1/notices"))[0] == 503


def test_one_click_switches_the_accounts_summaries_off() -> None:
    events = KeptEvents()

    answer = service(events).post(link("a/1"), b"List-Unsubscribe=One-Click")

    (sent,) = events.sent
    event = read_event(sent.raw)
    assert answer.status_code == 200
    assert "no more summaries" in answer.text
    assert (sent.account, sent.type) == ("a/1", "account.settings_changed")
    assert (event.account, event.data.digest) == ("a/1", "off")  # type: ignore[union-attr]


def test_a_program_that_only_looks_at_the_link_switches_nothing_off() -> None:
    events = KeptEvents()

    answer = service(events).get(link("<b>&"))

    assert answer.status_code == 200
    assert events.sent == []
    assert "&lt;b&gt;" in answer.text
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "YS8x.AAAA",
        "YS8x.",
        ".",
        "%00",
        "a" * 3_000,
        "é.é",
        "YS8x.K7G9r86wOZY4VZ3EkAkkwIGx264ysK-CpwpbA6tirC0",
    ],
)
def test_a_link_that_we_did_not_make_does_nothing(token: str) -> None:
    events = KeptEvents()
    answer = service(events).post(f"/v1/unsubscribe?token={token}", b"List-Unsubscribe=One-Click")

    assert error_of(answer)[0] in {400, 404}
    assert events.sent == []


def test_a_link_of_one_account_is_of_no_use_for_another() -> None:
    first, second = link("acme").split("token=")[1], link("other").split("token=")[1]
    forged = f"{second.split('.')[0]}.{first.split('.')[1]}"

    assert CODES.account_of(first) == "acme"
    assert CODES.account_of(forged) is None
    assert Codes(b"another secret of ours..", "https://x").account_of(first) is None
    assert Codes().account_of(first) is None


def test_another_body_and_a_broker_that_is_away_are_errors() -> None:
    assert error_of(service(KeptEvents()).post(link("a/1"), b"x=y"))[0] == 400
    away = service(KeptEvents(Unavailable("Kafka is away"))).post(link("a/1"), b"List-Unsubscribe=One-Click")
    assert error_of(away)[0] == 503


def test_caught_mails_are_shown_as_html_in_a_frame_that_can_do_nothing() -> None:
    mail = render([sample(NoticeType.RECEIPT, account='"><script>alert(1)</script>')], LETTERHEAD)

    answer = service(mails=lambda _: [mail]).get("/mails")

    assert '<iframe sandbox srcdoc="&lt;!DOCTYPE html' in answer.text
    assert "<script>" not in answer.text
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
