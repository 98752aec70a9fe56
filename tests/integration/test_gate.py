"""The gate and the advice on the real pipeline: what is folded opens, closes and answers."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer

from infra.settings import Settings
from infra.topics import create_topics
from schemas.topics import BALANCES
from tests.integration.running import START_MS, Pipeline, event, opened, paid, request
from tests.servers import own_settings, running_part, start_part, stop_part
from tests.sinks.gating import balance
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]
START_OF_STORY_MS = START_MS + 9 * 86_400_000


def authorize(settings: Settings, key: str) -> httpx.Response:
    """The gate's answer over the network."""
    url = f"http://127.0.0.1:{settings.http_port}/v1/authorize"
    return httpx.get(url, headers={"Authorization": f"Bearer {key}"})


def wait_for(settings: Settings, key: str, status: int) -> httpx.Response:
    """The first answer with that status."""

    def answered() -> httpx.Response | None:
        answer = authorize(settings, key)
        return answer if answer.status_code == status else None

    return wait_until(answered, f"{key} is answered with {status}", timeout_s=60)


def ask(settings: Settings, path: str, **body: Any) -> httpx.Response:
    """POST on the service."""
    return httpx.post(f"http://127.0.0.1:{settings.http_port}/v1/{path}", json=body)


@pytest.mark.clickhouse
@pytest.mark.req("FA-03", "FA-14", "FA-19", "R-FA4")
def test_credit_spent_closes_the_gate_and_a_topup_opens_it_for_the_same_key(
    running: Pipeline, tmp_path: Path
) -> None:
    """10.00 free, 51,000,000 tokens at 0.20: -0.20, 402; top-up 5.00: 4.80, 200, and the key is paid."""
    account, key, settings = "gate-story", "sk-story", running.settings
    start_ms = START_OF_STORY_MS
    created = event("key.created", account, "key", start_ms + 1, key=key)
    running.emit(tmp_path, [opened(account, "flexai", start_ms), created])
    fresh = wait_for(settings, key, 200)

    running.emit(tmp_path, [request(account, 1, start_ms + 2, 51_000_000)])
    closed = wait_for(settings, key, 402)
    running.emit(tmp_path, [paid(account, "p", "5.00", start_ms + 3)])
    again = wait_for(settings, key, 200)

    assert fresh.headers["x-ratelimit-limit-requests"] == "10"
    assert closed.json()["error"]["type"] == "insufficient_quota"
    assert again.headers["x-ratelimit-limit-requests"] == "100"
    assert again.headers["x-meterstream-account"] == account


@pytest.mark.clickhouse
@pytest.mark.req("FA-11", "GG-06")
def test_admission_and_estimates_are_answered_from_the_latest_durable_state(
    running: Pipeline, tmp_path: Path
) -> None:
    renter, caller, settings = "gate-renter", "gate-caller", running.settings
    start_ms = START_OF_STORY_MS
    yuan = {"method": "alipay", "currency": "CNY"}
    lines = [
        opened(renter, "gpugeek", start_ms), opened(caller, "flexai", start_ms),
        event("payment.succeeded", renter, "pay-1", start_ms + 1, payment="p1", amount="3.20", **yuan),
    ]  # fmt: skip
    running.emit(tmp_path, lines)
    question = {"account": renter, "sku": "rtx-4090", "mode": "payg"}

    poor = wait_until(lambda: _answered(ask(settings, "admission", **question)), "the state is there")
    more = event("payment.succeeded", renter, "pay-2", start_ms + 2, payment="p2", amount="0.01", **yuan)
    running.emit(tmp_path, [more])
    wait_until(lambda: ask(settings, "admission", **question).json()["allowed"], "0.01 more is enough")
    cost = wait_until(
        lambda: _answered(ask(settings, "estimates", account=caller, model="llama-3.3-70b", max_tokens=4096)),
        "the other state is there",
    )

    assert (poor["allowed"], poor["reason"], poor["balance"]) == (False, "insufficient_balance", "3.20")
    assert (cost["amount"], cost["currency"]) == ("0.0024576", "USD")
    assert ask(settings, "admission", **question | {"account": "gate-nobody"}).status_code == 404


def _answered(answer: httpx.Response) -> Any:
    """The body, None where the account is not known yet."""
    return answer.json() if answer.status_code == 200 else None


def test_without_kafka_the_gate_goes_on_for_a_while_then_says_that_it_does_not_know(tmp_path: Path) -> None:
    settings = own_settings(tmp_path, gate_stale_s=5)
    broker = start_part(settings, "kafka")
    try:
        create_topics(settings)
        _write(settings, *balance("a", "5", {"sk-away": "paid"}))
        with running_part(settings, "http"):
            wait_for(settings, "sk-away", 200)
            broker.kill()
            broker.wait()
            still = authorize(settings, "sk-away")
            not_known = wait_for(settings, "sk-away", 503)
            broker = start_part(settings, "kafka")
            _write(settings, *balance("a", "5", {"sk-away": "paid", "sk-new": "paid"}, edition=2))
            wait_for(settings, "sk-new", 200)
    finally:
        stop_part(broker)

    assert still.status_code == 200
    assert not_known.headers["retry-after"] == "1"
    assert not_known.headers["x-ratelimit-limit-requests"] == "100"


def _write(settings: Settings, key: bytes, value: bytes) -> None:
    producer = Producer({**settings.kafka_client_config(), "partitioner": "murmur2_random"})
    producer.produce(settings.topic(BALANCES), value, key)
    assert producer.flush(30) == 0
