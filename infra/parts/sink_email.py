"""Part `sink-email`: notices become mails."""

import asyncio

from infra.books import load_book
from infra.errors import CommandFailed
from infra.outbox import Sources, work_off
from infra.settings import Clock, Settings
from schemas.topics import NOTICES
from sinks.email.channel import CHANNEL, Choice, MailChannel
from sinks.email.codes import Codes
from sinks.email.render import Letterhead
from sinks.email.smtp import SmtpPost, SmtpServer
from sinks.outbox.dead_letters import DeadLetters
from sinks.outbox.patience import Patience
from sinks.outbox.store import Outbox

DAY_S = 86_400.0


def main(settings: Settings) -> None:
    """Mail until told to stop. A server that is down holds up mails, not this part.

    Raises `CommandFailed` where the password would travel in the clear, a profile has a fault, or another process
    mails from the same directory.
    """
    asyncio.run(
        work_off(
            settings,
            "sink-email",
            channel_of(settings),
            lambda: _adopting_outbox(settings),
            dead_letters(settings),
            patience(settings),
            Sources("sink-email", (NOTICES,)),
        )
    )


def channel_of(settings: Settings) -> MailChannel:
    """The way out to the mail server; nothing is connected to yet. Raises `CommandFailed` as `main` does."""
    return MailChannel(SmtpPost(_server(settings)), letterhead(settings), _choice(settings))


def outbox_of(settings: Settings, *, exclusive: bool = True) -> Outbox:
    """The queue of mails."""
    return Outbox(settings.state_dir / "mail" / "outbox.sqlite", CHANNEL, exclusive=exclusive)


def dead_letters(settings: Settings) -> DeadLetters:
    """The mails that were refused or given up."""
    return DeadLetters(settings.state_dir / "undeliverable.jsonl")


def letterhead(settings: Settings) -> Letterhead:
    """What is the same in all mails of this pipeline."""
    offers = load_book(settings.profiles_dir).offers
    profiles = {name: offer.profile for name, offer in offers.items()}
    return Letterhead(settings.mail_from, profiles, codes(settings))


def codes(settings: Settings) -> Codes:
    """What signs the codes and the links in mails."""
    secret = settings.mail_secret.get_secret_value().encode() if settings.mail_secret else b""
    return Codes(secret, settings.public_url)


def patience(settings: Settings) -> Patience:
    """How long mails are tried, and how many a recipient gets."""
    return Patience(
        parallel=settings.smtp_connections,
        give_up_s=settings.mail_give_up_days * DAY_S,
        # History that is played goes faster than any limit on the wall clock.
        per_hour=settings.mail_per_hour if settings.clock is Clock.WALL else 0,
    )


def _choice(settings: Settings) -> Choice:
    return Choice(off=frozenset(settings.mail_off.split(",")) - {""})


def _adopting_outbox(settings: Settings) -> Outbox:
    outbox = outbox_of(settings)
    outbox.adopt(settings.state_dir / "mail" / "sent.sqlite")
    return outbox


def _server(settings: Settings) -> SmtpServer:
    password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
    try:
        return SmtpServer(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_tls,
            settings.smtp_username,
            password,
            str(settings.smtp_ca_location) if settings.smtp_ca_location else None,
        )
    except ValueError as error:
        raise CommandFailed(f"METERSTREAM_SMTP_TLS: {error}") from None
