"""Adapters of other providers: the one on the page works, what cannot be loaded is told at the start."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import SecretStr

from infra.errors import CommandFailed
from infra.http.payments import GROUP, adapters
from infra.settings import Settings
from schemas.adapters import Outcome
from sinks.http.ports import Ports
from sinks.payments.stripe_events import StripeEvents
from tests.scenarios.telling import opened, tell
from tests.sinks.calling import Caller, error_of
from tests.sinks.fakes import KeptEvents
from tests.sinks.test_webhooks import no_store

PAGE = (Path(__file__).parents[2] / "docs" / "payments.md").read_text(encoding="utf-8")
POINT = EntryPoint("examplepay", "examplepay_of_the_page:Adapter", GROUP)
SECRET = "s3cret"
ORDER = {
    "order": "o-1",
    "state": "paid",
    "account": "acme",
    "yuan": "50",
    "paid_at": "2026-11-01T01:00:00+08:00",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path)


@pytest.fixture
def caller(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """The service with the adapter of the page, and nothing else."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    module = ModuleType("examplepay_of_the_page")
    exec(compile(code, "docs/payments.md", "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("EXAMPLEPAY_SECRET", SECRET)
    return Caller(Ports(no_store, events=KeptEvents(), webhooks=adapters(settings, no_store, [POINT])))


def post(caller: Caller, order: Any, secret: str = SECRET) -> Any:
    body = json.dumps(order).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return caller.post("/v1/webhooks/examplepay", body, x_examplepay_signature=signature)


def test_the_adapter_of_the_page_credits_an_order_once_however_often_it_is_told(caller: Caller) -> None:
    answers = [post(caller, ORDER) for _ in range(2)]

    sent: KeptEvents = caller.app.state.ports.events
    story = tell(opened("neolink", "2026-10-31T00:00:00Z"), *[event.raw for event in sent.sent])
    assert [answer.json()["outcome"] for answer in answers] == [Outcome.TAKEN] * 2
    assert (story.balance(), story.reasons()) == ("50.00", [])


@pytest.mark.parametrize(
    ("order", "secret", "says"),
    [
        (ORDER, "guessed", "the signature does not hold"),
        (ORDER | {"yuan": "0"}, SECRET, "this is no order"),
        (ORDER | {"yuan": 5.5}, SECRET, "this is no order"),
        ({"state": "paid"}, SECRET, "this is no order"),
        ([1], SECRET, "this is no order"),
    ],
)
def test_it_refuses_what_is_forged_and_what_is_no_order(
    caller: Caller, order: Any, secret: str, says: str
) -> None:
    status, _, message = error_of(post(caller, order, secret))

    assert (status, message.partition(":")[0]) == (400, says)


def test_it_ignores_what_is_not_paid(caller: Caller) -> None:
    assert post(caller, ORDER | {"state": "waiting"}).json() == {
        "received": True,
        "outcome": "ignored",
        "events": 0,
    }


@pytest.mark.parametrize(
    ("point", "says"),
    [
        (EntryPoint("x", "no_such_module:Adapter", GROUP), "No module named"),
        (EntryPoint("x", "json:Adapter", GROUP), "no attribute"),
        (EntryPoint("x", "builtins:dict", GROUP), "it has no method `read`"),
        (EntryPoint("stripe", "builtins:dict", GROUP), "the name 'stripe' is taken"),
    ],
)
def test_an_adapter_that_cannot_be_loaded_is_told_in_one_line_at_the_start(
    settings: Settings, point: EntryPoint, says: str
) -> None:
    with pytest.raises(CommandFailed) as failed:
        adapters(settings, no_store, [point])

    assert says in str(failed.value)


def test_stripe_is_there_when_its_secret_is_set(settings: Settings) -> None:
    secret = SecretStr("whsec_a, whsec_b,")

    assert dict(adapters(settings, no_store)) == {}
    assert list(adapters(settings.model_copy(update={"stripe_webhook_secret": secret}), no_store)) == [
        "stripe"
    ]
    assert settings.model_copy(update={"stripe_webhook_secret": secret}).stripe_webhook_secrets == [
        "whsec_a",
        "whsec_b",
    ]


def test_the_page_names_every_type_that_is_heard() -> None:
    heard = StripeEvents(lambda _payment, _account: None).types

    assert set(re.findall(r"^\| `([a-z_.]+)` \|", PAGE, re.MULTILINE)) == set(heard) | {"processing"}
