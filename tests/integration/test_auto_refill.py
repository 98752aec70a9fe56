"""An auto-refill from end to end: ingest, worker, the part that charges, the webhook; declined, paid, and killed at the worst moment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from infra.audit.topics import Topics
from infra.emit.sender import Sender
from infra.settings import Settings
from infra.topics import create_topics
from schemas.envelope import OutgoingEvent
from schemas.topics import BALANCES, COMMANDS, LEDGER, NOTICES, PAYMENT_EVENTS, REJECTIONS
from tests.fake_stripe import DECLINED, KEY, VISA, FakeStripe, fake_stripe
from tests.integration.running import event
from tests.servers import own_settings, running_part, start_part, stop_part
from tests.sinks.stripe_words import SECRET, intent
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]
WAIT_S = 60.0


class Story:
    """One account of PureDocs on a pipeline with a Stripe of its own; everything happens now."""

    def __init__(self, settings: Settings, stripe: FakeStripe, account: str) -> None:
        self.settings, self.stripe, self.account = settings, stripe, account
        self._topics = Topics(settings)
        self._told = 0

    @property
    def webhook(self) -> str:
        return f"http://127.0.0.1:{self.settings.http_port}/v1/webhooks/stripe"

    def tell(self, kind: str, **data: Any) -> None:
        self._told += 1
        raw = event(kind, self.account, f"e-{self._told}", time.time_ns() // 1_000_000, **data)
        Sender(self.settings, ticks=False).send([OutgoingEvent(self.account, kind, raw)])

    def refill_below(self, credits: str) -> None:
        """The owner asks for 20.00 whenever less than `credits` are left."""
        refill = {"enabled": True, "threshold": credits, "amount": "2000"}
        self.tell("account.settings_changed", auto_refill=refill)

    def records(self, topic: str) -> list[dict[str, Any]]:
        ends = self._topics.ends([topic], self.settings.partitions)
        found: list[dict[str, Any]] = []
        for (_, partition), end in ends.items():
            for record in self._topics.read(topic, partition, end):
                value = msgspec.json.decode(record.value)
                found += value if isinstance(value, list) else [value]
        return [record for record in found if record["account"] == self.account]

    def wait_for_balance(self, balance: str) -> None:
        wait_until(
            lambda: any(record["balance"] == balance for record in self.records(BALANCES)[-1:]),
            f"the balance is {balance}",
            timeout_s=WAIT_S,
            every_s=0.3,
        )

    def notices(self, kind: str) -> list[dict[str, Any]]:
        return [record["values"] for record in self.records(NOTICES) if record["type"] == kind]

    def topups(self) -> list[str]:
        unique = {
            record["id"]: record["amount"] for record in self.records(LEDGER) if record["type"] == "topup"
        }
        return list(unique.values())

    def refills(self) -> list[str]:
        return list(dict.fromkeys(r["id"] for r in self.records(COMMANDS) if r["type"] == "payment.refill"))


@pytest.fixture(scope="module")
def stripe() -> Iterator[FakeStripe]:
    with fake_stripe() as running:
        yield running


@pytest.fixture(scope="module")
def pipeline(
    kafka_bootstrap: str, stripe: FakeStripe, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A pipeline on the wall clock, all but the part that charges."""
    settings = own_settings(
        tmp_path_factory.mktemp("refill"),
        namespace="refill",
        kafka_bootstrap=kafka_bootstrap,
        stripe_api_key=KEY,
        stripe_api_base=stripe.base,
        stripe_webhook_secret=SECRET,
    )
    create_topics(settings)
    with running_part(settings, "ingest"), running_part(settings, "worker-0"), running_part(settings, "http"):
        yield settings


def begun(settings: Settings, stripe: FakeStripe, account: str) -> Story:
    """An account with 5.20 that starts a deployment of 0.60."""
    story = Story(settings, stripe, account)
    story.tell("account.opened", profile="puredocs", email="owner@example.com")
    bought = intent(id=f"pi_of_{account}", amount=520, amount_received=520, metadata={"account": account})
    assert stripe.tell(story.webhook, bought).json()["outcome"] == "taken"
    story.wait_for_balance("5.20")
    story.tell("instance.started", resource="d-1", sku="gpu-s", mode="payg")
    story.wait_for_balance("4.60")
    return story


@pytest.mark.req("PD-15", "X-01")
def test_a_refill_is_declined_then_paid_and_counts_once_though_told_thrice_and_late(
    pipeline: Settings, stripe: FakeStripe
) -> None:
    story = begun(pipeline, stripe, "declined")
    stripe.add_customer(story.account, DECLINED)

    with running_part(story.settings, "sink-payments"):
        story.refill_below("500")
        wait_until(lambda: story.notices("refill_failed"), "the owner hears that it failed", timeout_s=WAIT_S)
        (declined,) = [
            each for each in stripe.intents.values() if each["metadata"]["account"] == story.account
        ]
        assert stripe.tell(story.webhook, declined, later_s=30).status_code == 200
        stripe.save_card(story.account, VISA)
        story.refill_below("500")
        story.wait_for_balance("24.60")
        (paid,) = stripe.charged(story.account)
        told = [stripe.tell(story.webhook, paid, later_s=late_s) for late_s in (0, 60)]

    story.tell("grant.issued", grant="g-1", amount="1", bucket="bonus")
    story.wait_for_balance("25.60")
    assert [answer.json()["outcome"] for answer in told] == ["taken", "taken"]
    assert story.topups() == ["5.20", "20.00"]
    assert [values["reason"] for values in story.notices("refill_failed")] == ["declined"]
    assert len(story.notices("receipt")) == 2
    assert len(story.refills()) == 2
    assert story.records(REJECTIONS) == []


@pytest.mark.req("X-01", "X-10")
def test_killed_between_stripes_yes_and_our_note_of_it_a_refill_is_charged_once(
    pipeline: Settings, stripe: FakeStripe
) -> None:
    story = begun(pipeline, stripe, "killed")
    stripe.add_customer(story.account)
    asked_before = stripe.count("POST", "/v1/payment_intents")
    stripe.keep_silent("POST")
    story.refill_below("500")
    charger = start_part(story.settings, "sink-payments")
    try:
        wait_until(lambda: stripe.charged(story.account), "the card is charged", timeout_s=WAIT_S)
    finally:
        os.kill(charger.pid, signal.SIGKILL)
        charger.wait()
    (charged,) = stripe.charged(story.account)
    assert not any(charged["id"].encode() in raw for raw in raw_payments(story))
    stripe.keep_silent()

    again = start_part(story.settings, "sink-payments")
    story.wait_for_balance("24.60")
    stop_part(again)

    assert len(stripe.charged(story.account)) == 1
    assert stripe.count("POST", "/v1/payment_intents") == asked_before + 2
    assert story.topups() == ["5.20", "20.00"]


def raw_payments(story: Story) -> list[bytes]:
    topics = Topics(story.settings)
    ends = topics.ends([PAYMENT_EVENTS], story.settings.partitions)
    return [r.value for (_, number), end in ends.items() for r in topics.read(PAYMENT_EVENTS, number, end)]
