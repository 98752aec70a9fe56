"""What is posted: a record as Standard Webhooks have it, or as a line of text for Slack and its like. Pure.

The owner's address is in neither: a receiver that needs it knows the account.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from schemas.topics import COMMANDS, NOTICES
from schemas.wire import encode
from sinks.webhooks.targets import Form

KINDS: Final = {NOTICES: "notice", COMMANDS: "command"}
TEXT_LENGTH_MAX: Final = 3_000
_HIDDEN: Final = frozenset({"email"})
# What a line of Slack's begins with already.
_SAID: Final = frozenset({"id", "account", "cause", "type", "time", "values", "resource", "locale", "zone"})


def body_of(form: Form, topic: str, value: bytes) -> bytes:
    """The body that tells the record `value` of `topic`."""
    record = {
        name: each
        for name, each in msgspec.json.decode(value, type=dict[str, Any]).items()
        if name not in _HIDDEN
    }
    if form is Form.SLACK:
        return encode({"text": _text(record)})
    return encode({"type": f"{KINDS[topic]}.{record['type']}", "timestamp": record["time"], "data": record})


def _text(record: dict[str, Any]) -> str:
    head = f"*{_escaped(record['type'])}* account {_escaped(record['account'])}"
    about = f", {_escaped(record['resource'])}" if record.get("resource") else ""
    rest = ", ".join(f"{_escaped(name)} {_escaped(value)}" for name, value in _values(record))
    return f"{head}{about} at {record['time']}{': ' if rest else ''}{rest}"[:TEXT_LENGTH_MAX]


def _values(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from (record.get("values") or {}).items()
    yield from ((name, str(value)) for name, value in record.items() if name not in _SAID)


def _escaped(text: str) -> str:
    """As Slack asks: these three mean something to it, such as a link or a mention of everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
