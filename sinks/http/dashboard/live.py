"""Charges as they come, as server-sent events: what the worker has just written, a few times a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from sinks.http.access import READ, Reader
from sinks.http.accounts import Account
from sinks.http.dashboard.watchers import VIEWERS_MAX, Watcher, Watchers
from sinks.http.ports import Overloaded, Ports, Unavailable

router = APIRouter(include_in_schema=False)

EVERY_S: Final = 0.25
# Proxies cut a line that is silent; a comment keeps it.
ALIVE_S: Final = 15.0


@router.get("/v1/live", response_class=StreamingResponse)
async def live(request: Request, caller: Reader) -> StreamingResponse:
    """Charges of all accounts as they are written (`text/event-stream`): events `charges` with the latest, and `seen`,
    how many there were.
    """
    caller.check_all_accounts()
    return _stream(request, None)


@router.get("/v1/accounts/{account:path}/live", response_class=StreamingResponse, dependencies=[READ])
async def live_of_account(request: Request, account: Account) -> StreamingResponse:
    """Charges of one account as they are written, as for `/v1/live`."""
    return _stream(request, account)


def _stream(request: Request, account: str | None) -> StreamingResponse:
    ports: Ports = request.app.state.ports
    if ports.live is None:
        raise Unavailable("charges are not followed here")
    watcher = ports.live.watch(account)
    if watcher is None:
        raise Overloaded(f"{VIEWERS_MAX} pages are watching already")
    return StreamingResponse(_events(ports.live, watcher), media_type="text/event-stream")


async def _events(watchers: Watchers, watcher: Watcher) -> AsyncIterator[bytes]:
    quiet_s = 0.0
    try:
        yield b": here\n\n"
        while not watchers.is_closed:
            charges, seen = watcher.give()
            if charges:
                data = msgspec.json.encode({"charges": charges, "seen": seen})
                yield b"event: charges\ndata: " + data + b"\n\n"
                quiet_s = 0.0
            elif quiet_s >= ALIVE_S:
                yield b": still here\n\n"
                quiet_s = 0.0
            await asyncio.sleep(EVERY_S)
            quiet_s += EVERY_S
    finally:
        watchers.leave(watcher)
