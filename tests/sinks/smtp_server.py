"""A real SMTP server on loopback that misbehaves as it is told."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers import free_port

USER, PASSWORD = b"mailer", b"correct horse"


class Server:
    """aiosmtpd's handler. `rcpt` and `data`: local part → answers, one for each attempt, the last of them for good;
    None takes the mail. The answer ``drop`` breaks the connection off, ``slow`` waits until `release` is set.
    """

    def __init__(self) -> None:
        self.rcpt: dict[str, list[str | None]] = {}
        self.data: dict[str, list[str | None]] = {}
        self.mails: list[EmailMessage] = []
        self.attempts: Counter[str] = Counter()
        self.release = threading.Event()
        self.sessions: list[Session] = []

    def recipients(self) -> list[str]:
        """Of the mails that were taken, in the order in which they were."""
        return [str(mail["To"]).partition("@")[0] for mail in self.mails]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        self.sessions.append(session)
        local = address.partition("@")[0]
        answer = await self._answer(self.rcpt, local, server)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        local = envelope.rcpt_tos[0].partition("@")[0]
        self.attempts[local] += 1
        answer = await self._answer(self.data, local, server)
        if answer is None:
            mail = BytesParser(policy=policy.default).parsebytes(envelope.original_content or b"")
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return answer or "250 OK"

    async def _answer(self, table: dict[str, list[str | None]], local: str, server: SMTP) -> str | None:
        answers = table.get(local, [None])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == "drop":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "451 never heard"
        if answer == "slow":
            await asyncio.to_thread(self.release.wait, 20)
            return None
        return answer


@contextmanager
def serving(handler: Server, port: int = 0, **options: Any) -> Iterator[int]:
    """The port on which `handler` serves inside the block."""
    controller = Controller(handler, hostname="127.0.0.1", port=port or free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def authenticate(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
) -> AuthResult:
    """Knows one user."""
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER, PASSWORD)
    return AuthResult(success=good, handled=False)


def certificate(directory: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS, and the file of the authority that a client must trust for it."""
    key, cert = directory / "key.pem", directory / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,DNS:hooks.example.test,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert
