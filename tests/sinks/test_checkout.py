"""`/v1/checkout`: credit is bought on a page of Stripe's, in packs or any amount from the minimum on, for one's own account."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from infra.books import load_book
from schemas.access import Scope
from schemas.envelope import OutgoingEvent
from sinks.http.ports import Ports, Unavailable
from sinks.payments.checkout import StripeCheckout
from sinks.payments.stripe_api import StripeApi
from tests.fake_stripe import KEY, FakeStripe, fake_stripe
from tests.scenarios.telling import opened, tell
from tests.sinks.calling import Caller, error_of
from tests.sinks.fakes import TEXT, KeptEvents, KnownTokens, token
from tests.sinks.stripe_words import NOW_S, intent, session, told
from tests.sinks.test_stripe_events import events_of

PROFILES = {name: offer.profile for name, offer in load_book().offers.items()}
TOKEN = token(scopes=[Scope.READ, Scope.INGEST], account="flex")
URLS = {
    "success_url": "https://example.com/thanks?s={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://example.com/",
}


class Accounts:
    """A fake of the reports: `acme` with PureDocs, `flex` with flex.ai, `disks` with Neolink, `home` with a strange one."""

    def balance(self, account: str) -> dict[str, Any] | None:
        profile = {"acme": "puredocs", "flex": "flexai", "disks": "neolink", "home": "homemade"}.get(account)
        return {"account": account, "profile": profile} if profile else None


class Shop:
    """The service with a checkout desk over a running Stripe."""

    def __init__(self, stripe: FakeStripe, key: str = KEY) -> None:
        self.stripe, self.kafka = stripe, KeptEvents()
        desk = StripeCheckout(StripeApi(key, stripe.base), PROFILES)
        self.caller = Caller(Ports(Accounts, events=self.kafka, checkout=desk, tokens=KnownTokens(TOKEN)))  # type: ignore[arg-type]

    def buy(self, *, headers: dict[str, str] | None = None, **order: Any) -> Any:
        body = json.dumps({"account": "acme"} | URLS | order).encode()
        return self.caller.post("/v1/checkout", body, content_type="application/json", **(headers or {}))


@pytest.fixture
def shop() -> Iterator[Shop]:
    with fake_stripe(now_s=lambda: NOW_S) as stripe:
        yield Shop(stripe)


def test_a_checkout_is_opened_for_the_account_and_saves_the_card_where_refills_are_offered(
    shop: Shop,
) -> None:
    answer = shop.buy(amount="7.25")

    assert answer.status_code == 201
    assert answer.json() == {
        "id": "cs_1", "url": "https://checkout.stripe.com/c/pay/cs_1", "expires": "2026-11-26T09:46:40.000Z", "amount": "7.25", "currency": "USD",
    }  # fmt: skip
    (asked,) = [params for _, path, params in shop.stripe.requests if path == "/v1/checkout/sessions"]
    assert asked == {
        "mode": "payment", "customer": "cus_1", "client_reference_id": "acme", "payment_method_types": ["card"],
        "line_items": [{"quantity": "1", "price_data": {
            "currency": "usd", "unit_amount": "725", "product_data": {"name": "PureDocs credits"},
        }}],
        "metadata": {"account": "acme", "meterstream_checkout": "amount"},
        "payment_intent_data": {"metadata": {"account": "acme"}, "setup_future_usage": "off_session"}, **URLS,
    }  # fmt: skip


@pytest.mark.req("PD-05", "PD-07")
def test_the_packs_are_offered_with_their_labels_and_bought_by_name(shop: Shop) -> None:
    offered = shop.caller.get("/v1/accounts/acme/packs").json()
    bought = {pack["name"]: shop.buy(pack=pack["name"]).json()["amount"] for pack in offered["packs"]}

    assert (offered["currency"], offered["minimum"]) == ("USD", "1.00")
    assert [(pack["amount"], pack["label"]) for pack in offered["packs"]][:2] == [
        ("5.00", "Testing"),
        ("10.00", "Small projects"),
    ]
    assert bought == {pack["name"]: pack["amount"] for pack in offered["packs"]}
    assert len(bought) == 5


@pytest.mark.req("PD-04")
def test_credits_are_posted_when_the_payment_succeeds_and_not_when_the_session_is_created(shop: Shop) -> None:
    shop.buy(pack="regular")
    created = [event.raw for event in shop.kafka.sent]
    made = shop.stripe.sessions["cs_1"]
    paid = told("payment_intent.succeeded", intent(metadata={"account": "acme"}), event="evt_1")
    completed = told(
        "checkout.session.completed",
        session(**made | {"payment_status": "paid", "payment_intent": "pi_1"}),
        event="evt_2",
    )
    story = (opened("puredocs", "2026-11-25T00:00:00Z"), *created)

    before, after = tell(*story), tell(*story, *events_of(paid, completed))

    assert (before.balance(), before.reasons()) == ("0.00", [])
    assert (after.balance(), after.reasons()) == ("20.00", [])


def test_a_session_that_nobody_paid_expires(shop: Shop) -> None:
    shop.buy(pack="regular")
    expired = told("checkout.session.expired", shop.stripe.sessions["cs_1"], event="evt_1")

    story = tell(
        opened("puredocs", "2026-11-25T00:00:00Z"),
        *[event.raw for event in shop.kafka.sent],
        *events_of(expired),
    )

    assert (story.balance(), story.reasons()) == ("0.00", [])


def test_an_account_has_one_customer_however_often_it_buys(shop: Shop) -> None:
    for _ in range(3):
        shop.buy(pack="small")

    assert len(shop.stripe.customers) == 1


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "below the minimum": ({"amount": "0.99"}, 400, "below_minimum: 0.99 is below the minimum of 1.00"),
    "nothing": ({}, 400, "either amount or pack is needed"),
    "both": ({"amount": "5", "pack": "small"}, 400, "either amount or pack is needed"),
    "no such pack": ({"pack": "huge"}, 400, "no pack 'huge' is offered; there are: starter, small, regular, production, heavy"),
    "no packs": ({"account": "flex", "pack": "small"}, 400, "no pack 'small' is offered; there are: none"),
    "a tenth of a cent": ({"amount": "7.255"}, 400, "7.255 USD cannot be charged: its smallest step is 0.01"),
    "no cards": ({"account": "disks", "amount": "5"}, 400, "method_not_accepted: neolink does not take cards"),
    "a float": ({"amount": 7.25}, 400, "amount: a decimal string or an integer is needed, not a JSON float"),
    "less than nothing": ({"amount": "-5"}, 400, "amount: must be greater than 0"),
    "unknown field": ({"amount": "5", "color": "red"}, 400, "color: Extra inputs are not permitted"),
    "no account": ({"account": "nobody", "amount": "5"}, 404, "no account 'nobody'"),
    "no profile": ({"account": "home", "amount": "5"}, 400, "no profile 'homemade' is loaded here"),
}  # fmt: skip


@pytest.mark.parametrize(("order", "status", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_bought_is_refused_before_stripe_is_asked(
    shop: Shop, order: dict[str, Any], status: int, message: str
) -> None:
    answer = shop.buy(**order)

    assert error_of(answer) == (status, {400: "invalid_request", 404: "not_found"}[status], message)
    assert (shop.stripe.requests, shop.kafka.sent) == ([], [])


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "javascript:alert(1)", "//example.com/", "https://", "example.com", "", "data:text/html,x",
        "https://user:pass@example.com/", "https://example.com/\r\nX: y", "https://exa mple.com/", "https://[::1", "https://e.com:99999/",
        "https:\\\\example.com", "https://example.com/" + "x" * 2_048, "http://127.0.0.1.example.com/", "https://ex\u0430mple.com/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["success_url", "cancel_url"])
def test_nobody_is_sent_to_an_address_that_is_not_https(shop: Shop, field: str, url: str) -> None:
    status, _, message = error_of(shop.buy(amount="5", **{field: url}))  # type: ignore[arg-type]

    assert (status, message.partition(":")[0]) == (400, field)
    assert shop.stripe.requests == []


@pytest.mark.parametrize(
    "url", ["https://example.com/a?b=c#d", "http://127.0.0.1:3000/", "http://localhost/", "http://[::1]:80/"]
)
def test_https_and_this_machine_are_addresses_to_come_back_to(shop: Shop, url: str) -> None:
    assert shop.buy(amount="5", success_url=url).status_code == 201


def test_a_token_buys_for_its_own_account_only(shop: Shop) -> None:
    headers = {"authorization": f"Bearer {TEXT}"}

    other = shop.buy(amount="5", headers=headers)
    own = shop.buy(account="flex", amount="5", headers=headers)
    looked = shop.caller.get("/v1/accounts/acme/packs", **headers)

    assert error_of(other)[:2] == (403, "permission_error")
    assert own.status_code == 201
    assert error_of(looked)[:2] == (403, "permission_error")
    assert {each["metadata"]["account"] for each in shop.stripe.customers.values()} == {"flex"}


def test_without_a_key_there_is_no_checkout_and_the_answer_says_what_to_set() -> None:
    caller = Caller(Ports(Accounts, events=KeptEvents()))  # type: ignore[arg-type]
    body = json.dumps({"account": "acme", "amount": "5"} | URLS).encode()

    answer = caller.post("/v1/checkout", body, content_type="application/json")

    assert error_of(answer) == (
        501,
        "not_implemented",
        "checkouts are not set up: METERSTREAM_STRIPE_API_KEY is not set",
    )


def test_while_stripe_does_not_take_our_key_it_is_503_and_the_key_is_not_told(shop: Shop) -> None:
    answer = Shop(shop.stripe, key="sk_live_wrong_key").buy(amount="5")

    assert error_of(answer) == (503, "unavailable", "Stripe does not take METERSTREAM_STRIPE_API_KEY")


def test_while_kafka_is_away_no_page_is_given_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_events: Sequence[OutgoingEvent]) -> None:
        raise Unavailable("Kafka does not acknowledge")

    monkeypatch.setattr(shop.kafka, "send", refuse)

    assert error_of(shop.buy(amount="5")) == (503, "unavailable", "Kafka does not acknowledge")
