"""Part `smtp`: the mail server of one machine, which stores mails and delivers none."""

import asyncio

from infra.host import check_directory, check_port
from infra.parts.ready import mark_ready
from infra.settings import Settings
from infra.smtp_catcher import MailStore, serve


def main(settings: Settings) -> None:
    """Take mails until told to stop.

    Raises `CommandFailed` where the port or the directory cannot be used.
    """
    check_smtp(settings)
    store = MailStore(settings.mails_dir)

    asyncio.run(serve(store, settings.smtp_host, settings.smtp_port, lambda: mark_ready(settings, "smtp")))


def check_smtp(settings: Settings) -> None:
    """Everything the catcher needs is there."""
    check_directory(settings.mails_dir)
    check_port(settings.smtp_host, settings.smtp_port, "METERSTREAM_SMTP_PORT")
