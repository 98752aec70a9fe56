"""The real HTTP application on a real socket, in this process, over a sink that keeps events; it can go away and come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import uvicorn

from schemas.envelope import OutgoingEvent
from sinks.http.app import create_app
from sinks.http.gate.gate import Gate
from sinks.http.ports import Overloaded, Ports
from tests.servers import free_port
from tests.sinks.test_http import FakeReports
from tests.waiting import wait_until


class SomeEvents:
    """A fake of `EventSink` that keeps events, after it has refused the first `refuses` requests."""

    def __init__(self, refuses: int = 0) -> None:
        self.kept: list[bytes] = []
        self.requests = 0
        self._refuses = refuses

    async def send(self, events: Sequence[OutgoingEvent]) -> None:
        self.requests += 1
        if self.requests <= self._refuses:
            raise Overloaded("not now")
        self.kept += [event.raw for event in events]


class Serving:
    """The application on a port of its own, while the block lasts or until stopped."""

    def __init__(self, sink: SomeEvents, port: int | None = None, gate: Gate | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        app = create_app(Ports(FakeReports, events=sink, gate=gate))
        self._server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", self.port, log_level="error"))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started, "the service takes requests")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
