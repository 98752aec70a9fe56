"""Part `sink-email`: notices become mails."""

import logging
import signal
import threading

from infra.errors import CommandFailed
from infra.parts.ready import mark_ready
from infra.settings import Settings
from schemas.topics import NOTICES
from sinks.email.mailer import Mailer
from sinks.email.sent import SentIds, Undeliverable
from sinks.email.smtp import SmtpPost, SmtpServer


def main(settings: Settings) -> None:
    """Mail until told to stop. A server that is down holds up mails, not this part.

    Raises `CommandFailed` where the password would travel in the clear.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    mailer = Mailer(
        settings.kafka_client_config(),
        settings.group("sink-email"),
        settings.topic(NOTICES),
        post=SmtpPost(_server(settings)),
        sender=settings.mail_from,
        sent=SentIds(settings.state_dir / "mail" / "sent.sqlite"),
        undeliverable=Undeliverable(settings.state_dir / "undeliverable.jsonl"),
        stop=stop,
    )
    mark_ready(settings, "sink-email")
    mailer.run()


def _server(settings: Settings) -> SmtpServer:
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    try:
        return SmtpServer(
            settings.smtp_host, settings.smtp_port, settings.smtp_tls, settings.smtp_username, password
        )
    except ValueError as error:
        raise CommandFailed(f"METERSTREAM_SMTP_TLS: {error}") from None
