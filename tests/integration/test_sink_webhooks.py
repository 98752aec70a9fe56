"""The part `sink-webhooks` over a real broker and a real receiver: notices and commands arrive signed, and again on demand."""

import pytest
from confluent_kafka import Producer
from standardwebhooks.webhooks import Webhook

from infra.settings import Settings
from infra.topics import create_topics
from schemas import topics, wire
from tests.command import meterstream
from tests.servers import running_part
from tests.sinks.samples import notice
from tests.sinks.test_webhooks_out import SECRET, Receiver, command, receiving
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


def settings_for(settings: Settings, port: int) -> Settings:
    file = settings.data_dir / "hooks.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f'[[targets]]\nname = "ops"\nurl = "http://127.0.0.1:{port}/"\nsecrets = ["{SECRET}"]\nloopback = true\n'
    )
    return settings.model_copy(update={"webhooks_file": file})


def test_notices_and_commands_arrive_and_come_again_on_demand(kafka_settings: Settings) -> None:
    receiver = Receiver()
    with receiving(receiver) as port:
        settings = settings_for(kafka_settings, port)
        create_topics(settings)
        producer = Producer(settings.kafka_client_config(quiet=True))
        for topic, record in (
            (topics.NOTICES, notice(1)),
            (topics.NOTICES, notice(7_200)),
            (topics.COMMANDS, command(3)),
        ):
            producer.produce(settings.topic(topic), wire.encode(record), b"a1", 0)
        assert producer.flush(30) == 0
        with running_part(settings, "sink-webhooks"):
            wait_until(lambda: len(receiver.got) == 3, "all three arrive")
            again = meterstream(settings, "webhooks", "redeliver", "--since", "2026-11-01T03:00:00+02:00")
            wait_until(lambda: len(receiver.got) == 4, "the later one comes again")
            one = meterstream(settings, "webhooks", "redeliver", "--id", "command-3", "--target", "ops")
            wait_until(lambda: len(receiver.got) == 5, "the command comes again")
        none = meterstream(settings, "webhooks", "redeliver", "--id", "nothing")
        bad = meterstream(settings, "webhooks", "redeliver", "--since", "yesterday")

    assert sorted(receiver.ids()[:3]) == ["command-3", "notice-1", "notice-7200"]
    assert receiver.ids()[3:] == ["notice-7200", "command-3"]
    assert all(Webhook(SECRET).verify(body, headers) for headers, body in receiver.got)
    assert (again.stdout, one.stdout) == ("1 webhooks are in the queue\n", "1 webhooks are in the queue\n")
    assert (none.returncode, bad.returncode) == (1, 2)
    assert none.stderr.startswith("meterstream: no target wants")


def test_without_a_file_or_with_a_bad_one_the_part_says_so(kafka_settings: Settings) -> None:
    bad = settings_for(kafka_settings, 1)
    assert bad.webhooks_file is not None
    bad.webhooks_file.write_text('[[targets]]\nname = "ops"\nurl = "http://10.0.0.1/topsecret"\n')

    for settings, says in ((kafka_settings, "not set"), (bad, "secrets: at least one is needed")):
        with pytest.raises(AssertionError, match=says) as fault, running_part(settings, "sink-webhooks"):
            pass
        assert "topsecret" not in str(fault.value)
