"""Notices become mails: three of them to the letter, all of them in every language, none with a foreign header."""

from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from schemas.records import NoticeType
from sinks.email.catalog import CATALOG
from sinks.email.render import CannotRender, message_id, render
from tests.sinks.samples import notice

GOLDEN = Path(__file__).parent / "golden"
SENDER = "billing@example.org"
RECEIPT = {
    "payment": "p-1",
    "amount": "100",
    "method": "alipay",
    "credited": "98.50",
    "fee": "1.50",
    "bonus": "10",
    "balance": "123.4",
}
# Name → notice; the mail is in golden/<name>.txt. To renew: delete the file, run, read the difference.
MAILS: dict[str, Any] = {
    "low_balance_en": notice(1, "low_balance", {"balance": "4.999995", "threshold": "5.00"}, zone="UTC"),
    "balance_zero_en": notice(2, "balance_zero", {"balance": "-0.000045"}, zone="America/New_York"),
    "receipt_en": notice(
        3,
        "receipt",
        {"payment": "p-1", "amount": "20", "method": "card", "credited": "20", "balance": "24.90"},
    ),
    "low_balance_zh": notice(
        4,
        "low_balance",
        {"balance": "4.90", "threshold": "5"},
        currency="CNY",
        locale="zh-CN",
        zone="Asia/Shanghai",
    ),
    "balance_zero_zh": notice(
        5, "balance_zero", {"balance": "0"}, currency="CNY", locale="zh", zone="Asia/Shanghai"
    ),
    "receipt_zh": notice(6, "receipt", RECEIPT, currency="CNY", locale="zh_Hans_CN", zone="Asia/Shanghai"),
    "generic_en": notice(
        7,
        "deletion_due",
        {"at": "2026-11-08T00:00:00.000Z", "balance": "-3.20"},
        resource="i-7",
        currency="CNY",
    ),
}


def written(mail: EmailMessage) -> str:
    """Headers and both bodies, without the boundary, which differs each time."""
    headers = [f"{name}: {value}" for name, value in mail.items() if name != "Content-Type"]
    bodies = [
        f"===== {part.get_content_type()}\n{part.get_content()}"
        for part in mail.iter_parts()
        if isinstance(part, EmailMessage)
    ]
    return "\n".join([*headers, *bodies])


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_is_this_to_the_letter(name: str) -> None:
    golden = GOLDEN / f"{name}.txt"
    found = written(render(MAILS[name], sender=SENDER))

    if not golden.exists():
        golden.write_text(found, encoding="utf-8")
        pytest.fail(f"{golden} was written anew; read it, then run again")

    assert found == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("locale", ["en", "zh-CN", "fr", None, "not a locale"])
@pytest.mark.parametrize("kind", [*NoticeType, "a_type_of_a_later_release"])
def test_every_type_of_notice_has_a_mail_in_every_language(kind: str, locale: str | None) -> None:
    values = RECEIPT | {"threshold": "5", "reason": "heartbeat_lost", "spend": "many"}

    mail = render(notice(1, kind, values, locale=locale, resource="r1"), sender=SENDER)

    assert mail["Subject"]
    assert len(list(mail.iter_parts())) == 2


def test_every_language_has_every_phrase() -> None:
    for phrases in CATALOG.values():
        assert set(phrases) == set(CATALOG["en"])


@pytest.mark.parametrize(
    "email", ["a@b.io\r\nBcc: c@d.io", "a@b.io, c@d.io", "Name <a@b.io>", "", "a@b.io\n", "a"]
)
def test_an_address_that_is_not_one_mailbox_gets_no_mail(email: str) -> None:
    with pytest.raises(CannotRender):
        render(notice(1, email=email), sender=SENDER)


@pytest.mark.parametrize("field", ["account", "resource", "id"])
def test_a_line_break_in_a_name_makes_no_header(field: str) -> None:
    changes: dict[str, Any] = {field: "x\r\nBcc: c@d.io"}
    mail = render(notice(1, **changes), sender=SENDER)

    assert mail["Bcc"] is None
    assert b"\nBcc:" not in mail.as_bytes().split(b"\n\n", 1)[0]


def test_a_line_break_that_would_reach_the_subject_is_refused() -> None:
    with pytest.raises(CannotRender):
        render(notice(1, "receipt", RECEIPT | {"amount": "1\r\nBcc: c@d.io"}), sender=SENDER)


def test_html_is_escaped_and_text_is_not() -> None:
    mail = render(notice(1, account="<script>alert(1)</script>"), sender=SENDER)
    text, html = (part.get_content() for part in mail.iter_parts() if isinstance(part, EmailMessage))

    assert "<script>" in text
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_value_that_a_mail_needs_and_lacks_is_an_error() -> None:
    with pytest.raises(CannotRender):
        render(notice(1, "balance_zero", {}), sender=SENDER)


def test_the_message_id_is_the_same_for_a_notice_and_differs_between_notices() -> None:
    first = render(notice(1), sender=SENDER)["Message-ID"]

    assert first == render(notice(1), sender=SENDER)["Message-ID"] == message_id("notice-1", SENDER)
    assert first != render(notice(2), sender=SENDER)["Message-ID"]


def test_unknown_zones_are_shown_in_utc() -> None:
    text = written(render(notice(1, zone="Mars/Olympus"), sender=SENDER))

    assert "2026-11-01 00:00 UTC" in text
