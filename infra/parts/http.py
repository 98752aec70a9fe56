"""Part `http`: the HTTP service on its configured address."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from infra.books import load_profiles
from infra.host import check_port
from infra.http import payments
from infra.http.advice import advice_on, running_states
from infra.http.dashboard import Dashboard
from infra.http.event_sink import KafkaEvents
from infra.http.gate import running_gate, waits_for
from infra.http.live import running_feed
from infra.http.reports import Connected
from infra.http.server import serve
from infra.parts.ready import mark_ready
from infra.parts.sink_email import codes
from infra.settings import LOOPBACK_HOSTS, HttpAuth, Settings, is_loopback
from infra.smtp_catcher import MailStore
from schemas.profile import Profile
from schemas.topics import API_TOKENS
from sinks.clickhouse.notices import Notices
from sinks.clickhouse.reports import Reports
from sinks.http.app import create_app
from sinks.http.gate.gate import wall_ms
from sinks.http.ports import Ports
from sinks.http.strangers import Strangers
from sinks.http.tokens import KafkaTokens
from streams.core.book import Book
from streams.core.intake import shape_fault


def main(settings: Settings) -> None:
    """Serve until told to stop.

    Raises `CommandFailed` where the port cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    check_port(settings.http_host, settings.http_port, "METERSTREAM_HTTP_PORT")
    tokens = KafkaTokens(settings.kafka_client_config(), settings.topic(API_TOKENS))
    tokens.start()
    profiles = load_profiles(settings.profiles_dir)
    book = Book(profiles.values())
    with (
        running_gate(settings, book) as gate,
        running_states(settings) as states,
        running_feed(settings) as live,
    ):
        ports = ports_of(settings, tokens, book, profiles)
        ports = replace(
            ports,
            gate=gate,
            advice=advice_on(settings, book, states),
            live=live,
            operations=Dashboard(settings, states, profiles),
            ready=(*ports.ready, partial(waits_for, gate)),
        )
        serve(create_app(ports), settings.http_host, settings.http_port, lambda: mark_ready(settings, "http"))


def ports_of(settings: Settings, tokens: KafkaTokens, book: Book, profiles: Mapping[str, Profile]) -> Ports:
    """What the service is handed: reports of ClickHouse, the way to Kafka, and mails where they are caught here."""
    catches = settings.start_smtp and is_loopback(settings.smtp_host)
    store = MailStore(settings.mails_dir)
    is_local = is_loopback(settings.http_host)
    reports = Connected(settings, partial(Reports, profiles=profiles))
    return Ports(
        reports=reports,
        mails=store.mails if catches else None,
        hosts=LOOPBACK_HOSTS if is_local else frozenset(),
        events=KafkaEvents(settings),
        notices=Connected(settings, Notices),
        mail_codes=codes(settings),
        webhooks=payments.adapters(settings, reports),
        checkout=payments.desk(settings),
        event_fault=partial(shape_fault, spec_skus=book.spec_skus),
        tokens=tokens,
        profiles=profiles,
        ready=(tokens.waits_for,),
        strangers=Strangers(settings.http_refusals_per_minute, wall_ms),
        anonymous=is_local and settings.http_auth is HttpAuth.AUTO,
    )
