"""No secret, key, token or e-mail address is in the logs, whatever goes wrong while they are used."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from pydantic import SecretStr

from infra import tokens
from infra.settings import HttpAuth, Settings
from infra.topics import create_topics
from schemas.access import Scope
from schemas.topics import ACCOUNT_EVENTS, NOTICES, REJECTIONS
from streams.ingest.loop import wall_ms
from tests.integration.ingest_kafka import producer_of, read_topic
from tests.integration.running import event, opened, paid
from tests.servers import free_port, running_part
from tests.sinks.smtp_server import PASSWORD, USER, Server, authenticate, serving
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]

PARTS = ("ingest", "worker-0", "sink-email", "http")
ACCOUNT = "hush"
MAIL = f"owner@{ACCOUNT}.example"
KEY = "sk-live-HUSHKEY123"
FORGED = "ms_0123456789ab_" + "HUSHTOKEN" * 5
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
            lambda: client.post("/v1/events", content=b"[]", headers=bearer).status_code not in {401, 503},
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

    logs = {path.name: path.read_text(errors="replace") for path in secretive.data_dir.glob("*.log")}
    secrets = [
        MAIL, KEY, FORGED, made.text, made.text.split("_", 2)[2], made.record.hash, CLICKHOUSE_PASSWORD, STRIPE_SECRET,
        STRIPE_KEY, PASSWORD.decode(),
    ]  # fmt: skip
    told = [(name, secret) for name, text in logs.items() for secret in secrets if secret in text]
    assert statuses[:6] == [202, 202, 202, 400, 400, 400]
    assert set(logs) >= {f"{part}.log" for part in PARTS}
    assert any(logs.values()), "nothing went wrong, so nothing was tried"
    assert told == []
