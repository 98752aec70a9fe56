"""The engine of chDB, as a server has it: one data directory, many requests at a time.

Promises: every request runs on a connection of its own, so settings, database and parameters of one
never reach the next (a connection costs 0.5 ms); memory is bounded for the whole engine; what an insert
acknowledged survives `kill -9` of the process (not the loss of power: data are not fsynced).

chDB's own rules: one process owns a path, one path belongs to a process, connections are independent.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from infra.clickhouse.statement import DataInsert, Rows, StatementRefusedError, read_statement
from infra.errors import CommandFailed

# ClickHouse reads a statement's text up to this size (max_query_size); data after it may be longer.
STATEMENT_BYTES_MAX: Final = 262_144
CHUNK_BYTES: Final = 1 << 20
MARK_CACHE_BYTES: Final = 128 << 20
_SETTING_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Sink = Callable[[bytes], None]


class EngineError(Exception):
    """What the engine refused, in ClickHouse's words: `Code: N. DB::Exception: …`."""

    @property
    def code(self) -> int:
        """ClickHouse's error code; 1002 (unknown exception) where the text has none."""
        match = re.search(r"Code: (\d+)\.", str(self))
        return int(match[1]) if match else 1002


@dataclass
class Request:
    """One statement with all that belongs to it. `body` holds the statement's text, and its data after it."""

    body: IO[bytes]
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    database: str = ""
    default_format: str = "TabSeparated"
    read_only: bool = False


@dataclass
class Outcome:
    """What a statement did: the format of its rows (None where it gives none) and its counts."""

    format: str | None = None
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0


class Engine:
    """The open engine; closing it ends the use of its directory."""

    def __init__(self, path: Path, *, memory_mb: int) -> None:
        """Open (or make) the data at `path`.

        Raises `CommandFailed` where another process owns it or it cannot be opened.
        """
        # DateTime without a zone means UTC, whatever the machine is set to; read by the engine as it loads.
        os.environ["TZ"] = "UTC"
        import chdb

        if set("?&") & set(str(path)):
            raise CommandFailed(f"the directory {path} has a ? or & in its name, which chDB cannot open")
        self._connect: Callable[[str], Any] = chdb.connect  # chDB ships no types
        self._errors = (chdb.ChdbError, RuntimeError)
        self._path = str(path)
        limits = f"max_server_memory_usage={memory_mb << 20}&mark_cache_size={MARK_CACHE_BYTES}"
        try:
            # Held open: the engine ends with its last connection.
            self._held = self._connect(f"{self._path}?{limits}")
        except self._errors as error:
            raise CommandFailed(f"the ClickHouse engine cannot open {path}: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def run(self, request: Request, sink: Sink) -> Outcome:
        """Run the statement; its rows go to `sink` in order, in pieces of any size.

        Raises `EngineError`; rows already given to `sink` are then not the whole result.
        """
        text = request.body.read(STATEMENT_BYTES_MAX)
        try:
            statement = read_statement(text)
            connection = self._connect(self._path)
            try:
                _prepare(connection, request)
                if isinstance(statement, DataInsert):
                    return _insert(connection, statement, text[statement.data_start :], request)
                return _query(connection, statement, text + request.body.read(), request, sink)
            finally:
                connection.close()
        except (StatementRefusedError, *self._errors) as error:
            raise EngineError(_cleaned(str(error))) from None


def quote(value: str) -> str:
    """`value` as a string literal of ClickHouse: nothing in it can end the literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def _prepare(connection: Any, request: Request) -> None:
    if request.database:
        name = request.database.replace("\\", "\\\\").replace("`", "\\`")
        connection.query(f"USE `{name}`")
    assigned = [f"{_checked(name)} = {quote(value)}" for name, value in request.settings.items()]
    assigned += [f"param_{_checked(name)} = {quote(value)}" for name, value in request.parameters.items()]
    if request.read_only and "readonly" not in request.settings:
        # As ClickHouse does for GET: no writes, but settings may be changed.
        assigned.append("readonly = '2'")
    if assigned:
        connection.query("SET " + ", ".join(assigned))


def _checked(name: str) -> str:
    if not _SETTING_NAME.fullmatch(name):
        raise StatementRefusedError(115, "UNKNOWN_SETTING", f"Unknown setting {quote(name)}")
    return name


def _insert(connection: Any, statement: DataInsert, first: bytes, request: Request) -> Outcome:
    if request.read_only:
        raise StatementRefusedError(164, "READONLY", "Cannot execute query in readonly mode")
    with connection.send_insert(statement.head.decode(), statement.format) as inserter:
        piece = first
        while piece:
            inserter.append(piece)
            piece = request.body.read(CHUNK_BYTES)
        # Without the body's rest nothing is committed: leaving the block early cancels the insert.
        done = inserter.finish()
    return Outcome(written_rows=done.rows_written, written_bytes=done.bytes_written)


def _query(connection: Any, statement: Rows, text: bytes, request: Request, sink: Sink) -> Outcome:
    if len(text) > STATEMENT_BYTES_MAX:
        # Only its beginning was looked at; the rest may not hold a second statement.
        read_statement(text)
    try:
        sql = text.decode()
    except UnicodeDecodeError:
        raise StatementRefusedError(62, "SYNTAX_ERROR", "The statement is not UTF-8") from None
    if statement.streams_as(request.default_format):
        return _stream(connection, statement, sql, request, sink)
    result = connection.query(sql, request.default_format)
    sink(result.bytes())
    return Outcome(
        format=_format(statement, request),
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
    )


def _stream(connection: Any, statement: Rows, sql: str, request: Request, sink: Sink) -> Outcome:
    outcome = Outcome(format=_format(statement, request))
    with connection.send_query(sql, request.default_format) as chunks:
        for chunk in chunks:
            outcome.result_rows += chunk.rows_read()
            outcome.read_rows = max(outcome.read_rows, chunk.storage_rows_read())
            outcome.read_bytes = max(outcome.read_bytes, chunk.storage_bytes_read())
            sink(chunk.bytes())
    return outcome


def _format(statement: Rows, request: Request) -> str | None:
    return (statement.format or request.default_format) if statement.returns_rows else None


def _cleaned(message: str) -> str:
    """The engine's message without the words that chDB puts before it."""
    start = message.find("Code: ")
    return message[start:].rstrip() if start >= 0 else f"Code: 1002. DB::Exception: {message}"
