"""`meterstream notices resend`: what was given up is queued once more, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.cli import main
from infra.parts.sink_email import channel_of, dead_letters, outbox_of
from infra.settings import Settings
from schemas.records import DeliveryState
from schemas.topics import NOTICES
from schemas.wire import encode
from sinks.outbox.items import Settled
from tests.servers import own_settings
from tests.sinks.samples import notice


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a machine whose mailer has given up notices 1 (dead), 2 (refused, twice told) and 3 (of another account)."""
    settings = own_settings(tmp_path)
    for name, value in settings.to_env().items():
        monkeypatch.setenv(name, value)
    ended(settings, notice(1), DeliveryState.DEAD)
    ended(settings, notice(2), DeliveryState.REFUSED)
    dead_letters(settings).add("notice-2", "no", encode(notice(2)))
    ended(settings, notice(3, account="a2"), DeliveryState.REFUSED)
    dead_letters(settings).add("", "not readable", b"garbage")
    return settings


def ended(settings: Settings, record: Any, state: DeliveryState) -> None:
    dead_letters(settings).add(record.id, "no", encode(record))
    (received,) = channel_of(settings).receive(NOTICES, encode(record))
    outbox = outbox_of(settings)
    outbox.put([received._replace(settled=Settled(state))], 0.0)
    outbox.close()


def waiting(settings: Settings) -> list[str]:
    outbox = outbox_of(settings)
    found = outbox.due("smtp", [], 1e12, 99, ordered=False)
    outbox.close()
    return sorted(queued.item.record for queued in found)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--id", "notice-1"], ["notice-1"]),
        (["--account", "a1"], ["notice-1", "notice-2"]),
        (["--since", "2026-11-01T02:00:02+02:00"], ["notice-2", "notice-3"]),
        (["--account", "a1", "--since", "2026-11-01T00:00:02Z"], ["notice-2"]),
        (["--account", "a9"], []),
    ],
)
def test_what_is_asked_for_and_was_given_up_waits_again_and_once(
    settings: Settings, arguments: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [main(["notices", "resend", *arguments]) for _ in range(2)]

    assert waiting(settings) == expected
    assert codes == [0, 0]
    assert capsys.readouterr().out == f"{len(expected)} mails are in the queue\n0 mails are in the queue\n"


def test_what_was_accepted_since_is_not_mailed_again(settings: Settings) -> None:
    main(["notices", "resend", "--id", "notice-1"])
    outbox = outbox_of(settings)
    outbox.end(
        [(each, Settled(DeliveryState.SENT)) for each in outbox.due("smtp", [], 1e12, 9, ordered=False)], 2.0
    )
    outbox.close()

    main(["notices", "resend", "--id", "notice-1"])

    assert waiting(settings) == []


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "one of --id, --account and --since is needed"),
        (["--since", "yesterday"], 2, "--since: an RFC 3339 time"),
        (["--id", "notice-9"], 1, "no mail of a notice 'notice-9' was given up"),
    ],
)
def test_what_cannot_be_sent_again_is_said_in_one_line(
    settings: Settings,
    arguments: list[str],
    code: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["notices", "resend", *arguments]) == code

    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.err.count("\n") == 1
    assert waiting(settings) == []


def test_a_type_that_is_not_mailed_is_not_mailed_on_demand_either(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METERSTREAM_MAIL_OFF", "low_balance")

    assert main(["notices", "resend", "--account", "a1"]) == 0

    assert waiting(settings) == []
