"""When the HTTP service asks for a token, by its settings."""

from pathlib import Path

import pytest

from infra.books import load_profiles
from infra.parts.http import ports_of
from infra.settings import HttpAuth, Settings
from sinks.http.ports import Ports
from sinks.http.strangers import PER_MINUTE
from sinks.http.tokens import KafkaTokens
from streams.core.book import Book
from tests.servers import own_settings


@pytest.mark.parametrize(
    ("host", "auth", "anonymous", "hosts"),
    [
        ("127.0.0.1", HttpAuth.AUTO, True, {"127.0.0.1", "localhost", "::1"}),
        ("::1", HttpAuth.AUTO, True, {"127.0.0.1", "localhost", "::1"}),
        ("127.0.0.1", HttpAuth.REQUIRED, False, {"127.0.0.1", "localhost", "::1"}),
        ("0.0.0.0", HttpAuth.AUTO, False, set()),
        ("192.0.2.1", HttpAuth.AUTO, False, set()),
        ("billing.example", HttpAuth.REQUIRED, False, set()),
    ],
)
def test_only_a_service_on_loopback_answers_without_a_token_and_only_unless_told(
    tmp_path: Path, host: str, auth: HttpAuth, anonymous: bool, hosts: set[str]
) -> None:
    ports = ports_by(own_settings(tmp_path, http_host=host, http_auth=auth))

    assert (ports.anonymous, set(ports.hosts)) == (anonymous, hosts)
    assert ports.tokens is not None


def test_so_many_refusals_an_address_as_is_configured(tmp_path: Path) -> None:
    ports = ports_by(own_settings(tmp_path, http_refusals_per_minute=1_000_000))

    assert [ports.strangers.wait_s(("192.0.2.1", 1)) for _ in range(PER_MINUTE + 1)] == [0] * (PER_MINUTE + 1)


def ports_by(settings: Settings) -> Ports:
    tokens = KafkaTokens(settings.kafka_client_config(quiet=True), "api.tokens")
    profiles = load_profiles()
    return ports_of(settings, tokens, Book(profiles.values()), profiles)
