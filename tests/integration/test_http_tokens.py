"""`meterstream token` and a running service: a token is good, and good no more, within two seconds."""

import json
import logging
from collections.abc import Callable, Iterator
from itertools import chain

import httpx
import pytest

from infra import tokens
from infra.cli import main
from infra.settings import HttpAuth, Settings
from infra.topics import create_topics
from schemas.access import Scope
from schemas.topics import API_TOKENS
from sinks.http.tokens import KafkaTokens
from tests.integration.ingest_kafka import producer_of, read_topic
from tests.servers import running_part
from tests.streams.ingest_fakes import event_bytes
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka]

Meterstream = Callable[..., str]
WITHIN_S = 2.0


@pytest.fixture
def meterstream(
    kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Meterstream:
    """Runs a command against the broker; gives what it printed on stdout."""
    create_topics(kafka_settings)
    for name, value in kafka_settings.to_env().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(arguments) == code
        told = capsys.readouterr()
        return told.out if code == 0 else told.err

    return run


@pytest.fixture
def service(kafka_settings: Settings, meterstream: Meterstream) -> Iterator[httpx.Client]:
    """A running service that needs a token."""
    settings = kafka_settings.model_copy(update={"http_auth": HttpAuth.REQUIRED})
    with (
        running_part(settings, "http"),
        httpx.Client(base_url=f"http://127.0.0.1:{settings.http_port}") as client,
    ):
        yield client


def send(service: httpx.Client, token: str) -> int:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return service.post("/v1/events", content=event_bytes("e1"), headers=headers).status_code


def within(seconds: float, condition: Callable[[], bool], what: str) -> None:
    wait_until(condition, what, timeout_s=seconds)


def test_a_token_is_good_soon_after_it_was_made_and_refused_soon_after_it_was_revoked(
    meterstream: Meterstream, service: httpx.Client
) -> None:
    token = meterstream("token", "create", "--scope", "ingest").strip()
    token_id = token.split("_")[1]

    within(WITHIN_S, lambda: send(service, token) == 202, "the token is good")
    meterstream("token", "revoke", token_id)
    within(WITHIN_S, lambda: send(service, token) == 401, "the token is refused")


def test_a_rotated_token_has_a_new_secret_and_without_grace_the_old_one_ends(
    meterstream: Meterstream, service: httpx.Client
) -> None:
    old = meterstream("token", "create", "--scope", "ingest").strip()
    new = meterstream("token", "rotate", old.split("_")[1], "--grace", "0s").strip()

    within(WITHIN_S, lambda: send(service, new) == 202, "the new one is good")
    assert send(service, old) == 401


def test_a_token_of_one_account_sends_for_no_other(meterstream: Meterstream, service: httpx.Client) -> None:
    token = meterstream("token", "create", "--scope", "ingest", "--account", "acct-2").strip()

    within(WITHIN_S, lambda: send(service, token) == 403, "acct-1 is another's")


def test_the_list_shows_what_a_token_is_for_and_nothing_to_sign_in_with(meterstream: Meterstream) -> None:
    token = meterstream(
        "token", "create", "--scope", "read", "--account", "a/1", "--name", "dash", "--expires", "90d"
    ).strip()
    _, token_id, secret = token.split("_", 2)

    listed = meterstream("token", "list")
    rows = json.loads(meterstream("token", "list", "--json"))

    assert token_id in listed
    assert "read, account a/1, expires " in listed
    assert [(row["id"], row["scopes"], row["account"], row["name"]) for row in rows] == [
        (token_id, ["read"], "a/1", "dash")
    ]
    assert secret not in listed + json.dumps(rows)
    assert "hash" not in json.dumps(rows)


def test_the_topic_holds_no_token(meterstream: Meterstream, kafka_settings: Settings) -> None:
    token = meterstream("token", "create", "--scope", "admin").strip()

    kept = [m.value() or b"" for m in chain.from_iterable(read_topic(kafka_settings, API_TOKENS))]

    assert len(kept) == 1
    assert token.split("_", 2)[2].encode() not in kept[0]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("create",), 2, "Missing option '--scope'"),
        (("create", "--scope", "root"), 2, "'root' is not one of"),
        (("create", "--scope", "admin", "--account", "a"), 1, "scope admin is for all accounts"),
        (("revoke", "nobody"), 1, "there is no token 'nobody'"),
        (("rotate", "nobody"), 1, "there is no token 'nobody'"),
    ],
)
def test_bad_use_is_told_in_one_line(
    meterstream: Meterstream, arguments: tuple[str, ...], code: int, says: str
) -> None:
    told = meterstream("token", *arguments, code=code)

    assert says in told
    assert told.count("\n") == 1


def test_a_record_that_is_no_token_is_passed_over_and_not_logged(
    kafka_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    create_topics(kafka_settings)
    good = tokens.created([Scope.READ], account=None, name=None, expires=None, now_ms=tokens.now_ms())
    producer = producer_of(kafka_settings)
    producer.produce(kafka_settings.topic(API_TOKENS), b'{"secret": "hush"}', b"bad")
    producer.flush(10)
    tokens.write(kafka_settings, good.record)

    with caplog.at_level(logging.WARNING), tokens.all_tokens(kafka_settings) as known:
        assert known.every() == [good.record]

    assert "no token, key 'bad'" in caplog.text
    assert "hush" not in caplog.text


def test_without_kafka_tokens_are_not_guessed(local_settings: Settings) -> None:
    known = KafkaTokens(local_settings.kafka_client_config(quiet=True), API_TOKENS)

    known.start()

    assert known.waits_for() == "the API tokens are still being read from Kafka"
    with pytest.raises(Exception, match="still being read"):
        known.find("t1")
    known.close()
