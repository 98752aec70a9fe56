"""What we ask of Stripe is well-formed by Stripe's own description of its API: `stripe-mock` refuses what is not."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
import stripe

from infra.books import load_book
from sinks.payments.checkout import StripeCheckout
from sinks.payments.stripe_api import Customer, Order, StripeApi
from tests.stripe_mock import stripe_mock

# The first run installs it.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]
PROFILES = {name: offer.profile for name, offer in load_book().offers.items()}
URLS = {"success_url": "https://example.com/yes", "cancel_url": "https://example.com/no"}


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with stripe_mock() as address:
        yield address


@pytest.fixture
def api(base: str) -> StripeApi:
    return StripeApi("sk_test_123", base)


def test_it_refuses_what_stripe_does_not_know(base: str) -> None:
    client = stripe.StripeClient(
        "sk_test_123",
        base_addresses={"api": base},
        http_client=stripe.RequestsClient(),
        max_network_retries=0,
    ).v1

    with pytest.raises(stripe.InvalidRequestError, match="additional properties are not allowed"):
        client.payment_intents.create({"amount": 1, "currency": "usd", "colour": "red"})  # type: ignore[typeddict-unknown-key]


def test_customers_are_searched_made_and_asked_for_their_cards(api: StripeApi) -> None:
    found = api.customer('a"b\\c')
    made = api.new_customer("acme")

    assert found is not None
    assert (found.id[:4], made.id[:4]) == ("cus_", "cus_")
    assert api.card(Customer(made.id)) is not None


def test_a_refill_is_charged_and_looked_for(api: StripeApi) -> None:
    order = Order("acme", "cmd_1", 2000, "USD", "cus_1", "pm_1")

    assert api.charge(order).id.startswith("pi_")
    # Its examples carry metadata of their own.
    assert api.charged("cus_1", "cmd_1", 0) is None


@pytest.mark.parametrize("pack", ["regular", None])
def test_a_checkout_is_opened(api: StripeApi, pack: str | None) -> None:
    amount = None if pack else Decimal("7.25")

    opened = StripeCheckout(api, PROFILES).open("acme", "puredocs", amount=amount, pack=pack, **URLS)

    assert opened.id.startswith("cs_")
