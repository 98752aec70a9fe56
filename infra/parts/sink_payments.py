"""Part `sink-payments`: auto-refills are charged to saved cards. Not started without a Stripe API key."""

import logging
import signal
import threading

from infra.errors import CommandFailed
from infra.parts.ready import mark_ready
from infra.settings import Settings
from schemas.topics import COMMANDS, PAYMENT_EVENTS
from sinks.payments.charger import Charger
from sinks.payments.refills import Refills
from sinks.payments.stripe_api import StripeApi


def main(settings: Settings) -> None:
    """Charge until told to stop. While Stripe is away refills wait, not this part.

    Raises `CommandFailed` without an API key.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if settings.stripe_api_key is None:
        raise CommandFailed("METERSTREAM_STRIPE_API_KEY is not set: there is nothing to charge refills with")
    quiet_clients()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    api = StripeApi(settings.stripe_api_key.get_secret_value(), settings.stripe_api_base)
    charger = Charger(
        settings.kafka_client_config(),
        settings.group("sink-payments"),
        commands=settings.topic(COMMANDS),
        payments=settings.topic(PAYMENT_EVENTS),
        refills=Refills(api),
        stop=stop,
    )
    mark_ready(settings, "sink-payments")
    charger.run()


def quiet_clients() -> None:
    """Stripe's library and the client under it log each request with its address, which names accounts."""
    for name in ("stripe", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
