"""Errors of the command line: what a user can do something about is one line, everything else is a defect.

    CommandFailed          a known failure; printed as one line on stderr, exit code 1
    foreign_errors()       what the clients of Kafka, ClickHouse and HTTP raise when a server does not answer

Whatever else is raised is a defect and shows its traceback.
"""

import sys
from typing import Final

LINE_LENGTH_MAX: Final = 300

# Module, class, what the user is told. Looked up by name: importing them all would cost a second.
_FOREIGN: Final = (
    ("confluent_kafka", "KafkaException", "Kafka does not answer or refuses; is it up (meterstream status)?"),
    ("clickhouse_connect.driver.exceptions", "ClickHouseError", "ClickHouse does not answer or refuses:"),
    ("sinks.clickhouse.client", "ClickHouseError", "ClickHouse does not answer or refuses:"),
    ("httpx", "TransportError", "the HTTP service does not answer; is it up (meterstream status)?"),
)


class CommandFailed(Exception):
    """A run that could not be done, said in one line that tells what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def foreign_errors() -> tuple[type[Exception], ...]:
    """The error classes of the client libraries that this process has loaded."""
    return tuple(cls for cls, _ in _loaded())


def in_one_line(error: Exception) -> str:
    """What `error` tells a user: the first line of it, with a hint where it comes from a client library."""
    hint = next((f"{text} " for cls, text in _loaded() if isinstance(error, cls)), "")
    text = f"{hint}{_text(error)}"
    return text if len(text) <= LINE_LENGTH_MAX else f"{text[: LINE_LENGTH_MAX - 1]}…"


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if error.args and hasattr(error.args[0], "str"):
        # Kafka's words for a fault of its own; `str(error)` is made for its developers.
        return str(error.args[0].str())
    # Errors of the option parser know better than `str` what they want to say.
    formatted = error.format_message() if hasattr(error, "format_message") else str(error)
    # Pydantic, which reads their values, begins so.
    words = str(formatted).replace(": Value error, ", ": ")
    return " ".join(words.split()) or type(error).__name__


def _loaded() -> list[tuple[type[Exception], str]]:
    found = ((getattr(sys.modules.get(module), name, None), text) for module, name, text in _FOREIGN)
    return [(cls, text) for cls, text in found if cls is not None]
