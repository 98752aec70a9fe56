"""Notices become mails over a real broker and a real SMTP server: each once, also when SMTP or the sink dies."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from confluent_kafka import Producer

from infra.settings import Settings
from infra.smtp_catcher import MailStore
from infra.topics import create_topics
from schemas import topics, wire
from sinks.email.mailer import Mailer
from sinks.email.render import message_id
from sinks.email.sent import SentIds, Undeliverable
from sinks.email.smtp import SmtpPost, SmtpServer
from tests.servers import running_part
from tests.sinks.samples import notice
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


def send(settings: Settings, *values: bytes) -> None:
    create_topics(settings)
    producer = Producer(settings.kafka_client_config(quiet=True))
    for value in values:
        producer.produce(settings.topic(topics.NOTICES), value, b"a1", 0)
    assert producer.flush(30) == 0


def encoded(*numbers: int, **changes: Any) -> list[bytes]:
    return [wire.encode(notice(number, **changes)) for number in numbers]


@contextmanager
def mailing(settings: Settings, group: str = "sink-email") -> Iterator[Mailer]:
    """A running mailer; it is stopped at the end of the block."""
    stop = threading.Event()
    mailer = Mailer(
        settings.kafka_client_config(),
        settings.group(group),
        settings.topic(topics.NOTICES),
        post=SmtpPost(SmtpServer(settings.smtp_host, settings.smtp_port)),
        sender=settings.mail_from,
        sent=SentIds(settings.state_dir / "mail" / "sent.sqlite"),
        undeliverable=Undeliverable(settings.state_dir / "undeliverable.jsonl"),
        stop=stop,
    )
    thread = threading.Thread(target=mailer.run)
    thread.start()
    try:
        yield mailer
    finally:
        stop.set()
        thread.join(30)


def ids_in(settings: Settings) -> Counter[str]:
    return Counter(str(mail["Message-ID"]) for mail in MailStore(settings.mails_dir).mails())


def expected(settings: Settings, *numbers: int) -> Counter[str]:
    return Counter(message_id(f"notice-{number}", settings.mail_from) for number in numbers)


def test_smtp_that_is_down_and_comes_up_loses_and_doubles_no_mail(kafka_settings: Settings) -> None:
    send(kafka_settings, *encoded(*range(20)))

    with mailing(kafka_settings) as mailer:
        wait_until(lambda: mailer.counts.waits >= 2, "it has tried in vain")
        with running_part(kafka_settings, "smtp"):
            wait_until(lambda: mailer.counts.sent == 20, "all mails are out")
        send(kafka_settings, *encoded(20))
        wait_until(lambda: mailer.counts.waits >= 4, "it waits again")
        with running_part(kafka_settings, "smtp"):
            wait_until(lambda: mailer.counts.sent == 21, "the last mail is out")

    assert ids_in(kafka_settings) == expected(kafka_settings, *range(21))


def test_a_notice_is_mailed_once_however_often_it_comes_and_is_read(kafka_settings: Settings) -> None:
    with running_part(kafka_settings, "smtp"):
        send(kafka_settings, *encoded(1, 2, 1, 2, 1))
        with mailing(kafka_settings) as first:
            wait_until(lambda: first.counts.sent + first.counts.repeated == 5, "all notices are read")
        # The offsets are set back: everything is read again, by a new process.
        with mailing(kafka_settings, "another-group") as second:
            wait_until(lambda: second.counts.repeated == 5, "all notices are read again")

    assert ids_in(kafka_settings) == expected(kafka_settings, 1, 2)


def test_the_part_mails_what_the_worker_wrote(kafka_settings: Settings) -> None:
    send(kafka_settings, *encoded(1))

    with running_part(kafka_settings, "smtp"), running_part(kafka_settings, "sink-email"):
        wait_until(lambda: ids_in(kafka_settings) == expected(kafka_settings, 1), "the mail is caught")

    (mail,) = MailStore(kafka_settings.mails_dir).mails()
    assert (mail["To"], mail["Subject"]) == ("owner@example.com", "Low balance: $4.90 left")


class Choosy:
    """Refuses `nobody@…` for good and any mail that speaks of `spam`; takes the others."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        if b"spam" in (envelope.original_content or b""):
            return "554 refused"
        self.taken.extend(envelope.rcpt_tos)
        return "250 OK"


def test_a_mail_that_is_refused_for_good_is_put_aside_and_the_next_go_out(kafka_settings: Settings) -> None:
    handler = Choosy()
    server = Controller(handler, hostname=kafka_settings.smtp_host, port=kafka_settings.smtp_port)
    server.start()
    try:
        send(
            kafka_settings,
            *encoded(1, email="nobody@example.com"),
            *encoded(2, account="spam"),
            b"\xff not json",
            *encoded(3, email="a@example.com\r\nBcc: b@example.com"),
            *encoded(4, email="somebody@example.com"),
        )
        with mailing(kafka_settings) as mailer:
            wait_until(lambda: mailer.counts.sent == 1, "the good one is out")
    finally:
        server.stop()

    file = Path(kafka_settings.state_dir / "undeliverable.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert handler.taken == ["somebody@example.com"]
    assert [line["id"] for line in lines] == ["notice-1", "notice-2", "", "notice-3"]
    assert lines[0]["reason"].startswith("550")
    assert file.stat().st_mode & 0o077 == 0


def test_a_password_does_not_travel_in_the_clear() -> None:
    with pytest.raises(ValueError, match="without TLS"):
        SmtpServer("mail.example.com", 587, tls=False, username="u", password="p")

    assert "p4ss" not in repr(SmtpServer("mail.example.com", 587, tls=True, username="u", password="p4ss"))
