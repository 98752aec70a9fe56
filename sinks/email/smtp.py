"""Posting mails over SMTP, and its errors in our words.

PostFailed
├── PostUnavailable   no server takes mails now: it is down, busy, refuses the login or the sender
├── MailDelayed       this mail not now: put off by the server (greylisting), or the connection broke while it was sent
└── MailRefused       this mail never: 5xx for its recipient or its content
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final, NoReturn, Protocol

import aiosmtplib

IMPLICIT_TLS_PORT: Final = 465
TIMEOUT_S: Final = 20.0
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
# "Service not available, closing": about the server, not about a mail.
CLOSING: Final = 421
TOO_LARGE: Final = 552


class PostFailed(Exception):
    """A mail did not go out."""


class PostUnavailable(PostFailed):
    """No server takes mails now."""


class MailDelayed(PostFailed):
    """This mail is not taken now."""


class MailRefused(PostFailed):
    """This mail is refused for good."""


class Post(Protocol):
    """What takes mails."""

    async def send(self, mail: EmailMessage) -> None:
        """Returns when the mail is accepted; raises one of `PostFailed`."""

    async def close(self) -> None:
        """Say goodbye."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mails go. With `tls`: STARTTLS is demanded, on port 465 the connection begins with TLS."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    timeout_s: float = TIMEOUT_S

    def __post_init__(self) -> None:
        if self.username and not self.tls and self.host not in LOOPBACK:
            raise ValueError(f"a password is not sent to {self.host} without TLS")


class SmtpPost:
    """Connections to one SMTP server, opened when needed and kept open between mails; a mail has one to itself."""

    def __init__(self, server: SmtpServer, *, implicit_tls: bool | None = None) -> None:
        """`implicit_tls`: whether TLS comes first; by default where the port is that of SMTP over TLS."""
        self._server = server
        is_usual = server.port == IMPLICIT_TLS_PORT
        self._implicit = server.tls and (is_usual if implicit_tls is None else implicit_tls)
        self._idle: list[aiosmtplib.SMTP] = []

    async def send(self, mail: EmailMessage) -> None:
        """Returns when the server has accepted the mail; raises one of `PostFailed`."""
        client = await self._connection()
        try:
            await self._post(client, mail)
        except aiosmtplib.SMTPSenderRefused as error:
            _judge_sender(error)
        except aiosmtplib.SMTPRecipientsRefused as error:
            _judge(error.recipients[0].code, error.recipients[0].message, error)
        except aiosmtplib.SMTPNotSupported as error:
            raise MailRefused(str(error)) from error
        except aiosmtplib.SMTPResponseException as error:
            _judge(error.code, error.message, error)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise MailDelayed(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        """Close the connections."""
        for client in self._idle:
            client.close()
        self._idle.clear()
        await asyncio.sleep(0)

    async def _post(self, client: aiosmtplib.SMTP, mail: EmailMessage) -> None:
        with ExitStack() as unless_sent:
            # Whatever was said on it, the next mail begins on a fresh one.
            unless_sent.callback(client.close)
            await client.send_message(mail)
            unless_sent.pop_all()
        self._idle.append(client)

    async def _connection(self) -> aiosmtplib.SMTP:
        while self._idle:
            client = self._idle.pop()
            try:
                # A server drops who was silent for long; better found out before the mail than in it.
                await client.noop()
            except (aiosmtplib.SMTPException, OSError):
                client.close()
            else:
                return client
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=server.timeout_s,
            use_tls=self._implicit,
            start_tls=server.tls and not self._implicit,
            username=server.username,
            password=server.password,
            cert_bundle=server.ca_file,
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            raise PostUnavailable(f"{type(error).__name__}: {error}") from error
        return client


def _judge(code: int, message: str, error: Exception) -> NoReturn:
    text = f"{code} {message}"
    if code == CLOSING:
        raise PostUnavailable(text) from error
    raise (MailRefused if code >= 500 else MailDelayed)(text) from error


def _judge_sender(error: aiosmtplib.SMTPSenderRefused) -> NoReturn:
    # Our own address does not suit the server: no mail will, until somebody puts it right.
    kind = MailRefused if error.code == TOO_LARGE else PostUnavailable
    raise kind(f"{error.code} {error.message}") from error
