"""What stands before every route: names, origins, the size and pace of bodies; and headers on every answer.

Plain ASGI: a request passes it in a few microseconds, and an answer that streams keeps streaming.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sinks.http.errors import error
from sinks.http.headers import SECURITY_HEADERS

BODY_BYTES_MAX: Final = 2 * 1_048_576
BODY_S_MAX: Final = 30.0
# What is read and thrown away of a body that is too large, so that its sender hears why; then the line is cut.
DRAINED_BYTES_MAX: Final = 8 * BODY_BYTES_MAX
READING_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]

Count = Callable[[str, int], None]


class Guard:
    """Wraps the application. `hosts`: the names by which it may be called, any where empty; `count` is told each answer."""

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str], count: Count) -> None:
        self._app = app
        self._hosts = hosts
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in _HEADERS if h[0] not in given)]
            await send(message)

        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, answer)
            else:
                await self._app(scope, _Body(receive, scope).receive, answer)
        finally:
            self._count(getattr(scope.get("route"), "path", "unmatched"), status)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why the request is not even looked at, or None."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if self._hosts and _name_of(f"//{host}") not in self._hosts:
            # A page of another site that had its name point here reads nothing.
            return error(403, "this service answers to its own names only")
        if scope["method"] not in READING_METHODS and _is_of_another_site(headers, host):
            return error(403, "requests that change something are not taken from pages of other sites")
        return None


def _is_of_another_site(headers: dict[bytes, bytes], host: str) -> bool:
    """Whether a browser sends this for a page of another site, with what it adds by itself: nothing, or a password.

    A bearer token it does not add by itself: whoever sends one knows it.
    """
    origin = headers.get(b"origin")
    if origin is None or headers.get(b"authorization", b"")[:7].lower() == b"bearer ":
        return False
    return origin.decode("latin-1").partition("://")[2].lower() != host.lower()


def _name_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class _Body:
    """Hands a body on, up to its limits of size and time; then raises what becomes 413 or 408."""

    def __init__(self, receive: Receive, scope: Scope) -> None:
        self._receive = receive
        self._declared = _declared_length(scope)
        self._bytes = 0
        self._deadline_s: float | None = None
        self._is_whole = False

    async def receive(self) -> Message:
        if self._is_whole:
            return await self._receive()
        message = await self._next()
        self._bytes += len(message.get("body", b""))
        if max(self._bytes, self._declared) > BODY_BYTES_MAX:
            await self._drain(message)
            raise HTTPException(
                413, f"the body is larger than {BODY_BYTES_MAX} bytes: send less at once", _CLOSE
            )
        self._is_whole = not message.get("more_body", False)
        return message

    async def _next(self) -> Message:
        if self._deadline_s is None:
            self._deadline_s = asyncio.get_running_loop().time() + BODY_S_MAX
        try:
            async with asyncio.timeout_at(self._deadline_s):
                return await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"the body did not come within {BODY_S_MAX:g} s", _CLOSE) from None

    async def _drain(self, message: Message) -> None:
        while message.get("more_body", False) and self._bytes <= DRAINED_BYTES_MAX:
            message = await self._next()
            self._bytes += len(message.get("body", b""))


_CLOSE: Final = {"Connection": "close"}


def _declared_length(scope: Scope) -> int:
    declared: Any = dict(scope["headers"]).get(b"content-length", b"0")
    return int(declared) if declared.isdigit() else 0
