"""Part `http`: the HTTP service on its configured address."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from typing import Any, Final

import uvicorn
from clickhouse_connect.driver.client import Client

from infra.books import load_book, load_profiles
from infra.host import check_port
from infra.http import payments
from infra.http.advice import advice_on, running_states
from infra.http.dashboard import Dashboard
from infra.http.event_sink import KafkaEvents
from infra.http.gate import running_gate, waits_for
from infra.http.live import running_feed
from infra.parts.ready import mark_ready
from infra.parts.sink_email import codes
from infra.settings import LOOPBACK_HOSTS, HttpAuth, Settings, is_loopback
from infra.smtp_catcher import MailStore
from schemas.topics import API_TOKENS
from sinks.clickhouse.client import ClickHouseError, connect
from sinks.clickhouse.notices import Notices
from sinks.clickhouse.reports import Reports
from sinks.http.app import create_app
from sinks.http.ports import Ports, Unavailable
from sinks.http.tokens import KafkaTokens
from streams.core.intake import shape_fault

# Pages that watch charges hold a connection as long as they are open.
SHUTDOWN_S: Final = 3


def main(settings: Settings) -> None:
    """Serve until told to stop.

    Raises `CommandFailed` where the port cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    check_port(settings.http_host, settings.http_port, "METERSTREAM_HTTP_PORT")
    tokens = KafkaTokens(settings.kafka_client_config(), settings.topic(API_TOKENS))
    tokens.start()
    book = load_book(settings.profiles_dir)
    with (
        running_gate(settings, book) as gate,
        running_states(settings) as states,
        running_feed(settings) as live,
    ):
        ports = ports_of(settings, tokens)
        ports = replace(
            ports,
            gate=gate,
            advice=advice_on(settings, book, states),
            live=live,
            operations=Dashboard(settings, states),
            profiles=load_profiles(settings.profiles_dir),
            ready=(*ports.ready, partial(waits_for, gate)),
        )
        _serve(settings, ports)


def _serve(settings: Settings, ports: Ports) -> None:
    config = uvicorn.Config(
        create_app(ports),
        settings.http_host,
        settings.http_port,
        log_level="warning",
        access_log=False,
        # X-Forwarded-* is what anybody may write: nothing here believes it.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    _Server(config, lambda: mark_ready(settings, "http")).run()


class _Server(uvicorn.Server):
    """Says when it takes requests."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def ports_of(settings: Settings, tokens: KafkaTokens) -> Ports:
    """What the service is handed: reports of ClickHouse, the way to Kafka, and mails where they are caught here."""
    catches = settings.start_smtp and is_loopback(settings.smtp_host)
    store = MailStore(settings.mails_dir)
    is_local = is_loopback(settings.http_host)
    reports = _Connected(settings, partial(Reports, profiles=load_profiles(settings.profiles_dir)))
    return Ports(
        reports=reports,
        mails=store.mails if catches else None,
        hosts=LOOPBACK_HOSTS if is_local else frozenset(),
        events=KafkaEvents(settings),
        notices=_Connected(settings, Notices),
        mail_codes=codes(settings),
        webhooks=payments.adapters(settings, reports),
        checkout=payments.desk(settings),
        event_fault=partial(shape_fault, spec_skus=load_book(settings.profiles_dir).spec_skus),
        tokens=tokens,
        ready=(tokens.waits_for,),
        anonymous=is_local and settings.http_auth is HttpAuth.AUTO,
    )


class _Connected:
    """Reports (or another class of questions) over one client, made when it is first needed; ClickHouse's errors become the service's."""

    def __init__(self, settings: Settings, kind: Callable[[Client], Any]) -> None:
        self._settings, self._kind = settings, kind
        self._reports: Any = None

    def __call__(self) -> Any:
        if self._reports is None:
            dsn = self._settings.clickhouse_dsn.get_secret_value()
            self._reports = _Translated(
                _unavailable(lambda: self._kind(connect(dsn, self._settings.clickhouse_database)))()
            )
        return self._reports


class _Translated:
    def __init__(self, reports: Any) -> None:
        self._reports = reports

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _unavailable(getattr(self._reports, name))


def _unavailable(ask: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(ask)
    def asked(*arguments: Any, **named: Any) -> Any:
        try:
            return ask(*arguments, **named)
        except ClickHouseError as error:
            raise Unavailable(f"ClickHouse: {error}") from None

    return asked
