"""Webhooks out: signed by Standard Webhooks, posted in order, to the public internet only, and nobody waits for a dead target."""

from __future__ import annotations

import base64
import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from schemas.topics import COMMANDS, NOTICES
from schemas.wire import Command
from schemas.wire import encode as encoded
from sinks.outbox.backoff import Backoff
from sinks.outbox.patience import Patience
from sinks.webhooks.channel import WebhookChannel
from sinks.webhooks.forms import body_of
from sinks.webhooks.targets import Form, Target
from tests.servers import free_port
from tests.sinks.posting import Post, running, until
from tests.sinks.samples import CAUSE, notice
from tests.sinks.smtp_server import certificate

SECRET, NEXT_SECRET = ("whsec_" + base64.b64encode(letter * 32).decode() for letter in (b"a", b"b"))
QUICK = Patience(
    ordered=True, away_is_put_off=True, give_up_s=3_600.0, item=Backoff(0.02, 0.05), group=Backoff(0.02, 0.05)
)


def command(number: int, kind: str = "deployment.pause", **changes: Any) -> Any:
    values = {"id": f"command-{number}", "account": "a1", "time": "2026-11-01T00:00:00.000Z", "cause": CAUSE}
    return Command(**(values | {"type": kind, "reason": "unpaid"} | changes))


class Receiver:
    """A real HTTP server on loopback; `answers`: account → status codes, one for each attempt, the last for good."""

    def __init__(self) -> None:
        self.answers: dict[str, list[int]] = {}
        self.headers: dict[str, str] = {}
        self.got: list[tuple[dict[str, str], bytes]] = []

    def take(self, headers: dict[str, str], body: bytes) -> int:
        account = json.loads(body).get("data", {}).get("account", "")
        answers = self.answers.get(account, self.answers.get("*", [204]))
        status = answers.pop(0) if len(answers) > 1 else answers[0]
        self.got.append((headers, body))
        return status

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@contextmanager
def receiving(receiver: Receiver, tls: Any = None, port: int = 0) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(receiver.take(headers, body))
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def target(port: int = 0, name: str = "ops", **changes: Any) -> Target:
    given = {
        "name": name,
        "url": f"http://127.0.0.1:{port}/hook?key=hidden",
        "secrets": (SECRET,),
        "loopback": True,
    }
    return Target.model_validate(given | changes)


def posting(directory: Path, *targets: Target, patience: Patience = QUICK) -> Any:
    return running(directory, WebhookChannel(targets, time.time), patience, time.time)


def states(post: Post, name: str) -> list[str]:
    return [each["state"] for each in post.witness.told if each["target"] == name]


# --- what is posted ----------------------------------------------------------------------------------------


async def test_a_webhook_is_signed_and_verified_by_the_library(tmp_path: Path) -> None:
    receiver = Receiver()

    with receiving(receiver) as port:
        async with posting(tmp_path, target(port)) as post:
            post.source.add(notice(1, resource="r1"))
            post.source.add(command(1), topic=COMMANDS)
            await until(lambda: len(post.witness.told) == 2, "both are taken")

    told = [Webhook(SECRET).verify(body, headers) for headers, body in receiver.got]
    assert receiver.ids() == ["notice-1", "command-1"]
    assert [each["type"] for each in told] == ["notice.low_balance", "command.deployment.pause"]
    assert told[0]["data"]["values"] == {"balance": "4.90", "threshold": "5.00"}
    assert "owner@example.com" not in str(receiver.got)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEXT_SECRET).verify(receiver.got[0][1], receiver.got[0][0])
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(receiver.got[0][1] + b" ", receiver.got[0][0])


async def test_while_a_secret_is_replaced_both_verify(tmp_path: Path) -> None:
    receiver = Receiver()

    with receiving(receiver) as port:
        async with posting(tmp_path, target(port, secrets=(NEXT_SECRET, SECRET))) as post:
            post.source.add(notice(1))
            await until(lambda: post.witness.told, "it is taken")

    ((headers, body),) = receiver.got
    assert Webhook(SECRET).verify(body, headers) == Webhook(NEXT_SECRET).verify(body, headers)


def test_slack_gets_a_line_of_text_that_mentions_nobody() -> None:
    given = notice(1, account="<!channel> & co", resource="r>1", values={"balance": "4.90"})

    (name, text), *others = json.loads(body_of(Form.SLACK, NOTICES, encoded(given))).items()

    assert others == []
    assert name == "text"
    assert text == (
        "*low_balance* account &lt;!channel&gt; &amp; co, r&gt;1 at 2026-11-01T00:00:01.000Z: balance 4.90, currency USD"
    )


async def test_a_target_gets_what_it_asked_for(tmp_path: Path) -> None:
    receiver = Receiver()

    with receiving(receiver) as port:
        targets = (
            target(port, "refills", types=["payment.refill"]),
            target(port, "acme", accounts=["acme"], topics=[NOTICES]),
            target(port, "slack", form="slack", secrets=(), types=["overdue"]),
        )
        async with posting(tmp_path, *targets) as post:
            post.source.add(notice(1), notice(2, account="acme"))
            post.source.add(command(3, "payment.refill", account="acme"), command(4), topic=COMMANDS)
            await until(lambda: len(post.witness.told) == 2, "all are taken")

    assert sorted(receiver.ids()) == ["command-3", "notice-2"]


# --- patience ----------------------------------------------------------------------------------------------


async def test_an_accounts_webhooks_keep_their_order_and_others_do_not_wait(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.answers = {"a1": [400, 400, 204]}

    with receiving(receiver) as port:
        async with posting(tmp_path, target(port)) as post:
            post.source.add(notice(1), notice(2), notice(3, account="a2"))
            await until(lambda: states(post, "ops").count("sent") == 3, "all are taken")

    of_a1 = [each for each in receiver.ids() if each != "notice-3"]
    assert of_a1 == ["notice-1", "notice-1", "notice-1", "notice-2"]


async def test_a_dead_target_holds_up_no_other_and_gets_all_when_it_is_back(tmp_path: Path) -> None:
    alive, revived, port = Receiver(), Receiver(), free_port()

    with receiving(alive) as alive_port:
        async with posting(tmp_path, target(port, "dead"), target(alive_port, "alive")) as post:
            post.source.add(*(notice(n, account=f"a{n}") for n in range(10)))
            await until(lambda: states(post, "alive").count("sent") == 10, "the other has all")
            await until(lambda: post.dispatcher.counts.away >= 4, "it was tried in vain")
            with receiving(revived, port=port):
                await until(lambda: states(post, "dead").count("sent") == 10, "it has all as well")

    assert sorted(set(revived.ids())) == sorted(f"notice-{n}" for n in range(10))


@pytest.mark.parametrize("status", [429, 500, 503, 302, 404])
async def test_an_answer_that_is_no_yes_is_tried_again(tmp_path: Path, status: int) -> None:
    receiver = Receiver()
    receiver.answers = {"*": [status, 200]}
    receiver.headers = {"Location": "http://127.0.0.1:1/elsewhere"}

    with receiving(receiver) as port:
        async with posting(tmp_path, target(port)) as post:
            post.source.add(notice(1))
            await until(lambda: states(post, "ops") == ["delayed", "sent"], "it is taken")

    assert receiver.ids() == ["notice-1", "notice-1"]
    assert str(status) in post.witness.told[0]["detail"]


async def test_retry_after_is_heeded(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.answers = {"*": [429, 200]}
    receiver.headers = {"Retry-After": "3000"}

    with receiving(receiver) as port:
        async with posting(tmp_path, target(port)) as post:
            post.source.add(notice(1))
            await until(lambda: states(post, "ops") == ["delayed"], "it is put off")
            ((_, due_s),) = post.outbox.groups()

    assert due_s - time.time() > 2_900


async def test_a_receiver_that_wants_it_no_more_is_not_asked_again(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.answers = {"a1": [410]}

    with receiving(receiver) as port:
        async with posting(tmp_path, target(port)) as post:
            post.source.add(notice(1), notice(2, account="a2"))
            await until(lambda: len(post.witness.told) == 2, "both are settled")

    assert sorted(states(post, "ops")) == ["refused", "sent"]
    assert [letter["id"] for letter in post.dead_letters()] == ["notice-1"]


async def test_neither_secret_nor_address_of_a_target_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    away = target(free_port(), "away")

    async with posting(tmp_path, away) as post:
        post.source.add(notice(1))
        await until(lambda: len(post.witness.told) >= 2, "it was tried")

    told = caplog.text + str(post.witness.told) + repr(away)
    assert "hidden" not in told
    assert SECRET.removeprefix("whsec_") not in told
    assert "owner@example.com" not in told


# --- where it may go ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::1]"])
async def test_this_machine_by_any_name_is_refused(tmp_path: Path, host: str) -> None:
    receiver = Receiver()

    with receiving(receiver):
        async with posting(tmp_path, target(url=f"https://{host}/", loopback=False)) as post:
            post.source.add(notice(1))
            await until(lambda: post.witness.told, "it was tried")

    assert post.witness.told[0]["state"] == "delayed"
    assert post.witness.told[0]["detail"] == "the name leads to an address that webhooks may not go to"
    assert receiver.got == []


async def test_the_checked_address_is_the_one_connected_to_and_the_certificate_is_the_names(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The system knows no hooks.example.test: only who connects to the address that was checked arrives."""
    context, ca = certificate(tmp_path_factory.mktemp("tls"))
    receiver = Receiver()
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    def called(host: str, port: int, **changes: Any) -> WebhookChannel:
        url = SecretStr(f"https://{host}:{port}/")
        return WebhookChannel([target().model_copy(update={"url": url, **changes})], time.time, resolve)

    with receiving(receiver, tls=context) as port:
        cases = {
            "hooks.example.test": called("hooks.example.test", port, ca_file=ca),
            "other.example.test": called("other.example.test", port, ca_file=ca),
            "strange authority": called("hooks.example.test", port),
        }
        states = {}
        for name, channel in cases.items():
            async with running(tmp_path / name, channel, QUICK, time.time, notice(1)) as post:
                await until(lambda post=post: post.witness.told, "it was tried")
            states[name] = post.witness.told[0]["state"]

    assert states == {
        "hooks.example.test": "sent",
        "other.example.test": "delayed",
        "strange authority": "delayed",
    }
    assert [headers["host"] for headers, _ in receiver.got] == [f"hooks.example.test:{port}"]
    assert asked[0] == "hooks.example.test"
