"""When the HTTP service asks for a token, by its settings."""

from pathlib import Path

import pytest

from infra.books import load_profiles
from infra.parts.http import ports_of
from infra.settings import HttpAuth
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
    settings = own_settings(tmp_path, http_host=host, http_auth=auth)
    tokens = KafkaTokens(settings.kafka_client_config(quiet=True), "api.tokens")
    profiles = load_profiles()

    ports = ports_of(settings, tokens, Book(profiles.values()), profiles)

    assert (ports.anonymous, set(ports.hosts)) == (anonymous, hosts)
    assert ports.tokens is tokens
