"""Making, changing and listing API tokens: each change is one record on the compacted topic `api.tokens`.

Running services read it within a second. The text of a token is made here, shown once and never kept.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

from confluent_kafka import KafkaError, Producer

from infra.errors import CommandFailed
from infra.settings import Settings
from schemas.access import ApiToken, Scope
from schemas.topics import API_TOKENS
from schemas.values import instant_of, instant_text, name_of
from sinks.http.access import hash_of
from sinks.http.tokens import KafkaTokens

TIMEOUT_S: Final = 15.0
SECRET_BYTES: Final = 32
_SECONDS_OF_UNIT: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d{1,6})([smhd])")


class Made(NamedTuple):
    """A token's record, and its text, which is nowhere else."""

    record: ApiToken
    text: str


def created(
    scopes: Sequence[Scope], *, account: str | None, name: str | None, expires: str | None, now_ms: int
) -> Made:
    """A new token. Raises `CommandFailed` where it would make no sense."""
    if not scopes:
        raise CommandFailed("a token needs at least one --scope: ingest, read or admin")
    if account is not None and Scope.ADMIN in scopes:
        raise CommandFailed("scope admin is for all accounts: leave --account out, or give ingest or read")
    if account is not None:
        _check_account(account)
    token_id = secrets.token_hex(6)
    text = _text(token_id)
    record = ApiToken(
        id=token_id,
        hash=hash_of(text),
        scopes=sorted(set(scopes)),
        created=instant_text(now_ms),
        account=account,
        name=name,
        expires=_until(expires, now_ms) if expires else None,
    )
    return Made(record, text)


def rotated(token: ApiToken, grace: str, now_ms: int) -> Made:
    """The same token with a new secret; the old one is good for `grace` more. Raises `CommandFailed` when revoked."""
    if token.revoked is not None:
        raise CommandFailed(f"token {token.id} was revoked: create another")
    text = _text(token.id)
    changes = {"hash": hash_of(text), "previous_hash": token.hash, "previous_until": _until(grace, now_ms)}
    return Made(token.model_copy(update=changes), text)


def revoked(token: ApiToken, now_ms: int) -> ApiToken:
    """The token, good no more from now on; the first revocation's time stands."""
    changes = {
        "revoked": token.revoked or instant_text(now_ms),
        "previous_hash": None,
        "previous_until": None,
    }
    return token.model_copy(update=changes)


def now_ms() -> int:
    """The wall clock, in milliseconds."""
    return time.time_ns() // 1_000_000


def _text(token_id: str) -> str:
    return f"ms_{token_id}_{secrets.token_urlsafe(SECRET_BYTES)}"


def _check_account(account: str) -> None:
    try:
        name_of(account)
    except ValueError as error:
        raise CommandFailed(f"--account: {error}") from None


def _until(text: str, now: int) -> str:
    """An instant given as such or as a time from now: `90d`, `12h`, `30m`, `45s`."""
    match = _DURATION.fullmatch(text)
    if match is not None:
        return instant_text(now + int(match[1]) * _SECONDS_OF_UNIT[match[2]] * 1_000)
    try:
        return instant_text(instant_of(text))
    except ValueError:
        raise CommandFailed(
            f"{text!r} is neither a time (2027-01-01T00:00:00Z) nor a duration (90d, 12h)"
        ) from None


# --- the topic -------------------------------------------------------------------------------------------


@contextmanager
def all_tokens(settings: Settings) -> Iterator[KafkaTokens]:
    """Every token that there is now. Raises `CommandFailed` where Kafka does not tell."""
    tokens = KafkaTokens(settings.kafka_client_config(quiet=True), settings.topic(API_TOKENS))
    tokens.start()
    try:
        if not tokens.wait(TIMEOUT_S):
            raise CommandFailed(
                f"Kafka at {settings.kafka_bootstrap} does not tell the tokens: is the pipeline up (meterstream up)?"
            )
        yield tokens
    finally:
        tokens.close()


def found(settings: Settings, token_id: str) -> ApiToken:
    """The token of that id. Raises `CommandFailed` where there is none."""
    with all_tokens(settings) as tokens:
        token = tokens.find(token_id)
    if token is None:
        raise CommandFailed(f"there is no token {token_id!r}: meterstream token list shows them")
    return token


def write(settings: Settings, token: ApiToken) -> None:
    """Put the record where services read it; returns once Kafka has acknowledged it."""
    errors: list[KafkaError] = []
    config = {"acks": "all", "enable.idempotence": True, "partitioner": "murmur2_random"}
    limits = {"message.timeout.ms": int(TIMEOUT_S * 1_000)}
    producer = Producer({**config, **limits, **settings.kafka_client_config(quiet=True)})
    producer.produce(
        settings.topic(API_TOKENS),
        token.model_dump_json(exclude_none=True).encode(),
        token.id.encode(),
        on_delivery=lambda error, _: errors.append(error) if error else None,
    )
    left = producer.flush(TIMEOUT_S + 1.0)
    if errors or left:
        raise CommandFailed(f"Kafka did not take the token: {errors[0].str() if errors else 'no answer'}")
