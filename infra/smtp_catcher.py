"""A mail server on loopback that delivers nothing: it stores each mail where it can be looked at.

For one machine, tests and the demo. A mail is acknowledged when it is on disk under its final name.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Final
from uuid import uuid4

from aiosmtpd.smtp import SMTP, Envelope, Session

MAIL_BYTES_MAX: Final = 10 << 20


class MailStore:
    """A directory of mails, one `.eml` file each; names sort by time of arrival."""

    def __init__(self, directory: Path) -> None:
        """`directory` is made when the first mail comes."""
        self._directory = directory

    def store(self, content: bytes) -> Path:
        """Write one mail; readers see all of it or nothing."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{time.time_ns():020d}-{uuid4().hex[:8]}.eml"
        staging = path.with_suffix(".new")
        with staging.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staging.replace(path)
        return path

    def paths(self) -> list[Path]:
        """All mails, the newest first."""
        return sorted(self._directory.glob("*.eml"), reverse=True)

    def mails(self, limit: int | None = None) -> list[EmailMessage]:
        """The newest `limit` mails (all without it), the newest first."""
        parser = BytesParser(policy=policy.default)
        messages = (parser.parsebytes(path.read_bytes()) for path in self.paths()[:limit])
        return [message for message in messages if isinstance(message, EmailMessage)]


class _Catcher:
    """aiosmtpd's handler: every recipient is known, every mail is stored."""

    def __init__(self, store: MailStore) -> None:
        self._store = store

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        content = envelope.original_content or b""
        recipients = ", ".join(envelope.rcpt_tos)
        try:
            self._store.store(f"X-Envelope-To: {recipients}\r\n".encode() + content)
        except OSError as error:
            # The sender keeps it and tries again.
            return f"452 cannot be stored: {error.strerror}"
        return "250 OK"


async def serve(store: MailStore, host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Take mails on `host:port` until SIGTERM or SIGINT; calls `on_ready` when they are taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    handler = _Catcher(store)
    server = await loop.create_server(
        lambda: SMTP(
            handler, data_size_limit=MAIL_BYTES_MAX, enable_SMTPUTF8=True, hostname="meterstream.local"
        ),
        host,
        port,
    )
    async with server:
        on_ready()
        await stop.wait()
