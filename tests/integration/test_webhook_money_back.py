"""Stripe's webhooks on the running pipeline: paid, refunded in parts, disputed; whose a dispute is, the ledger tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.integration.running import START_MS, Pipeline, opened
from tests.servers import free_port, running_part
from tests.sinks.stripe_words import SECRET, body_of, charge, dispute, intent, signed, told
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow, pytest.mark.timeout(300)]
ACCOUNT = "money-back"
PAID_S = START_MS // 1000 + 60


@pytest.fixture
def url(running: Pipeline, tmp_path: Path) -> Iterator[str]:
    """Where Stripe posts to: a service of its own over the pipeline, as the pipeline itself has no secret."""
    changes: dict[str, Any] = {
        "data_dir": tmp_path,
        "http_port": free_port(),
        "stripe_webhook_secret": SecretStr(SECRET),
    }
    settings = running.settings.model_copy(update=changes)
    with running_part(settings, "http"):
        yield f"http://127.0.0.1:{settings.http_port}/v1/webhooks/stripe"


def post(url: str, kind: str, value: dict[str, Any], event: str, **more: Any) -> str:
    body = body_of(told(kind, value, event=event, created=PAID_S, **more))
    answer = httpx.post(url, content=body, headers=signed(body), timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["outcome"])


@pytest.mark.req("X-01")
def test_what_goes_back_is_taken_once_from_whom_the_ledger_names(
    running: Pipeline, url: str, tmp_path: Path
) -> None:
    running.emit(tmp_path, [opened(ACCOUNT, "puredocs")], "--no-final-tick")
    paid = intent(id="pi_back", metadata={"account": ACCOUNT}, created=PAID_S)
    part = {"id": "ch_back", "payment_intent": "pi_back", "metadata": {}}

    def balance() -> str:
        return str(json.loads(running.run("balance", ACCOUNT, "--json").stdout)["balance"])

    def credited() -> bool:
        return bool(running.query("SELECT 1 FROM entries WHERE payment = 'pi_back'"))

    outcomes = [post(url, "payment_intent.succeeded", paid, f"evt_p{n}") for n in range(2)]
    wait_until(credited, "the payment is in the ledger", timeout_s=60)
    for before, after in ((500, 800), (0, 500), (500, 800)):
        value = charge(**part, amount_refunded=after)
        outcomes.append(
            post(url, "charge.refunded", value, f"evt_r{after}", previous={"amount_refunded": before})
        )
    lost = dispute(id="dp_back", payment_intent="pi_back", amount=1000, created=PAID_S)
    outcomes += [
        post(url, f"charge.dispute.{word}", lost, f"evt_{word}") for word in ("created", "funds_withdrawn")
    ]
    stranger = post(
        url, "charge.dispute.created", dispute(payment_intent="pi_of_others", created=PAID_S), "evt_x"
    )

    wait_until(lambda: balance() == "2.00", "20.00 less 3.00, 5.00 and 10.00", timeout_s=60)
    assert outcomes == ["taken"] * 7
    assert stranger == "unassigned"
    refused = running.query(f"SELECT reason FROM rejections WHERE account = '{ACCOUNT}'")
    assert list(refused) == []
