"""What stands before every route: sizes, pace and origin of requests, and headers on every answer."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.types import Message

from sinks.http import errors, guard
from sinks.http.guard import BODY_BYTES_MAX, Guard
from sinks.http.headers import SECURITY_HEADERS
from tests.sinks.calling import call, error_of

COUNTED: list[tuple[str, int]] = []


def app_of(**options: Any) -> FastAPI:
    """An application that gives back the size of what it was sent, behind the guard."""
    app = FastAPI()
    errors.add_handlers(app)

    @app.api_route("/size", methods=["GET", "POST"])
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.get("/defect")
    def defect() -> None:
        raise RuntimeError("secret")

    app.add_middleware(
        Guard, hosts=frozenset(), count=lambda route, status: COUNTED.append((route, status)), **options
    )
    return app


def test_a_body_up_to_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    most, more = b"x" * BODY_BYTES_MAX, b"x" * (BODY_BYTES_MAX + 1)

    assert call(app_of(), "POST", "/size", content=most).text == str(BODY_BYTES_MAX)
    assert error_of(call(app_of(), "POST", "/size", content=more)) == (
        413,
        "too_large",
        "the body is larger than 2097152 bytes: send less at once",
    )


async def _in_pieces() -> Any:
    for _ in range(5):
        yield b"x" * (BODY_BYTES_MAX // 4)


def test_a_body_that_does_not_say_its_length_is_cut_off_at_the_limit() -> None:
    answer = call(app_of(), "POST", "/size", content=_in_pieces())

    assert error_of(answer)[:2] == (413, "too_large")
    assert answer.headers["Connection"] == "close"


def test_a_body_that_comes_too_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_S_MAX", 0.01)
    sent: list[Message] = []
    scope = {
        "type": "http", "method": "POST", "path": "/size", "raw_path": b"/size", "query_string": b"", "root_path": "",
        "headers": [(b"host", b"h"), (b"content-length", b"10")], "scheme": "http", "http_version": "1.1",
    }  # fmt: skip

    async def receive() -> Message:
        if sent:
            return {"type": "http.disconnect"}
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app_of()(scope, receive, send))

    assert sent[0]["status"] == 408
    assert sent[1]["body"] == (
        b'{"error":{"message":"the body did not come within 0.01 s","type":"timeout","code":"408"}}'
    )


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://testserver.evil.example", "http://testserver:81"]
)
def test_a_page_of_another_site_changes_nothing(origin: str) -> None:
    answer = call(app_of(), "POST", "/size", headers={"Origin": origin})

    assert error_of(answer) == (
        403,
        "permission_error",
        "requests that change something are not taken from pages of other sites",
    )


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://testserver"}, {"Origin": "https://app.example", "Authorization": "Bearer key"}],
)
def test_own_pages_and_programs_do_and_so_does_whoever_knows_a_token(headers: dict[str, str]) -> None:
    assert call(app_of(), "POST", "/size", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/size", "/nothing", "/defect"])
def test_every_answer_has_the_headers_of_security(path: str) -> None:
    answer = call(app_of(), "GET", path)

    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_every_answer_is_counted_once_by_its_route_and_status() -> None:
    COUNTED.clear()

    for path in ("/size", "/nothing", "/defect"):
        call(app_of(), "GET", path)

    assert COUNTED == [("/size", 200), ("unmatched", 404), ("/defect", 500)]


def test_a_method_that_a_path_does_not_have_is_told_which_it_has() -> None:
    answer = call(app_of(), "DELETE", "/size")

    assert error_of(answer)[:2] == (405, "invalid_request")
    assert answer.headers["Allow"] == "GET, POST"
