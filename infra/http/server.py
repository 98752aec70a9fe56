"""Runs the HTTP service under uvicorn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

# Pages that watch charges hold a connection as long as they are open.
SHUTDOWN_S: Final = 3


def serve(app: FastAPI, host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serve `app` until told to stop by a signal; `on_ready` is called once it takes requests."""
    config = uvicorn.Config(
        app,
        host,
        port,
        log_level="warning",
        access_log=False,
        # X-Forwarded-* is what anybody may write: nothing here believes it.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    _Server(config, on_ready).run()


class _Server(uvicorn.Server):
    """Says when it takes requests."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()
