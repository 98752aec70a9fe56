"""One HTTP answer as ClickHouse gives it: whole when it is small or asked for so, streamed otherwise.

The engine runs in a thread and hands over pieces; the event loop writes them. A piece is taken when the
one before is written, so a slow reader slows the engine down and fills no memory.
"""

import asyncio
import json
import tempfile
import time
from types import TracebackType
from typing import Final, Self

from aiohttp import web

from infra.clickhouse.engine import EngineError, Outcome

SPOOL_BYTES: Final = 8 << 20
WRITE_TIMEOUT_S: Final = 120
EXCEPTION_TAG: Final = "meterstreamerror"

# As ClickHouse's HTTP handler has it (exceptionCodeToHTTPStatus); everything else is 500.
_STATUS: Final = (
    (400, {6, 7, 26, 27, 36, 38, 41, 53, 62, 69, 70, 72, 117, 168, 223, 456, 457}),
    (403, {192, 193, 291, 497, 516}),
    (404, {46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336, 511}),
    (408, {159}),
    (413, {229, 307}),
    (501, {48}),
    (503, {202, 439, 745}),
)
STATUS_OF_CODE: Final = {code: status for status, codes in _STATUS for code in codes}

_CONTENT_TYPES: Final = {
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparatedWithNames": "text/tab-separated-values; charset=UTF-8",
}
_BINARY_FORMATS: Final = frozenset({"Native", "RowBinary", "Arrow", "ArrowStream", "Parquet", "ORC", "Avro"})


class Reply:
    """The answer to one request. `take` is for the engine's thread, everything else for the event loop."""

    def __init__(self, http: web.Request, query_id: str) -> None:
        self._http = http
        self._query_id = query_id
        self._loop = asyncio.get_running_loop()
        self._started_s = time.monotonic()
        self._whole = http.query.get("wait_end_of_query") == "1"
        self._kept = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed by __exit__
        self._response: web.StreamResponse | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kept.close()

    def take(self, piece: bytes) -> None:
        """Accept the next piece of the result; returns when it is written or kept.

        Raises `ConnectionError` when the client is gone.
        """
        # The first pieces are kept: an error that comes at once still has a status to itself.
        if self._whole or (self._response is None and self._kept.tell() + len(piece) < SPOOL_BYTES):
            self._kept.write(piece)
            return
        writing = asyncio.run_coroutine_threadsafe(self._stream(piece), self._loop)
        try:
            writing.result(WRITE_TIMEOUT_S)
        except TimeoutError:
            writing.cancel()
            raise ConnectionResetError("the reader stands still") from None

    async def finish(self, outcome: Outcome) -> web.StreamResponse:
        """The end of a result."""
        if self._response is None:
            self._response = web.StreamResponse(headers=self._headers(outcome))
            self._response.content_length = self._kept.tell()
            await self._response.prepare(self._http)
            await self._write_kept(self._response)
        await self._response.write_eof()
        return self._response

    async def fail(self, error: EngineError) -> web.StreamResponse:
        """The end of a statement that failed: an error of its own, or a mark in a result that is on its way."""
        if self._response is None:
            return self.error(STATUS_OF_CODE.get(error.code, 500), error.code, str(error))
        text = str(error).encode()
        tag = EXCEPTION_TAG.encode()
        mark = b"\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n" % (tag, text, len(text), tag)
        await self._response.write(mark)
        # Cut, not ended: no client may take what came for the whole.
        return self.abandoned()

    def abandoned(self) -> web.StreamResponse:
        """Close the connection without an end."""
        if self._http.transport is not None:
            self._http.transport.close()
        return self._response or web.Response(status=500)

    def error(self, status: int, code: int, text: str) -> web.Response:
        """An error as ClickHouse gives it."""
        headers = {"X-ClickHouse-Exception-Code": str(code), "X-ClickHouse-Query-Id": self._query_id}
        return web.Response(status=status, text=f"{text}\n", headers=headers)

    async def _stream(self, piece: bytes) -> None:
        if self._response is None:
            self._response = web.StreamResponse(headers=self._headers(None))
            self._response.enable_chunked_encoding()
            await self._response.prepare(self._http)
            await self._write_kept(self._response)
        await self._response.write(piece)

    async def _write_kept(self, response: web.StreamResponse) -> None:
        self._kept.seek(0)
        while piece := self._kept.read(1 << 20):
            await response.write(piece)

    def _headers(self, outcome: Outcome | None) -> dict[str, str]:
        headers = {
            "X-ClickHouse-Query-Id": self._query_id,
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Server-Display-Name": "meterstream-chdb",
            "X-ClickHouse-Exception-Tag": EXCEPTION_TAG,
            "Content-Type": "text/plain; charset=UTF-8",
        }
        if outcome is None:
            return headers
        elapsed_ns = int((time.monotonic() - self._started_s) * 1e9)
        names = ("read_rows", "read_bytes", "written_rows", "written_bytes", "result_rows")
        summary = {name: str(getattr(outcome, name)) for name in names} | {"elapsed_ns": str(elapsed_ns)}
        headers["X-ClickHouse-Summary"] = json.dumps(summary)
        if outcome.format:
            headers["X-ClickHouse-Format"] = outcome.format
            binary = outcome.format in _BINARY_FORMATS
            kind = "application/octet-stream" if binary else "text/plain; charset=UTF-8"
            headers["Content-Type"] = _CONTENT_TYPES.get(outcome.format, kind)
        return headers
