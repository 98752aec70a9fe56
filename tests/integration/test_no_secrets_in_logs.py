"""No secret, key, token or e-mail address is in the logs, whatever goes wrong while they are used."""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from infra import tokens
from infra.migrations import migrate
from infra.settings import HttpAuth, Settings
from infra.topics import create_topics
from schemas.access import Scope
from schemas.topics import ACCOUNT_EVENTS, COMMANDS, NOTICES, REJECTIONS
from schemas.values import instant_text
from schemas.wire import encode
from streams.ingest.loop import wall_ms
from tests.fake_stripe import fake_stripe
from tests.integration.ingest_kafka import producer_of, read_topic
from tests.integration.running import event, opened, paid
from tests.servers import free_port, launch_part, log_of, running_part, stop_part
from tests.sinks.samples import notice
from tests.sinks.smtp_server import PASSWORD, USER, Server, authenticate, serving
from tests.sinks.test_webhooks_out import command
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]

PARTS = ("ingest", "worker-0", "sink-email", "http")
EXITS = ("sink-clickhouse", "sink-webhooks", "sink-payments")
ACCOUNT = "hush"
MAIL = f"owner@{ACCOUNT}.example"
KEY = "sk-live-HUSHKEY123"
FORGED = "ms_0123456789ab_" + "HUSHTOKEN" * 5
HOOK_PATH, HOOK_SECRET = "hooks/HUSHPATH", "whsec_" + base64.b64encode(b"HUSHHOOK" * 4).decode()
CLICKHOUSE_PASSWORD, STRIPE_SECRET, STRIPE_KEY = "HUSHCLICK", "whsec_HUSHSTRIPE", "sk_test_HUSHSTRIPE"


@pytest.fixture
def secretive(kafka_settings: Settings) -> Settings:
    """Settings full of secrets, and a ClickHouse that is not there."""
    return kafka_settings.model_copy(
        update={
            "clickhouse_dsn": SecretStr(f"http://default:{CLICKHOUSE_PASSWORD}@127.0.0.1:{free_port()}"),
            "stripe_webhook_secret": SecretStr(STRIPE_SECRET),
            "stripe_api_key": SecretStr(STRIPE_KEY),
            "stripe_api_base": f"http://127.0.0.1:{free_port()}",
            "smtp_username": USER.decode(),
            "smtp_password": SecretStr(PASSWORD.decode()),
            "http_auth": HttpAuth.REQUIRED,
        }
    )


def bodies() -> Iterator[bytes]:
    """Good events and bad ones that hold what must not be told."""
    now = wall_ms()
    yield opened(ACCOUNT, "flexai", now)
    yield event("key.created", ACCOUNT, "k1", now, key=KEY)
    yield paid(ACCOUNT, "p1", "50.00", now)
    yield event("account.opened", ACCOUNT, "bad1", now, profile="flexai", email=f"{MAIL},{MAIL}")
    yield event("key.created", ACCOUNT, "bad2", now, key=KEY, colour=KEY)
    yield b'{"email": "' + MAIL.encode() + b'", "key": "' + KEY.encode()


def ask(client: httpx.Client, token: str) -> list[int]:
    """Everything that a client may do right and wrong, with secrets in every place."""
    bearer = {"authorization": f"Bearer {token}"}
    posted = [
        client.post("/v1/events", content=body, headers=bearer | {"content-type": "application/json"})
        for body in bodies()
    ]
    others = [
        client.get(f"/v1/accounts/{ACCOUNT}/balance", headers={"authorization": f"Bearer {FORGED}"}),
        client.get(f"/v1/accounts/{ACCOUNT}/balance", headers=bearer),
        client.get(f"/v1/accounts/{MAIL}/balance?cursor={KEY}", headers=bearer),
        client.get("/v1/authorize", headers={"authorization": f"Bearer {KEY}"}),
        client.post(
            "/v1/webhooks/stripe",
            content=f'{{"email":"{MAIL}"}}',
            headers={"stripe-signature": STRIPE_SECRET},
        ),
        client.post("/v1/estimates", json={"account": ACCOUNT, "model": KEY, "mail": MAIL}, headers=bearer),
    ]
    return [answer.status_code for answer in [*posted, *others]]


def test_no_secret_no_key_and_no_address_is_in_the_logs(secretive: Settings) -> None:
    create_topics(secretive)
    made = tokens.created([Scope.ADMIN], account=None, name=None, expires=None, now_ms=tokens.now_ms())
    tokens.write(secretive, made.record)
    smtp = Server()
    smtp.rcpt = {"owner": [f"550 no such mailbox <{MAIL}>"]}

    with ExitStack() as stack:
        stack.enter_context(
            serving(smtp, secretive.smtp_port, authenticator=authenticate, auth_require_tls=False)
        )
        for part in PARTS:
            stack.enter_context(running_part(secretive, part))
        client = stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{secretive.http_port}", timeout=30)
        )
        bearer = {"authorization": f"Bearer {made.text}", "content-type": "application/json"}
        # An empty batch asks who sends and nothing else: 503 while the tokens are still read, 401 before this one is.
        wait_until(
            lambda: (
                client.post("/v1/events", content=b"[]", headers=bearer).status_code not in {401, 429, 503}
            ),
            "the token is known",
        )
        statuses = ask(client, made.text)
        producer = producer_of(secretive)
        for body in bodies():
            producer.produce(secretive.topic(ACCOUNT_EVENTS), body, ACCOUNT)
        producer.produce(secretive.topic(NOTICES), json.dumps({"email": MAIL, "key": KEY}), ACCOUNT)
        producer.flush(10)
        wait_until(
            lambda: len([m for p in read_topic(secretive, REJECTIONS) for m in p]) >= 3,
            "the bad ones are refused",
        )
        wait_until(lambda: smtp.sessions, "a mail was tried", timeout_s=60)

    secrets = [FORGED, made.text, made.text.split("_", 2)[2], made.record.hash]
    assert statuses[:6] == [202, 202, 202, 400, 400, 400]
    assert any(told_by(secretive, part) for part in PARTS), "nothing went wrong, so nothing was tried"
    assert leaks(secretive, PARTS, secrets) == []


@pytest.mark.clickhouse
def test_no_secret_and_no_address_is_in_the_logs_of_the_other_exits(
    secretive: Settings, clickhouse_settings: Settings
) -> None:
    """ClickHouse is away and then refuses rows, a receiver is away, Stripe does not take the key; records are garbage."""
    reached = secretive.model_copy(
        update={
            "clickhouse_dsn": with_password(clickhouse_settings.clickhouse_dsn),
            "webhooks_file": targets(secretive),
        }
    )
    create_topics(reached)
    migrate(clickhouse_settings)
    producer = producer_of(reached)
    for topic, records in outputs().items():
        for record in records:
            producer.produce(reached.topic(topic), record, ACCOUNT)
    producer.flush(10)

    with fake_stripe() as stripe, ExitStack() as stack:
        away = launch_part(secretive, "sink-clickhouse")
        stack.callback(stop_part, away)
        wait_until(lambda: "next try" in told_by(secretive, "sink-clickhouse"), "ClickHouse is missed")
        stop_part(away)
        settings = reached.model_copy(update={"stripe_api_base": stripe.base})
        for part in EXITS:
            stack.enter_context(running_part(settings, part))
        said = {
            "sink-clickhouse": ("refused and becomes a dead letter", "a dead letter of"),
            "sink-webhooks": ("next try", "not readable"),
            "sink-payments": ("next try", "passed over"),
        }
        for part, words in said.items():
            for word in words:
                wait_until(lambda part=part, word=word: word in told_by(settings, part), f"{part}: {word}")  # type: ignore[misc]

    assert leaks(reached, EXITS, [HOOK_PATH, HOOK_SECRET]) == []


def told_by(settings: Settings, part: str) -> str:
    return log_of(settings, part).read_text(errors="replace")


def leaks(settings: Settings, parts: Sequence[str], more: Sequence[str]) -> list[tuple[str, str]]:
    """Each part that tells a secret, with the secret; `more` beside those of the settings and the events."""
    secrets = [
        MAIL, KEY, CLICKHOUSE_PASSWORD, STRIPE_SECRET, STRIPE_KEY, PASSWORD.decode(), *more,
    ]  # fmt: skip
    return [(part, secret) for part in parts for secret in secrets if secret in told_by(settings, part)]


def with_password(dsn: SecretStr) -> SecretStr:
    """`dsn` with a password of ours, unless its server asks for one of its own."""
    text = dsn.get_secret_value()
    return dsn if "@" in text else SecretStr(text.replace("://", f"://default:{CLICKHOUSE_PASSWORD}@"))


def targets(settings: Settings) -> Path:
    """A file of one target that is away, whose address is a secret too."""
    file = settings.data_dir / "hooks.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{free_port()}/{HOOK_PATH}"
    file.write_text(
        f'[[targets]]\nname = "ops"\nurl = "{url}"\nsecrets = ["{HOOK_SECRET}"]\nloopback = true\n'
    )
    return file


def outputs() -> dict[str, list[bytes]]:
    """Records of the worker, good ones and such as it never writes, that hold what must not be told."""
    garbage = b'{"email": "' + MAIL.encode() + b'", "key": "' + KEY.encode()
    told: dict[str, Any] = {"account": ACCOUNT, "email": MAIL, "resource": KEY}
    due = {"time": instant_text(wall_ms()), "until": instant_text(wall_ms() + 3_600_000)}
    refill = {"account": ACCOUNT, "reason": "auto_refill", "amount": "20.00", "currency": "USD"} | due
    return {
        NOTICES: [
            garbage,
            encode(notice(1, **told)),
            encode(notice(2, **told | {"time": MAIL})),
            # The contract's form, and no time all the same: only ClickHouse finds that out.
            encode(notice(3, **told | {"time": "2026-99-99T99:99:99.999Z"})),
        ],
        COMMANDS: [
            garbage,
            encode(command(1, kind=KEY, account=ACCOUNT)),
            encode(command(2, kind="payment.refill", **refill)),
        ],
    }
