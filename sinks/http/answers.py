"""Answers that may be asked for again: with an ETag, so that what has not changed is not sent twice."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from sinks.http.ports import Row

# A copy may be kept by who asked and must be checked before it is shown: balances move.
CACHE_CONTROL: Final = "private, no-cache"


def tagged(request: Request, body: Row) -> Response:
    """`body` as JSON with an ETag of its bytes; 304 without it where the client has just that."""
    answer = JSONResponse(body)
    tag = f'"{blake2b(answer.body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": CACHE_CONTROL}
    if tag in {
        each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")
    }:
        return Response(status_code=304, headers=headers)
    answer.headers.update(headers)
    return answer
