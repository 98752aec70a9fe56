"""The proxy of docs/producers.md: the gate is asked, the model answers, and what it used is billed once."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from tests.client.serving import Serving, SomeEvents
from tests.docs.snippets import DOCS
from tests.servers import free_port
from tests.sinks.gating import Gated, balance
from tests.waiting import wait_until

ANSWER = {
    "id": "chat-1",
    "model": "llama-3.3-70b",
    "choices": [{"finish_reason": "length"}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 5},
}
model = FastAPI()


@model.post("/v1/chat/completions")
async def chat(request: Request) -> Response:
    body = await request.json()
    if not body.get("stream"):
        return JSONResponse(ANSWER)
    assert body["stream_options"] == {"include_usage": True}
    return StreamingResponse(_chunks(), media_type="text/event-stream")


async def _chunks() -> AsyncIterator[str]:
    head = {"id": "chat-2", "model": "llama-3.3-70b"}
    for _ in range(4):
        yield f"data: {json.dumps(head | {'choices': [{'finish_reason': None}]})}\n\n"
    yield f"data: {json.dumps(head | {'choices': [{'finish_reason': 'stop'}]})}\n\n"
    yield f"data: {json.dumps(head | {'choices': [], 'usage': ANSWER['usage']})}\n\n"
    yield "data: [DONE]\n\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(model, "127.0.0.1", port, log_level="error"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    wait_until(lambda: server.started, "the model takes requests")
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


class Proxied:
    """The proxy between a client and the two services, and the events that it sent."""

    def __init__(self, module: Any, sink: SomeEvents) -> None:
        self.module, self._sink = module, sink

    def ask(self, key: str, **body: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.module.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://proxy") as client:
                return await client.post(
                    "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
                )

        return asyncio.run(ask())

    def billed(self) -> list[dict[str, Any]]:
        assert self.module.events.flush(10)
        return [json.loads(raw) for raw in self._sink.kept]


@pytest.fixture
def proxied(upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxied]:
    gate = Gated(balance("café", "5", {"sk-1": "paid"}), balance("poor", "0", {"sk-2": "paid"})).gate
    sink = SomeEvents()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("METERSTREAM_TOKEN", raising=False)
    with Serving(sink, gate=gate) as service:
        monkeypatch.setenv("METERSTREAM_URL", service.url)
        monkeypatch.setenv("UPSTREAM_URL", upstream)
        spec = importlib.util.spec_from_file_location("openai_proxy", DOCS / "examples" / "openai_proxy.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield Proxied(module, sink)
        module.events.close()


def test_an_answer_is_passed_on_and_its_usage_billed_under_its_id(proxied: Proxied) -> None:
    answer = proxied.ask("sk-1", model="llama-3.3-70b", messages=[])

    assert answer.json() == ANSWER
    assert answer.headers["x-ratelimit-limit-requests"] == "100"
    (event,) = proxied.billed()
    assert (event["subject"], event["id"], event["type"]) == ("café", "chat-1", "request.served")
    assert event["data"] == {
        "request": "chat-1", "model": "llama-3.3-70b", "input_tokens": 12, "output_tokens": 5, "finish": "length",
    }  # fmt: skip


def test_of_a_stream_the_last_chunk_tells_the_usage(proxied: Proxied) -> None:
    answer = proxied.ask("sk-1", model="llama-3.3-70b", messages=[], stream=True)

    assert answer.text.count("data: ") == 7
    (event,) = proxied.billed()
    assert event["data"] == {
        "request": "chat-2", "model": "llama-3.3-70b", "input_tokens": 12, "output_tokens": 5, "finish": "stop",
    }  # fmt: skip


@pytest.mark.req("FA-10")
def test_a_stream_that_is_closed_early_is_billed_until_then(proxied: Proxied) -> None:
    async def read_three_chunks() -> None:
        body = {"stream": True, "stream_options": {"include_usage": True}}
        lines = proxied.module.relay("chat/completions", body, "acme")
        for _ in range(5):
            await anext(lines)
        await lines.aclose()

    asyncio.run(read_three_chunks())

    (event,) = proxied.billed()
    assert (event["data"]["output_tokens"], event["data"]["finish"]) == (3, "client_closed")


@pytest.mark.parametrize(("key", "status"), [("sk-2", 402), ("sk-3", 401)])
def test_who_may_not_is_told_so_in_the_gates_words_and_nothing_is_billed(
    proxied: Proxied, key: str, status: int
) -> None:
    answer = proxied.ask(key, model="llama-3.3-70b", messages=[])

    assert (answer.status_code, answer.json()["error"]["code"] != "") == (status, True)
    assert proxied.billed() == []
