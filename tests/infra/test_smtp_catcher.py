"""The mail catcher: what is sent by SMTP can be read from its directory, the newest first."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.smtp_catcher import MailStore
from tests.servers import own_settings, running_part


@pytest.fixture(scope="module")
def catcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = own_settings(tmp_path_factory.mktemp("smtp"))
    with running_part(settings, "smtp"):
        yield settings


def test_mails_come_back_as_sent_the_newest_first(catcher: Settings) -> None:
    with smtplib.SMTP(catcher.smtp_host, catcher.smtp_port) as smtp:
        for number in range(3):
            mail = EmailMessage()
            mail["From"], mail["To"] = catcher.mail_from, f"user{number}@example.com"
            mail["Subject"] = f"账单 {number}"
            mail.set_content("¥ 12.50\n.\nend\n")
            mail.add_alternative("<p>¥ 12.50</p>", subtype="html")
            smtp.send_message(mail)

    mails = MailStore(catcher.mails_dir).mails(limit=2)

    assert [mail["Subject"] for mail in mails] == ["账单 2", "账单 1"]
    assert [mail["X-Envelope-To"] for mail in mails] == ["user2@example.com", "user1@example.com"]
    body = mails[0].get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["¥ 12.50", ".", "end"]


def test_a_mail_without_room_is_not_acknowledged(catcher: Settings) -> None:
    directory = catcher.mails_dir
    for path in directory.glob("*"):
        path.unlink()
    directory.rmdir()
    directory.write_text("a file where the directory should be")

    with (
        smtplib.SMTP(catcher.smtp_host, catcher.smtp_port) as smtp,
        pytest.raises(smtplib.SMTPDataError) as refused,
    ):
        smtp.sendmail("a@b.c", ["d@e.f"], "Subject: x\r\n\r\ny\r\n")

    directory.unlink()
    assert refused.value.smtp_code == 452


def test_readers_never_see_half_a_mail(tmp_path: Path) -> None:
    store = MailStore(tmp_path)
    (tmp_path / "00000000000000000001-aa.new").write_bytes(b"Subject: half")

    path = store.store(b"Subject: whole\r\n\r\n")

    assert store.paths() == [path]
    assert [mail["Subject"] for mail in store.mails()] == ["whole"]
