"""Calls an application as a client does, without a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI

from sinks.http.app import create_app
from sinks.http.ports import Ports


def call(app: FastAPI, method: str, path: str, **request: Any) -> httpx.Response:
    """The answer of `app` to one request; `request` as for httpx."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.request(method, path, **request)

    return asyncio.run(ask())


class Caller:
    """One application, called again and again."""

    def __init__(self, ports: Ports) -> None:
        self.app = create_app(ports)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET with these headers."""
        return call(self.app, "GET", path, headers=headers)

    def post(self, path: str, content: bytes = b"", **headers: str) -> httpx.Response:
        """POST of a body with these headers (an underscore stands for a hyphen)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return call(self.app, "POST", path, content=content, headers=named)


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, type and message of an error, having seen that it has the one form."""
    body = answer.json()["error"]
    assert sorted(body) == ["code", "message", "type"]
    assert body["code"] == str(answer.status_code)
    return answer.status_code, body["type"], body["message"]
