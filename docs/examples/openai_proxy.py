"""A proxy in front of an OpenAI-compatible server: the gate is asked first, and `usage` becomes `request.served`."""

import json
import os
from collections.abc import AsyncIterator
from urllib.parse import unquote

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

from meterstream.client import Client

METERSTREAM = os.environ["METERSTREAM_URL"]
gate = httpx.AsyncClient(base_url=METERSTREAM)
upstream = httpx.AsyncClient(base_url=os.environ["UPSTREAM_URL"], timeout=300)
events = Client(
    METERSTREAM, source="openai-proxy", token=os.environ.get("METERSTREAM_TOKEN"), spill="openai-proxy.spill"
)
app = FastAPI()


def bill(account: str, answer: dict, finish: str) -> None:
    """What was served, under the answer's own id: told twice it counts once."""
    usage = answer.get("usage") or {}
    data = {
        "request": answer["id"],
        "model": answer["model"],
        "input_tokens": usage.get("prompt_tokens", 0),
        "output_tokens": usage.get("completion_tokens", 0),
        "finish": finish if finish in {"stop", "length", "client_closed"} else "stop",
    }
    events.send("request.served", account, data, event_id=answer["id"])


@app.post("/v1/{path:path}")
async def complete(path: str, request: Request) -> Response:
    """Ask the gate, pass the request on, bill the answer."""
    asked = {"authorization": request.headers.get("authorization", "")}
    verdict = await gate.get("/v1/authorize", headers=asked)
    limits = {
        name: value for name, value in verdict.headers.items() if name.startswith(("x-ratelimit", "retry"))
    }
    if verdict.status_code != 200:
        return Response(verdict.content, verdict.status_code, limits, "application/json")
    account = unquote(verdict.headers["x-meterstream-account"])
    body = await request.json()
    if body.get("stream"):
        # The last chunk of a stream tells the usage only when it is asked to.
        body["stream_options"] = {"include_usage": True}
        return StreamingResponse(relay(path, body, account), headers=limits, media_type="text/event-stream")
    answer = await upstream.post(f"/v1/{path}", json=body)
    if answer.status_code == 200:
        whole = answer.json()
        bill(account, whole, (whole.get("choices") or [{}])[0].get("finish_reason") or "stop")
    return Response(answer.content, answer.status_code, limits, answer.headers.get("content-type"))


async def relay(path: str, body: dict, account: str) -> AsyncIterator[str]:
    """The stream as it comes; a client that closes it early pays for the chunks until then (FA-10)."""
    last: dict = {}
    chunks, finish = 0, "client_closed"
    try:
        async with upstream.stream("POST", f"/v1/{path}", json=body) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    last = json.loads(line.removeprefix("data: "))
                    chunks += bool(last.get("choices"))
                    finish = next(
                        (c["finish_reason"] for c in last.get("choices", ()) if c.get("finish_reason")),
                        finish,
                    )
                yield f"{line}\n"
    finally:
        if last:
            bill(
                account,
                {"usage": {"completion_tokens": chunks}} | {k: v for k, v in last.items() if v},
                finish,
            )
