"""The real `openai` client against an API that asks the gate: the right exceptions, 429 retried, 402 not."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import httpx2
import openai
import pytest
from starlette.types import Receive, Scope, Send

from tests.sinks.gating import RESET_MS, Gated, balance

COMPLETION = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "llama-3.3-70b",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
}  # fmt: skip


class Api:
    """A tiny API of models: asks the gate before it serves, and hands a refusal on as it is."""

    def __init__(self, gated: Gated) -> None:
        self._gate = httpx.ASGITransport(app=gated.caller.app)
        self.statuses: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        key = dict(scope["headers"]).get(b"authorization", b"").decode()
        async with httpx.AsyncClient(transport=self._gate, base_url="http://gate") as gate:
            asked = await gate.get("/v1/authorize", headers={"Authorization": key})
        self.statuses.append(asked.status_code)
        body = json.dumps(COMPLETION).encode() if asked.status_code == 200 else asked.content
        passed = ("content-type", "retry-after", "x-ratelimit-remaining-requests")
        headers = [(name.encode(), asked.headers[name].encode()) for name in passed if name in asked.headers]
        await send({"type": "http.response.start", "status": asked.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def chat(api: Api, key: str, *, calls: int = 1, max_retries: int = 2) -> str | None:
    """What the last of `calls` calls answered."""

    async def talk() -> str | None:
        transport = httpx2.ASGITransport(app=api)
        async with httpx2.AsyncClient(transport=transport) as http:
            client = openai.AsyncOpenAI(
                api_key=key, base_url="http://api/v1", http_client=http, max_retries=max_retries
            )
            said = None
            for _ in range(calls):
                answer = await client.chat.completions.create(
                    model="llama-3.3-70b", messages=[{"role": "user", "content": "hi"}]
                )
                said = answer.choices[0].message.content
            return said

    return asyncio.run(talk())


def test_a_call_with_credit_is_served() -> None:
    api = Api(Gated(balance("a", "5", {"k": "free"})))

    assert (chat(api, "k"), api.statuses) == ("hello", [200])


@pytest.mark.req("FA-03", "FA-18")
def test_without_credit_the_client_raises_with_the_providers_words_and_does_not_try_again() -> None:
    api = Api(Gated(balance("a", "-0.20", {"k": "free"})))

    with pytest.raises(openai.APIStatusError) as raised:
        chat(api, "k")

    error = raised.value
    assert (error.status_code, error.code, error.type) == (402, "402", "insufficient_quota")
    assert "https://tokens.flex.ai/dashboard/billing" in error.message
    assert api.statuses == [402]


def test_a_wrong_key_is_an_authentication_error_and_not_tried_again() -> None:
    api = Api(Gated())

    with pytest.raises(openai.AuthenticationError) as raised:
        chat(api, "nobody")

    assert (raised.value.code, api.statuses) == ("invalid_api_key", [401])


@pytest.mark.req("FA-16")
def test_over_the_limit_the_client_waits_as_it_is_told_and_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 26.4 s of the minute it is told 34 s; waiting moves the clock, and the next minute begins."""
    gated = Gated(balance("a", "5", {"k": "free"}))
    api, waited = Api(gated), list[float]()
    monkeypatch.setattr("openai._base_client.anyio.sleep", _waiting(gated, waited))

    said = chat(api, "k", calls=11)

    assert said == "hello"
    assert waited == [34.0]
    assert api.statuses == [200] * 10 + [429, 200]


def test_over_the_limit_without_retries_it_is_a_rate_limit_error() -> None:
    gated = Gated(balance("a", "5", {"k": "free"}))
    api = Api(gated)

    with pytest.raises(openai.RateLimitError) as raised:
        chat(api, "k", calls=11, max_retries=0)

    assert raised.value.code == "rate_limit_exceeded"
    assert raised.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert gated.clock.ms < RESET_MS


def _waiting(gated: Gated, waited: list[float]) -> Callable[[float], Awaitable[Any]]:
    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        gated.clock.advance(seconds)

    return sleep
