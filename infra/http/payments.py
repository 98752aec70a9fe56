"""Payment providers for the HTTP service: their adapters, and checkouts."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.settings import Settings
from schemas.adapters import PaymentAdapter
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
