"""The part `sink-email` over a real broker and a real mail server: no mail is lost, not by `kill -9` either, and all is told."""

import json
from collections import Counter
from typing import Any

import pytest
from confluent_kafka import Producer

from infra.migrations import migrate
from infra.settings import Settings
from infra.smtp_catcher import MailStore
from infra.topics import create_topics
from schemas import topics, wire
from sinks.clickhouse.client import connect
from sinks.clickhouse.notices import Notices
from sinks.email.render import message_id
from tests.command import meterstream
from tests.servers import running_part, start_part, stop_part
from tests.sinks.samples import notice
from tests.sinks.smtp_server import Server, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


def send(settings: Settings, *values: bytes) -> None:
    create_topics(settings)
    producer = Producer(settings.kafka_client_config(quiet=True))
    for value in values:
        producer.produce(settings.topic(topics.NOTICES), value, b"a1", 0)
    assert producer.flush(30) == 0


def encoded(*numbers: int, **changes: Any) -> list[bytes]:
    return [wire.encode(notice(number, **changes)) for number in numbers]


def ids_in(settings: Settings) -> Counter[str]:
    return Counter(str(mail["Message-ID"]) for mail in MailStore(settings.mails_dir).mails())


def expected(settings: Settings, *numbers: int) -> Counter[str]:
    domain = settings.mail_from.rpartition("@")[2]
    return Counter(message_id([f"notice-{number}"], domain) for number in numbers)


def test_the_part_mails_what_the_worker_wrote_once_and_again_not_when_it_is_read_again(
    kafka_settings: Settings,
) -> None:
    send(kafka_settings, *encoded(1, 2, 1))

    with running_part(kafka_settings, "smtp"):
        with running_part(kafka_settings, "sink-email"):
            wait_until(lambda: ids_in(kafka_settings) == expected(kafka_settings, 1, 2), "both are caught")
        send(kafka_settings, *encoded(2, 3))
        with running_part(kafka_settings, "sink-email"):
            wait_until(
                lambda: ids_in(kafka_settings) == expected(kafka_settings, 1, 2, 3), "the third is caught"
            )

    mail = MailStore(kafka_settings.mails_dir).mails()[-1]
    assert (mail["To"], mail["Subject"]) == ("owner@example.com", "Low balance: $4.90 left")


def test_killed_again_and_again_the_part_loses_no_mail(kafka_settings: Settings) -> None:
    """At least once: what a server had accepted when the process died may come twice, under one Message-ID."""
    notices = [encoded(number, email=f"u{number}@example.com")[0] for number in range(150)]
    settings = kafka_settings
    send(settings, *notices)

    with running_part(settings, "smtp"):
        for share in (20, 60):
            part = start_part(settings, "sink-email")
            wait_until(lambda share=share: len(ids_in(settings)) >= share, "some are caught")  # type: ignore[misc]
            part.kill()
            part.wait()
        with running_part(settings, "sink-email"):
            wait_until(
                lambda: set(ids_in(settings)) == set(expected(settings, *range(150))), "all are caught"
            )

    doubled = sum(ids_in(settings).values()) - 150
    assert doubled <= 2 * settings.smtp_connections


@pytest.mark.clickhouse
def test_what_became_of_each_notice_can_be_asked_for(settings: Settings) -> None:
    handler = Server()
    handler.rcpt = {"nobody": ["550 no such mailbox <nobody@example.com>"]}
    migrate(settings)
    send(
        settings,
        *encoded(1),
        *encoded(
            2, email="nobody@example.com", type="data_deleted", values={"deleted": "2026-11-01T00:00:00.000Z"}
        ),
    )
    found = Notices(connect(settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database))

    def delivered() -> dict[str, list[str]]:
        return {row["id"]: [each["state"] for each in row["deliveries"]] for row in found.notices("a1")}

    with serving(handler, settings.smtp_port), running_part(settings, "sink-clickhouse"):
        part = start_part(settings, "sink-email")
        wait_until(lambda: delivered() == {"notice-1": ["sent"], "notice-2": ["refused"]}, "both are told")
        stop_part(part)

    (refused,) = found.notices("a1", undelivered=True)
    (delivery,) = refused["deliveries"]
    assert (refused["type"], delivery["target"], delivery["attempts"]) == (
        "data_deleted",
        "n***@example.com",
        1,
    )
    assert delivery["detail"] == "550 no such mailbox <n***@example.com>"
    assert [row["id"] for row in found.notices("a1", kind="low_balance")] == ["notice-1"]
    assert [row["id"] for row in found.notices("a1", limit=1)] == ["notice-2"]
    second = found.notices("a1", before=refused["time"], before_id=refused["id"])
    assert [row["id"] for row in second] == ["notice-1"]
    assert found.notices("nobody") == []
    shown = meterstream(settings, "notices", "a1", "--undelivered")
    assert shown.returncode == 0
    assert all(word in shown.stdout for word in ("data_deleted", "n***@example.com", "refused"))
    assert json.loads(meterstream(settings, "notices", "a1", "--json").stdout) == found.notices("a1")
    assert meterstream(settings, "notices", "a1", "--type", "spam").returncode == 2
    nobody = meterstream(settings, "notices", "nobody")
    assert (nobody.returncode, nobody.stderr) == (1, "meterstream: no account 'nobody' in this namespace\n")

    handler.rcpt = {}
    again = meterstream(settings, "notices", "resend", "--account", "a1")
    with (
        serving(handler, settings.smtp_port),
        running_part(settings, "sink-clickhouse"),
        running_part(settings, "sink-email"),
    ):
        wait_until(lambda: delivered()["notice-2"] == ["sent"], "the refused one has arrived")
    assert (again.returncode, again.stdout) == (0, "1 mails are in the queue\n")
    assert handler.recipients() == ["owner", "nobody"]

    log = (settings.data_dir / "sink-email.log").read_text()
    assert "@example.com" not in log


def test_a_second_mailer_on_one_directory_says_that_there_is_one(kafka_settings: Settings) -> None:
    create_topics(kafka_settings)

    with running_part(kafka_settings, "sink-email"), pytest.raises(AssertionError, match="another process"):
        start_part(kafka_settings, "sink-email")
