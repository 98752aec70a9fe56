"""ClickHouse's HTTP interface over the engine, on loopback only.

Serves what `curl`, clickhouse-connect, Grafana and BI tools send to a server: the statement in `query`
or in the body, data after it, compressed or not, parameters (`param_x`), settings, `database`, formats,
errors with status, code and text. Not served: sessions (settings last for one request), external tables,
ClickHouse's own block compression (`compress=1`), compressed responses.
"""

import asyncio
import hmac
import logging
import signal
import tempfile
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

from aiohttp import BasicAuth, web
from pydantic import SecretStr

from infra.clickhouse.encoding import BadEncodingError, Decoder
from infra.clickhouse.engine import Engine, EngineError, Request
from infra.clickhouse.reply import Reply
from infra.settings import is_loopback

log = logging.getLogger(__name__)

# Reads go on while inserts run; more threads than cores, because a slow reader of a long result holds one.
THREADS: Final = 12
BODY_BYTES_MAX: Final = 4 << 30
SPOOL_BYTES: Final = 8 << 20
# Parameters of the interface itself: everything else in the URL is a setting.
OWN_PARAMETERS: Final = frozenset(
    {"query", "database", "default_format", "query_id", "user", "password", "session_id", "session_timeout"}
    | {"session_check", "quota_key", "role", "compress", "decompress", "buffer_size", "wait_end_of_query"}
    | {"client_protocol_version", "enable_http_compression", "send_progress_in_http_headers"}
    | {"http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close"}
)


class RefusedError(Exception):
    """A request that does not reach the engine."""

    def __init__(self, status: int, code: int, name: str, message: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {message}. ({name})")
        self.status, self.code = status, code


class ClickHouseServer:
    """The HTTP face of an engine. One instance serves one engine, which it does not close."""

    def __init__(self, engine: Engine, *, user: str = "default", password: SecretStr | None = None) -> None:
        """With a `password`, requests must bring it and `user`; without, any user is let in."""
        self._engine = engine
        self._user, self._password = user, password.get_secret_value() if password else ""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="query")

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_get("/ping", self._ping)
        app.router.add_get("/replicas_status", self._ping)
        app.router.add_route("*", "/", self._serve)
        return app

    async def _ping(self, _: web.Request) -> web.Response:
        return web.Response(text="Ok.\n")

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        reply = Reply(http, http.query.get("query_id") or str(uuid.uuid4()))
        if http.method in {"GET", "HEAD"} and "query" not in http.query:
            return web.Response(text="Ok.\n")
        try:
            self._check_sender(http)
            with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as body:
                request = await _read_request(http, body)
                return await self._answer(request, reply)
        except RefusedError as refused:
            return reply.error(refused.status, refused.code, str(refused))

    async def _answer(self, request: Request, reply: Reply) -> web.StreamResponse:
        loop = asyncio.get_running_loop()
        try:
            with reply:
                outcome = await loop.run_in_executor(self._threads, self._engine.run, request, reply.take)
                return await reply.finish(outcome)
        except EngineError as error:
            return await reply.fail(error)
        except ConnectionError:
            # The client went away; the engine has stopped with it and there is nobody to tell.
            return reply.abandoned()

    def _check_sender(self, http: web.Request) -> None:
        """Only programs of this machine: a web page that a browser has open must not reach the engine."""
        host = urlsplit(f"//{http.host}").hostname or ""
        foreign_page = http.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}
        if not is_loopback(host) or foreign_page or not _is_local(http.headers.get("Origin", "")):
            raise RefusedError(403, 516, "AUTHENTICATION_FAILED", "Requests of other sites are refused")
        if self._password and not self._knows_password(http):
            raise RefusedError(
                403, 516, "AUTHENTICATION_FAILED", "Authentication failed: password is incorrect"
            )

    def _knows_password(self, http: web.Request) -> bool:
        user, password = http.query.get("user", "default"), http.query.get("password", "")
        if "X-ClickHouse-User" in http.headers:
            user, password = http.headers["X-ClickHouse-User"], http.headers.get("X-ClickHouse-Key", "")
        elif "Authorization" in http.headers:
            try:
                basic = BasicAuth.decode(http.headers["Authorization"])
            except ValueError:
                return False
            user, password = basic.login, basic.password
        right = hmac.compare_digest(password.encode(), self._password.encode())
        return right and user == self._user


def _is_local(origin: str) -> bool:
    return not origin or is_loopback(urlsplit(origin).hostname or "")


async def _read_request(http: web.Request, body: IO[bytes]) -> Request:
    values = dict(http.query)
    text = values.get("query", "").encode()
    if http.content_type == "multipart/form-data":
        form = await http.post()
        if any(not isinstance(value, str) for value in form.values()):
            raise RefusedError(501, 48, "NOT_IMPLEMENTED", "External data are not served here")
        values |= {name: str(value) for name, value in form.items()}
        body.write(values.get("query", "").encode())
    else:
        if text:
            body.write(text + b"\n")
        await _read_body(http, body)
    body.seek(0)
    if "1" in {values.get("compress"), values.get("decompress")}:
        raise RefusedError(501, 48, "NOT_IMPLEMENTED", "ClickHouse's block compression is not served here")
    return Request(
        body=body,
        settings={name: value for name, value in values.items() if _is_setting(name)},
        parameters={name[6:]: value for name, value in values.items() if name.startswith("param_")},
        database=values.get("database") or http.headers.get("X-ClickHouse-Database") or "",
        default_format=http.headers.get("X-ClickHouse-Format")
        or values.get("default_format")
        or "TabSeparated",
        read_only=http.method in {"GET", "HEAD"},
    )


def _is_setting(name: str) -> bool:
    return name not in OWN_PARAMETERS and not name.startswith("param_")


async def _read_body(http: web.Request, body: IO[bytes]) -> None:
    try:
        decoder = Decoder(http.headers.get("Content-Encoding", ""))
        async for piece in http.content.iter_chunked(1 << 16):
            body.write(decoder.feed(piece))
            if body.tell() > BODY_BYTES_MAX:
                raise RefusedError(
                    413, 307, "TOO_MANY_BYTES", f"The body is larger than {BODY_BYTES_MAX} bytes"
                )
        decoder.finish()
    except BadEncodingError as error:
        raise RefusedError(400, 89, "UNKNOWN_COMPRESSION_METHOD", str(error)) from None


async def serve(server: ClickHouseServer, host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serve on `host:port` until SIGTERM or SIGINT; calls `on_ready` when requests are taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Bodies are decompressed here: aiohttp knows no lz4 and stops after the first frame.
    runner = web.AppRunner(server.application(), auto_decompress=False, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    on_ready()
    await stop.wait()
    await runner.cleanup()


def run(
    path: Path,
    *,
    memory_mb: int,
    host: str,
    port: int,
    credentials: tuple[str, SecretStr],
    on_ready: Callable[[], None],
) -> None:
    """Open the engine at `path` and serve it until the process is told to stop."""
    user, password = credentials
    with Engine(path, memory_mb=memory_mb) as engine:
        asyncio.run(serve(ClickHouseServer(engine, user=user, password=password), host, port, on_ready))
