"""Payment providers for the HTTP service: their adapters, and checkouts."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.books import load_book
from infra.parts.sink_payments import quiet_clients
from infra.settings import Settings
from schemas.adapters import CheckoutDesk, PaymentAdapter
from sinks.payments.checkout import StripeCheckout
from sinks.payments.stripe_api import StripeApi
from sinks.payments.stripe_events import StripeEvents
from sinks.payments.stripe_webhook import StripeWebhook


def adapters(settings: Settings, reports: Callable[[], Any]) -> Mapping[str, PaymentAdapter]:
    """Adapters by the name in their path; Stripe's where its webhooks can be checked. `reports` may raise."""
    secrets = settings.stripe_webhook_secrets
    if not secrets:
        return {}

    def credited_to(payment: str, account: str | None) -> str | None:
        found: str | None = reports().credited_account(payment, account)
        return found

    return {"stripe": StripeWebhook(secrets, StripeEvents(credited_to))}


def desk(settings: Settings) -> CheckoutDesk | None:
    """Where checkouts are opened; None without an API key."""
    if settings.stripe_api_key is None:
        return None
    quiet_clients()
    profiles = {name: offer.profile for name, offer in load_book(settings.profiles_dir).offers.items()}
    api = StripeApi(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    return StripeCheckout(api, profiles)
