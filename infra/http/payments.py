"""Payment providers for the HTTP service: their adapters, and checkouts.

Stripe's adapter comes with us. Others are found by the entry points `meterstream.payment_adapters` of installed
packages: the entry point's name is that of the path, what it names is called without arguments and gives the adapter.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from infra.books import load_book
from infra.errors import CommandFailed
from infra.parts.sink_payments import quiet_clients
from infra.settings import Settings
from schemas.adapters import CheckoutDesk, PaymentAdapter
from sinks.payments.checkout import StripeCheckout
from sinks.payments.stripe_api import StripeApi
from sinks.payments.stripe_events import StripeEvents
from sinks.payments.stripe_webhook import StripeWebhook

GROUP: Final = "meterstream.payment_adapters"
STRIPE: Final = "stripe"


def adapters(
    settings: Settings, reports: Callable[[], Any], found: Iterable[EntryPoint] | None = None
) -> Mapping[str, PaymentAdapter]:
    """Adapters by the name in their path; Stripe's where its webhooks can be checked. `reports` may raise.

    Raises `CommandFailed` where an installed adapter cannot be loaded: webhooks would be lost without a word.
    """
    known = {point.name: _loaded(point) for point in (entry_points(group=GROUP) if found is None else found)}
    secrets = settings.stripe_webhook_secrets
    if secrets:

        def credited_to(payment: str, account: str | None) -> str | None:
            credited: str | None = reports().credited_account(payment, account)
            return credited

        known[STRIPE] = StripeWebhook(secrets, StripeEvents(credited_to))
    return known


def _loaded(point: EntryPoint) -> PaymentAdapter:
    if point.name == STRIPE:
        raise CommandFailed(f"payment adapter {point.value}: the name {STRIPE!r} is taken")
    try:
        adapter: PaymentAdapter = point.load()()
    except (ImportError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CommandFailed(
            f"payment adapter {point.name} ({point.value}): {type(error).__name__}: {error}"
        ) from None
    if not callable(getattr(adapter, "read", None)):
        raise CommandFailed(f"payment adapter {point.name} ({point.value}): it has no method `read`")
    return adapter


def desk(settings: Settings) -> CheckoutDesk | None:
    """Where checkouts are opened; None without an API key."""
    if settings.stripe_api_key is None:
        return None
    quiet_clients()
    profiles = {name: offer.profile for name, offer in load_book(settings.profiles_dir).offers.items()}
    api = StripeApi(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    return StripeCheckout(api, profiles)
