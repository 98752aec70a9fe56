"""What is configured, and by which name: environment variables `METERSTREAM_…`, or the same in a `.env` file.

The one place that reads the environment; everything else is handed a `Settings`. Importing it costs
about 0.4 s (pydantic), so commands import it when they run, not when `--help` is printed.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.errors import CommandFailed
from schemas.profile import WhenUnknown
from schemas.records import NoticeType
from schemas.values import mailbox_of

ENV_PREFIX: Final = "METERSTREAM_"
MAIL_SECRET_LENGTH_MIN: Final = 16
LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "localhost", "::1"})
# Directories of the base parts lie beside those of the namespaces.
RESERVED_NAMESPACES: Final = frozenset({"base", "default", "kafka", "clickhouse", "mails"})


class Clock(StrEnum):
    """Where ticks come from: the wall clock, or the input alone."""

    WALL = "wall"
    EVENTS = "events"


class HttpAuth(StrEnum):
    """Who is asked for a token: everybody, or (auto) nobody where only this machine can reach the service."""

    AUTO = "auto"
    REQUIRED = "required"


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _empty_is_unset(value: object) -> object:
    """`NAME=` in a `.env` file means: not set."""
    return None if value == "" else value


Port = Annotated[int, Field(ge=1, le=65_535)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
OptionalPath = Annotated[AbsolutePath | None, BeforeValidator(_empty_is_unset)]
OptionalText = Annotated[str | None, BeforeValidator(_empty_is_unset)]
# As confluent-kafka's own type of a configuration.
KafkaConfig = dict[str, str | int | float | bool]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_unset)]


def _notice_types(text: str) -> str:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in {kind.value for kind in NoticeType}]:
        raise ValueError(
            f"{unknown[0]!r} is no type of notice; a list such as receipt,spend_digest is needed"
        )
    return ",".join(names)


NoticeTypes = Annotated[str, AfterValidator(_notice_types)]


class Settings(BaseSettings):
    """Every setting with its default; the defaults run the whole pipeline on this machine."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    namespace: str = ""
    data_dir: AbsolutePath = Field(default=Path(".meterstream"), validate_default=True)
    clock: Clock = Clock.WALL
    partitions: int = Field(default=4, ge=1, le=1_000)
    workers: int = Field(default=1, ge=1, le=64)
    checkpoint_ms: int = Field(default=250, ge=10, le=60_000)
    horizon_days: int = Field(default=35, ge=1, le=3_650)
    profiles_dir: OptionalPath = None
    start_timeout_s: int = Field(default=90, ge=1, le=3_600)

    kafka_bootstrap: str = "127.0.0.1:19092"
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_sasl_mechanism: OptionalText = None
    kafka_sasl_username: OptionalText = None
    kafka_sasl_password: OptionalSecret = None
    kafka_ssl_ca_location: OptionalPath = None
    kafka_replication: int = Field(default=1, ge=1, le=15)
    kafka_controller_port: Port = 19_093
    kafka_heap_mb: int = Field(default=512, ge=128)

    clickhouse_dsn: SecretStr = SecretStr("http://127.0.0.1:18123")
    clickhouse_database: str = ""
    clickhouse_memory_mb: int = Field(default=2_048, ge=256)

    smtp_host: str = "127.0.0.1"
    smtp_port: Port = 10_025
    smtp_username: OptionalText = None
    smtp_password: OptionalSecret = None
    smtp_tls: bool = False
    smtp_ca_location: OptionalPath = None
    smtp_connections: int = Field(default=4, ge=1, le=64)
    mail_from: str = "billing@meterstream.local"
    mail_secret: OptionalSecret = None
    mail_off: NoticeTypes = ""
    mail_per_hour: int = Field(default=60, ge=0, le=100_000)
    mail_give_up_days: float = Field(default=3.0, gt=0, le=30)
    public_url: str = ""

    webhooks_file: OptionalPath = None
    webhook_give_up_days: float = Field(default=3.0, gt=0, le=30)

    http_host: str = "127.0.0.1"
    http_port: Port = 18_080
    http_auth: HttpAuth = HttpAuth.AUTO
    http_refusals_per_minute: int = Field(default=600, ge=0)
    # What counts requests for several gates together; each by itself without.
    redis_url: OptionalSecret = None
    gate_stale_s: int = Field(default=60, ge=2, le=86_400)
    gate_unknown_key: WhenUnknown = WhenUnknown.FAIL_CLOSED
    stripe_webhook_secret: OptionalSecret = None
    stripe_api_key: OptionalSecret = None
    stripe_api_base: str = "https://api.stripe.com"

    start_kafka: bool = True
    start_clickhouse: bool = True
    start_smtp: bool = True

    @field_validator("namespace")
    @classmethod
    def _namespace_is_a_name(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", value):
            raise ValueError("a letter, then letters, digits, - and _ only, at most 64")
        if value.lower() in RESERVED_NAMESPACES:
            raise ValueError(f"{value!r} is taken by the base services; choose another name")
        return value

    @field_validator("kafka_bootstrap")
    @classmethod
    def _bootstrap_names_ports(cls, value: str) -> str:
        if not all(re.fullmatch(r"[^\s,]+:\d{1,5}", server) for server in value.split(",")):
            raise ValueError("must be host:port[,host:port…]")
        return value

    @field_validator("public_url")
    @classmethod
    def _public_url_is_https(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("must be https://host[:port][/path]")
        return value.rstrip("/")

    @field_validator("mail_from")
    @classmethod
    def _mail_from_is_a_mailbox(cls, value: str) -> str:
        return mailbox_of(value)

    @field_validator("mail_secret")
    @classmethod
    def _mail_secret_is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < MAIL_SECRET_LENGTH_MIN:
            raise ValueError(f"at least {MAIL_SECRET_LENGTH_MIN} characters are needed")
        return value

    @field_validator("clickhouse_dsn")
    @classmethod
    def _dsn_is_http(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            # The value is not repeated: it may hold a password.
            raise ValueError("must be http[s]://[user:password@]host[:port]")
        return value

    @field_validator("stripe_api_base")
    @classmethod
    def _stripe_is_asked_in_private(cls, value: str) -> str:
        parts = urlsplit(value)
        is_local = parts.scheme == "http" and is_loopback(parts.hostname or "")
        if not (is_local or (parts.scheme == "https" and parts.hostname)):
            raise ValueError("must be https://host, or http:// on this machine: the API key travels with it")
        return value.rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def _redis_is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in {"redis", "rediss"}:
            # The value is not repeated: it may hold a password.
            raise ValueError("must be redis[s]://[[user]:password@]host[:port][/database]")
        return value

    @field_validator("clickhouse_database")
    @classmethod
    def _database_is_an_identifier(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", value):
            raise ValueError("letters, digits and _ only")
        return value

    def model_post_init(self, _context: object) -> None:
        if not self.clickhouse_database:
            object.__setattr__(self, "clickhouse_database", _database_of(self.namespace))

    def topic(self, name: str) -> str:
        """The name of topic `name` in this namespace."""
        return f"{self.namespace}.{name}" if self.namespace else name

    def group(self, name: str) -> str:
        """The name of consumer group (or transactional id) `name` in this namespace."""
        return self.topic(name)

    @property
    def state_dir(self) -> Path:
        """Where this namespace keeps its files."""
        return self.data_dir / (self.namespace or "default")

    @property
    def base_dir(self) -> Path:
        """Where the supervisor of the parts shared by all namespaces keeps its files."""
        return self.data_dir / "base"

    @property
    def mails_dir(self) -> Path:
        """Where the SMTP catcher stores mails."""
        return self.data_dir / "mails"

    @property
    def clickhouse_host(self) -> str:
        """Host of the DSN."""
        return urlsplit(self.clickhouse_dsn.get_secret_value()).hostname or ""

    @property
    def clickhouse_port(self) -> int:
        """Port of the DSN; 8123 (8443 for https) where it names none, as ClickHouse has it."""
        parts = urlsplit(self.clickhouse_dsn.get_secret_value())
        return parts.port or (8443 if parts.scheme == "https" else 8123)

    @property
    def clickhouse_url(self) -> str:
        """The DSN without user and password: this one may be printed."""
        scheme = urlsplit(self.clickhouse_dsn.get_secret_value()).scheme
        return f"{scheme}://{self.clickhouse_host}:{self.clickhouse_port}"

    @property
    def clickhouse_credentials(self) -> tuple[str, SecretStr]:
        """User and password of the DSN, both unquoted; `default` and empty where it names none."""
        parts = urlsplit(self.clickhouse_dsn.get_secret_value())
        return unquote(parts.username or "default"), SecretStr(unquote(parts.password or ""))

    @property
    def stripe_webhook_secrets(self) -> list[str]:
        """The signing secrets in force; several, parted by commas, while one is exchanged for another."""
        text = self.stripe_webhook_secret.get_secret_value() if self.stripe_webhook_secret else ""
        return [secret for part in text.split(",") if (secret := part.strip())]

    def kafka_client_config(self, *, quiet: bool = False) -> KafkaConfig:
        """What every confluent-kafka client of ours needs to reach the brokers; the caller may add to it.

        `quiet` is for commands: librdkafka then prints nothing, the failed call is what is reported.
        """
        config: KafkaConfig = {
            "bootstrap.servers": self.kafka_bootstrap,
            "security.protocol": self.kafka_security_protocol,
        }
        password = self.kafka_sasl_password.get_secret_value() if self.kafka_sasl_password else None
        optional = {
            "sasl.mechanism": self.kafka_sasl_mechanism,
            "sasl.username": self.kafka_sasl_username,
            "sasl.password": password,
            "ssl.ca.location": str(self.kafka_ssl_ca_location) if self.kafka_ssl_ca_location else None,
        }
        config.update({name: value for name, value in optional.items() if value is not None})
        if quiet:
            config["log_level"] = 0
        return config

    def to_env(self) -> dict[str, str]:
        """The variables that give another process these very settings, secrets included."""
        env = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            env[f"{ENV_PREFIX}{name.upper()}"] = "" if value is None else str(value)
        return env


def _database_of(namespace: str) -> str:
    return f"{namespace}_meterstream".replace("-", "_") if namespace else "meterstream"


def is_loopback(host: str) -> bool:
    """True where `host` is this machine and no other can reach it."""
    return host.strip("[]") in LOOPBACK_HOSTS


def load_settings() -> Settings:
    """Settings of the environment and `.env`.

    Raises `CommandFailed` with one line that names the first bad variable and never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        name = "".join(str(part) for part in first["loc"][:1]).upper()
        reason = first["msg"].removeprefix("Value error, ")
        raise CommandFailed(f"{ENV_PREFIX}{name}: {reason}") from None
