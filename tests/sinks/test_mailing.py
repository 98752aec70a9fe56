"""Notices over a real SMTP server that is slow, picky, breaks off or is down: each mail arrives once, none waits for another."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sinks.email.channel import Choice, MailChannel
from sinks.email.render import message_id, render
from sinks.email.smtp import MailDelayed, PostUnavailable, SmtpPost, SmtpServer
from sinks.outbox.backoff import Backoff
from sinks.outbox.patience import Patience
from tests.servers import free_port
from tests.sinks.mails import LETTERHEAD
from tests.sinks.posting import Post, running, until
from tests.sinks.samples import notice
from tests.sinks.smtp_server import PASSWORD, USER, Server, authenticate, certificate, serving

QUICK = Patience(item=Backoff(0.02, 0.05), group=Backoff(0.02, 0.05))


@asynccontextmanager
async def mailing(
    directory: Path,
    port: int,
    *notices: Any,
    patience: Patience = QUICK,
    choice: Choice | None = None,
    **server: Any,
) -> AsyncIterator[Post]:
    """A mailer over SMTP on `port` that has been given `notices`."""
    post = SmtpPost(SmtpServer("127.0.0.1", port, **({"timeout_s": 5.0} | server)))
    channel = MailChannel(post, LETTERHEAD, choice or Choice(quiet_s=0.1))
    async with running(directory, channel, patience, time.time, *notices) as outbox:
        yield outbox


def to(local: str, number: int, **changes: Any) -> Any:
    return notice(number, **({"email": f"{local}@example.com", "account": local} | changes))


async def test_a_greylisted_mail_goes_out_at_the_second_attempt(tmp_path: Path) -> None:
    handler = Server()
    handler.rcpt = {"grey": ["451 4.7.1 try again later", None]}

    with serving(handler) as port:
        async with mailing(tmp_path, port, to("grey", 1), to("plain", 2)) as post:
            await until(lambda: len(handler.mails) == 2, "both are taken")
            await until(lambda: post.witness.states("notice-1")[-1:] == ["sent"], "it is reported")

    assert handler.recipients() == ["plain", "grey"]
    assert post.witness.states("notice-1") == ["delayed", "sent"]
    (delayed,) = [each for each in post.witness.told if each["state"] == "delayed"]
    assert delayed["detail"] == "451 4.7.1 try again later"


@pytest.mark.parametrize("stage", ["rcpt", "data"])
async def test_a_refusal_stops_only_its_mail(tmp_path: Path, stage: str) -> None:
    handler = Server()
    setattr(handler, stage, {"nobody": ["550 no such mailbox <nobody@example.com>"]})

    with serving(handler) as port:
        async with mailing(tmp_path, port, to("nobody", 1), to("somebody", 2)) as post:
            await until(lambda: len(post.witness.told) == 2, "both are settled")

    assert handler.recipients() == ["somebody"]
    (refused,) = [each for each in post.witness.told if each["state"] == "refused"]
    assert (refused["target"], refused["detail"]) == (
        "n***@example.com",
        "550 no such mailbox <n***@example.com>",
    )
    assert [letter["id"] for letter in post.dead_letters()] == ["notice-1"]


async def test_a_connection_that_breaks_off_in_a_mail_costs_it_an_attempt_and_no_other(
    tmp_path: Path,
) -> None:
    handler = Server()
    handler.data = {"broken": ["drop", "drop", None]}

    with serving(handler) as port:
        async with mailing(tmp_path, port, to("broken", 1), *(to(f"u{n}", n) for n in range(2, 8))) as post:
            await until(lambda: len(handler.mails) == 7, "all are taken")
            await until(lambda: len(post.witness.told) == 9, "all is reported")

    assert Counter(handler.recipients()) == Counter(["broken", *(f"u{n}" for n in range(2, 8))])
    assert post.witness.states("notice-1") == ["delayed", "delayed", "sent"]


async def test_a_slow_mailbox_holds_up_no_other(tmp_path: Path) -> None:
    handler = Server()
    handler.data = {"slow": ["slow"]}

    with serving(handler) as port:
        async with mailing(tmp_path, port, to("slow", 1), *(to(f"u{n}", n) for n in range(2, 8))):
            await until(lambda: len(handler.mails) == 6, "the others are taken")
            handler.release.set()
            await until(lambda: len(handler.mails) == 7, "so is this one")

    assert handler.recipients()[-1] == "slow"


async def test_a_server_slower_than_our_patience_is_tried_again(tmp_path: Path) -> None:
    handler = Server()
    handler.data = {"slow": ["slow", None]}

    with serving(handler) as port:
        async with mailing(tmp_path, port, to("slow", 1), timeout_s=0.3) as post:
            await until(lambda: handler.recipients() == ["slow"], "it is taken")
            handler.release.set()
            await until(lambda: "sent" in post.witness.states("notice-1"), "it is reported")

    assert post.witness.states("notice-1")[0] == "delayed"


async def test_a_server_that_is_down_for_a_while_loses_and_doubles_no_mail(tmp_path: Path) -> None:
    handler, port = Server(), free_port()

    async with mailing(tmp_path, port, *(to(f"u{n}", n) for n in range(20))) as post:
        await until(lambda: post.dispatcher.counts.away >= 3, "it has tried in vain")
        with serving(handler, port):
            await until(lambda: len(post.witness.told) == 20, "all are sent")
        post.source.add(to("late", 20))
        await until(lambda: post.dispatcher.counts.away >= 5, "it waits again")
        with serving(handler, port):
            await until(lambda: len(post.witness.told) == 21, "the last one is sent")

    expected = [message_id([f"notice-{n}"], "example.org") for n in range(21)]
    assert Counter(str(mail["Message-ID"]) for mail in handler.mails) == Counter(expected)
    assert {each["state"] for each in post.witness.told} == {"sent"}


async def test_a_server_that_says_it_closes_is_left_alone_for_a_while(tmp_path: Path) -> None:
    handler = Server()
    handler.rcpt = {"u": ["421 shutting down", "421 shutting down", None]}

    with serving(handler) as port:
        async with mailing(tmp_path, port, to("u", 1)) as post:
            await until(lambda: len(handler.mails) == 1, "it is taken")

    assert post.dispatcher.counts.away == 2


@pytest.mark.req("FA-24")
async def test_one_event_that_crosses_two_thresholds_is_one_mail(tmp_path: Path) -> None:
    """R-FA3: 6 → -1 crosses 5 and 0."""
    handler = Server()
    crossed = [
        to("a", 1, values={"balance": "-1.00", "threshold": "5.00"}, time="2026-11-01T00:00:00.000Z"),
        to("a", 2, type="balance_zero", values={"balance": "-1.00"}, time="2026-11-01T00:00:00.000Z"),
    ]

    with serving(handler) as port:
        async with mailing(tmp_path, port, crossed[0]) as post:
            post.source.add(crossed[1])
            await until(lambda: len(post.witness.told) == 2, "both are reported")

    (mail,) = handler.mails
    assert mail["Subject"] == "Your balance is used up; Low balance: -$1.00 left"
    assert (post.witness.states("notice-1"), post.witness.states("notice-2")) == (["sent"], ["coalesced"])


async def test_a_recipient_gets_no_more_than_the_limit_and_the_rest_is_not_dropped(tmp_path: Path) -> None:
    handler = Server()

    with serving(handler) as port:
        patience = Patience(per_hour=3)
        async with mailing(
            tmp_path,
            port,
            *(
                to("a", n, type="data_deleted", values={"deleted": "2026-11-01T00:00:00.000Z"})
                for n in range(9)
            ),
            patience=patience,
        ) as post:
            await until(lambda: len(post.witness.told) == 9, "all are reported")

    states = Counter(each["state"] for each in post.witness.told)
    assert states == {"sent": 3, "delayed": 6}
    assert len(handler.mails) == 3


async def test_a_type_that_is_off_is_suppressed_and_said_so(tmp_path: Path) -> None:
    handler = Server()

    with serving(handler) as port:
        choice = Choice(off=frozenset({"low_balance"}))
        async with mailing(tmp_path, port, to("a", 1), choice=choice) as post:
            await until(lambda: len(post.witness.told) == 1, "it is reported")

    assert post.witness.told[0]["state"] == "suppressed"
    assert handler.mails == []


async def test_a_notice_that_no_mail_can_be_made_of_is_refused_and_kept(tmp_path: Path) -> None:
    handler = Server()
    bad = to("a", 1, email="a@example.com\r\nBcc: b@example.com")

    with serving(handler) as port:
        async with mailing(tmp_path, port, bad, to("b", 2, values={}), to("c", 3)) as post:
            await until(lambda: handler.recipients() == ["c"], "the good one is taken")
            await until(lambda: len(post.witness.told) == 3, "all are reported")

    assert [letter["id"] for letter in post.dead_letters()] == ["notice-1", "notice-2"]
    assert all("\n" not in str(each["target"]) for each in post.witness.told)


async def test_no_address_and_no_secret_is_in_the_logs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    handler, port = Server(), free_port()
    handler.rcpt = {
        "nobody": ["550 no such mailbox <nobody@example.com>"],
        "grey": ["451 grey@example.com waits", None],
    }

    async with mailing(
        tmp_path,
        port,
        to("nobody", 1),
        to("grey", 2),
        to("x\r\n", 3),
        username=USER.decode(),
        password=PASSWORD.decode(),
    ) as post:
        await until(lambda: post.dispatcher.counts.away >= 1, "nothing listens")
        with serving(handler, port, authenticator=authenticate, auth_require_tls=False):
            await until(lambda: handler.recipients() == ["grey"], "it is taken")

    ours = "\n".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("mail.log")
    )
    assert "@example.com" not in ours
    assert PASSWORD.decode() not in ours
    assert "a secret of thirty-two" not in ours
    reported = " ".join(str(each) for each in post.witness.told)
    assert "nobody@" not in reported
    assert "grey@" not in reported


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return certificate(tmp_path_factory.mktemp("tls"))


def _login() -> dict[str, Any]:
    return {"tls": True, "username": USER.decode(), "password": PASSWORD.decode()}


@pytest.mark.parametrize("implicit", [False, True])
async def test_mails_travel_by_tls_with_a_login(tls: Any, implicit: bool) -> None:
    context, ca = tls
    handler = Server()
    options = {"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": True}

    # Over implicit TLS aiosmtpd does not know that the connection is safe.
    safe = {"auth_required": True} if not implicit else {"auth_require_tls": False}
    with serving(handler, authenticator=authenticate, **safe, **options) as port:
        post = SmtpPost(SmtpServer("127.0.0.1", port, ca_file=str(ca), **_login()), implicit_tls=implicit)
        await post.send(_mail())
        await post.send(_mail())
        await post.close()

    assert len(handler.mails) == 2
    assert all(session.authenticated for session in handler.sessions)


async def test_a_server_without_tls_or_with_a_strange_certificate_gets_neither_mail_nor_password(
    tls: Any,
) -> None:
    context, _ = tls
    handler = Server()

    for options in ({"auth_require_tls": False}, {"tls_context": context}):
        with serving(handler, authenticator=authenticate, **options) as port, pytest.raises(PostUnavailable):
            await SmtpPost(SmtpServer("127.0.0.1", port, **_login())).send(_mail())

    assert handler.sessions == []


async def test_a_wrong_password_is_the_servers_fault_not_the_mails(tls: Any) -> None:
    context, ca = tls
    with serving(Server(), tls_context=context, authenticator=authenticate) as port:
        post = SmtpPost(SmtpServer("127.0.0.1", port, ca_file=str(ca), **(_login() | {"password": "wrong"})))
        with pytest.raises(PostUnavailable):
            await post.send(_mail())
        await post.close()


async def test_a_kept_connection_that_the_server_closed_costs_no_mail() -> None:
    handler = Server()
    port = free_port()
    post = SmtpPost(SmtpServer("127.0.0.1", port))
    with serving(handler, port):
        await post.send(_mail())
    with serving(handler, port):
        await post.send(_mail())
    with pytest.raises((PostUnavailable, MailDelayed)):
        await post.send(_mail())
    await post.close()

    assert len(handler.mails) == 2


def test_a_password_does_not_travel_in_the_clear() -> None:
    with pytest.raises(ValueError, match="without TLS"):
        SmtpServer("mail.example.com", 587, tls=False, username="u", password="p")

    assert "p4ss" not in repr(SmtpServer("mail.example.com", 587, tls=True, username="u", password="p4ss"))


def _mail() -> Any:
    return render([to("u", 1)], LETTERHEAD)
