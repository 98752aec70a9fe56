"""Settings: defaults that run on this machine, names by namespace, bad values in one line, no secret in print."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from infra.errors import CommandFailed
from infra.settings import ENV_PREFIX, Settings, load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def clean_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_namespace_prefixes_topics_groups_database_and_directory(tmp_path: Path) -> None:
    settings = Settings(namespace="demo-1")

    assert settings.topic("usage.events") == "demo-1.usage.events"
    assert settings.group("ingest") == "demo-1.ingest"
    assert settings.clickhouse_database == "demo_1_meterstream"
    assert settings.state_dir == tmp_path / ".meterstream" / "demo-1"


def test_without_a_namespace_names_are_plain(tmp_path: Path) -> None:
    settings = Settings()

    assert settings.topic("usage.events") == "usage.events"
    assert settings.clickhouse_database == "meterstream"
    assert settings.state_dir == tmp_path / ".meterstream" / "default"


def test_a_dotenv_file_is_read_and_the_environment_comes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("METERSTREAM_HTTP_PORT=1111\nMETERSTREAM_SMTP_PORT=2222\nOTHER=1\n")
    monkeypatch.setenv("METERSTREAM_SMTP_PORT", "3333")

    settings = load_settings()

    assert (settings.http_port, settings.smtp_port) == (1111, 3333)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("NAMESPACE", "a.b", "letters, digits"),
        ("NAMESPACE", "kafka", "taken"),
        ("HTTP_PORT", "70000", "65535"),
        ("PARTITIONS", "many", "integer"),
        ("CLOCK", "moon", "'wall' or 'events'"),
        ("CLICKHOUSE_DSN", "tcp://u:topsecret@h", "http"),
        ("CLICKHOUSE_DATABASE", "a; drop", "letters"),
        ("KAFKA_BOOTSTRAP", "nowhere", "host:port"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable_and_hides_the_value(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{ENV_PREFIX}{name}", value)

    with pytest.raises(CommandFailed) as failed:
        load_settings()

    assert str(failed.value).startswith(f"{ENV_PREFIX}{name}: ")
    assert says in str(failed.value)
    assert "topsecret" not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_secrets_are_not_in_the_printed_form() -> None:
    settings = Settings(
        clickhouse_dsn=SecretStr("http://me:hunter2@db:8123"),
        smtp_password=SecretStr("hunter2"),
        kafka_sasl_password=SecretStr("hunter2"),
        stripe_webhook_secret=SecretStr("hunter2"),
    )

    assert "hunter2" not in repr(settings) + str(settings) + settings.clickhouse_url
    assert settings.clickhouse_url == "http://db:8123"
    assert settings.clickhouse_credentials == ("me", SecretStr("hunter2"))


def test_the_environment_for_another_process_gives_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        namespace="x",
        profiles_dir=Path("/p"),
        smtp_password=SecretStr("s"),
        clickhouse_dsn=SecretStr("http://u:p@127.0.0.1:1"),
        start_smtp=False,
    )
    for name, value in settings.to_env().items():
        monkeypatch.setenv(name, value)

    assert load_settings() == settings


def test_kafka_clients_get_tls_and_sasl_only_when_set() -> None:
    plain = Settings().kafka_client_config()
    secure = Settings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="u",
        kafka_sasl_password=SecretStr("p"),
        kafka_ssl_ca_location=Path("/ca.pem"),
    ).kafka_client_config()

    assert plain == {"bootstrap.servers": "127.0.0.1:19092", "security.protocol": "PLAINTEXT"}
    assert secure["sasl.password"] == "p"
    assert secure["ssl.ca.location"] == "/ca.pem"


def test_the_example_file_shows_every_setting_with_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    shown = dict(re.findall(r"^#(METERSTREAM_\w+)=(.*)$", "\n".join(lines), re.MULTILINE))

    assert set(shown) == {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name, value in shown.items():
        monkeypatch.setenv(name, value)
    with_example = load_settings()
    assert with_example == Settings(_env_file=None)
