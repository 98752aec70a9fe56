"""Posting mails over SMTP, and its errors in our words.

`PostUnavailable`: no server takes mails now (down, busy, login refused); the same mail may go out later.
`MailRefused`: the server refuses this mail for good (5xx for its recipient or its content).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final, Protocol

import aiosmtplib

IMPLICIT_TLS_PORT: Final = 465
TIMEOUT_S: Final = 20.0
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class PostUnavailable(Exception):
    """No server takes mails now."""


class MailRefused(Exception):
    """This mail is refused for good."""


class Post(Protocol):
    """What takes mails."""

    def send(self, mail: EmailMessage) -> None:
        """Returns when the mail is accepted; raises `PostUnavailable` or `MailRefused`."""

    def close(self) -> None:
        """Say goodbye."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mails go. With `tls`: STARTTLS is demanded, on port 465 the connection begins with TLS."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.username and not self.tls and self.host not in LOOPBACK:
            raise ValueError(f"a password is not sent to {self.host} without TLS")


class SmtpPost:
    """One connection to an SMTP server, opened when needed and kept open between mails."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._loop = asyncio.Runner()
        self._client: aiosmtplib.SMTP | None = None

    def send(self, mail: EmailMessage) -> None:
        """Returns when the server has accepted the mail; raises `PostUnavailable` or `MailRefused`."""
        try:
            self._loop.run(self._send(mail))
        except aiosmtplib.SMTPRecipientsRefused as error:
            self._judge(error.recipients[0].code, error.recipients[0].message, error)
        except (aiosmtplib.SMTPDataError, aiosmtplib.SMTPRecipientRefused) as error:
            self._judge(error.code, error.message, error)
        except aiosmtplib.SMTPNotSupported as error:
            raise MailRefused(str(error)) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            self._drop()
            raise PostUnavailable(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Close the connection and the loop."""
        self._drop()
        self._loop.close()

    async def _send(self, mail: EmailMessage) -> None:
        if self._client is None or not self._client.is_connected:
            self._client = await self._connected()
        await self._client.send_message(mail)

    async def _connected(self) -> aiosmtplib.SMTP:
        server = self._server
        implicit = server.tls and server.port == IMPLICIT_TLS_PORT
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=TIMEOUT_S,
            use_tls=implicit,
            start_tls=server.tls and not implicit,
            username=server.username,
            password=server.password,
        )
        await client.connect()
        return client

    def _judge(self, code: int, message: str, error: Exception) -> None:
        if code >= 500:
            raise MailRefused(f"{code} {message}") from error
        self._drop()
        raise PostUnavailable(f"{code} {message}") from error

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
