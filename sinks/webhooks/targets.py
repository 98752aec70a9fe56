"""Who gets webhooks: a TOML file with a table ``[[targets]]`` for each receiver.

The file holds secrets: no error of ours repeats a value of it.
"""

from __future__ import annotations

import base64
import binascii
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from schemas.records import CommandType, NoticeType
from schemas.topics import COMMANDS, NOTICES
from sinks.webhooks.guard import LOOPBACK_NAMES, PORTS

SCHEME: Final = "whsec_"
# Bounds of the Standard Webhooks specification, in bytes.
SECRET_BYTES: Final = (24, 64)


class TargetsFault(ValueError):
    """A file of targets that cannot be used; the text names file, target and key, never a value."""


class Form(StrEnum):
    """What is posted: the record as Standard Webhooks have it, or a line of text as Slack takes it."""

    STANDARD = "standard"
    SLACK = "slack"


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        raw = base64.b64decode(text.removeprefix(SCHEME) + "==")
    except binascii.Error:
        raise ValueError("whsec_ and base64 are needed") from None
    if not text.startswith(SCHEME) or not SECRET_BYTES[0] <= len(raw) <= SECRET_BYTES[1]:
        raise ValueError(f"whsec_ and base64 of {SECRET_BYTES[0]} to {SECRET_BYTES[1]} bytes are needed")
    return value


def _topic(value: str) -> str:
    if value not in {NOTICES, COMMANDS}:
        raise ValueError(f"{NOTICES} or {COMMANDS} is needed")
    return value


def _type(value: str) -> str:
    if value not in {*NoticeType, *CommandType}:
        raise ValueError("a type of a notice or a command is needed")
    return value


class Target(BaseModel):
    """One receiver. Empty `types` or `accounts`: all. Each of `secrets` signs, so that one can follow another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")
    url: SecretStr
    secrets: tuple[Annotated[SecretStr, AfterValidator(_secret)], ...] = ()
    topics: tuple[Annotated[str, AfterValidator(_topic)], ...] = (NOTICES, COMMANDS)
    types: frozenset[Annotated[str, AfterValidator(_type)]] = frozenset()
    accounts: frozenset[str] = frozenset()
    form: Form = Form.STANDARD
    loopback: bool = False
    timeout_s: float = Field(default=10.0, gt=0, le=60)
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _usable(self) -> Target:
        if self.form is Form.STANDARD and not self.secrets:
            raise ValueError("secrets: at least one is needed, as receivers check who it is from")
        parts = urlsplit(self.url.get_secret_value())
        is_local = self.loopback and parts.hostname in LOOPBACK_NAMES
        if parts.scheme != "https" and not (is_local and parts.scheme == "http"):
            raise ValueError("url: https:// is needed; http:// goes to loopback only, with loopback = true")
        if not parts.hostname or parts.username or parts.password or parts.fragment:
            raise ValueError("url: a host is needed, and neither user nor password nor fragment")
        if not is_local and (parts.port or 443) not in PORTS:
            raise ValueError(f"url: port {' or '.join(map(str, sorted(PORTS)))} is needed")
        return self

    def wants(self, topic: str, kind: str, account: str) -> bool:
        """Whether this receiver gets a record of `topic` and type `kind` about `account`."""
        return (
            topic in self.topics
            and (not self.types or kind in self.types)
            and (not self.accounts or account in self.accounts)
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    targets: tuple[Target, ...] = Field(min_length=1)


def load_targets(path: Path) -> tuple[Target, ...]:
    """The targets of the file at `path`; raises `TargetsFault`."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TargetsFault(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise TargetsFault(f"{path}: not TOML") from None
    try:
        targets = _File.model_validate(document).targets
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise TargetsFault("; ".join(f"{path}: {_told(fault)}" for fault in faults)) from None
    names = [target.name for target in targets]
    if len(set(names)) < len(names):
        raise TargetsFault(f"{path}: two targets have one name")
    return targets


def _told(fault: object) -> str:
    assert isinstance(fault, dict)  # noqa: S101 - pydantic's own form
    key = ".".join(str(part) for part in fault["loc"])
    return f"{key}: {str(fault['msg']).removeprefix('Value error, ')}"
