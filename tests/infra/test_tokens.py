"""Making, rotating and revoking API tokens, without Kafka."""

import pytest

from infra import tokens
from infra.commands import token
from infra.errors import CommandFailed
from schemas.access import ApiToken, Scope
from schemas.values import instant_of
from sinks.http.access import is_good

NOW_MS = instant_of("2026-11-25T12:00:00Z")
HOUR_MS = 3_600_000


def made(*scopes: Scope, account: str | None = None, expires: str | None = None) -> tokens.Made:
    return tokens.created(scopes or [Scope.READ], account=account, name=None, expires=expires, now_ms=NOW_MS)


def test_a_new_token_is_good_and_its_text_is_not_in_its_record() -> None:
    one, other = made(), made()

    assert is_good(one.record, one.text, NOW_MS)
    assert not is_good(one.record, other.text, NOW_MS)
    assert one.text.startswith(f"ms_{one.record.id}_")
    assert one.text.split("_", 2)[2] not in one.record.model_dump_json()


def test_a_secret_has_256_random_bits() -> None:
    secrets = {made().text.split("_", 2)[2] for _ in range(100)}

    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {43}


@pytest.mark.parametrize(
    "expires", ["2h", "120m", "7200s", "2026-11-25T14:00:00Z", "2026-11-25T15:00:00+01:00"]
)
def test_it_expires_at_a_time_or_so_long_from_now(expires: str) -> None:
    token = made(expires=expires)

    assert token.record.expires == "2026-11-25T14:00:00.000Z"
    assert is_good(token.record, token.text, NOW_MS + 2 * HOUR_MS - 1)
    assert not is_good(token.record, token.text, NOW_MS + 2 * HOUR_MS)


@pytest.mark.parametrize(
    ("scopes", "account", "expires", "says"),
    [
        ([], None, None, "at least one --scope"),
        ([Scope.ADMIN], "a1", None, "admin is for all accounts"),
        ([Scope.READ], "a\nb", None, "--account: control characters"),
        ([Scope.READ], None, "soon", "neither a time"),
    ],
)
def test_a_token_that_would_make_no_sense_is_not_made(
    scopes: list[Scope], account: str | None, expires: str | None, says: str
) -> None:
    with pytest.raises(CommandFailed, match=says):
        tokens.created(scopes, account=account, name=None, expires=expires, now_ms=NOW_MS)


def test_after_a_rotation_both_are_good_for_the_grace_and_then_the_new_one() -> None:
    old = made()

    new = tokens.rotated(old.record, "1h", NOW_MS)

    assert is_good(new.record, new.text, NOW_MS)
    assert is_good(new.record, old.text, NOW_MS + HOUR_MS - 1)
    assert not is_good(new.record, old.text, NOW_MS + HOUR_MS)
    assert is_good(new.record, new.text, NOW_MS + HOUR_MS)


def test_a_rotation_without_grace_ends_the_old_one_at_once() -> None:
    old = made()

    new = tokens.rotated(old.record, "0s", NOW_MS)

    assert not is_good(new.record, old.text, NOW_MS)


def test_a_revoked_token_and_the_one_before_it_are_good_no_more_and_it_cannot_be_rotated() -> None:
    old = made()
    new = tokens.rotated(old.record, "1h", NOW_MS)

    gone = tokens.revoked(new.record, NOW_MS)

    assert not is_good(gone, new.text, NOW_MS)
    assert not is_good(gone, old.text, NOW_MS)
    with pytest.raises(CommandFailed, match="was revoked"):
        tokens.rotated(gone, "1h", NOW_MS)


def test_a_record_reads_back_as_it_was_written() -> None:
    token = tokens.rotated(made(Scope.INGEST, Scope.READ, account="a/1").record, "1h", NOW_MS).record

    assert ApiToken.model_validate_json(token.model_dump_json(exclude_none=True)) == token


def test_the_command_knows_the_scopes_that_there_are() -> None:
    assert [each.value for each in token.Scope] == [each.value for each in Scope]
