"""The gate as `auth_request` of a real nginx, by the very configuration that docs/gate.md shows."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import uvicorn

from tests.servers import free_port, needed, running_server
from tests.sinks.gating import RESET_S, Gated, balance, limits_of
from tests.waiting import wait_until

PAGE = Path(__file__).parents[2] / "docs" / "gate.md"
FRAME = """
daemon off; master_process off; pid {dir}/pid; error_log stderr error;
events {{}}
http {{
    access_log off;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
{server}
}}
"""
GATE, API, FRONT = "127.0.0.1:18080", "127.0.0.1:8000", "127.0.0.1:8080"


class Api(ThreadingHTTPServer):
    """The API behind nginx: says what it was sent, fails where it is asked to, and keeps count."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.served: list[tuple[str, str, bytes]] = []


class _Answer(BaseHTTPRequestHandler):
    server: Api

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.served.append((self.path, self.headers.get("x-meterstream-account", ""), body))
        self.send_response(500 if self.path == "/fails" else 200)
        self.send_header("content-length", "9")
        self.end_headers()
        self.wfile.write(b"from api\n")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def served(gated: Gated) -> Iterator[int]:
    """The gate's port, while the block runs."""
    config = uvicorn.Config(gated.caller.app, "127.0.0.1", free_port(), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the gate listens")
        yield config.port
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def nginx(directory: Path, ports: dict[str, int]) -> Iterator[str]:
    """The URL of an nginx with the page's configuration on free ports."""
    shown = re.search(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    server = shown[1]
    for address, port in ports.items():
        assert address in server
        server = server.replace(address, f"127.0.0.1:{port}")
    config = directory / "nginx.conf"
    config.write_text(FRAME.format(dir=directory, server=server))
    command = [needed("nginx"), "-p", str(directory), "-c", str(config)]
    with running_server(command, ports[FRONT], directory / "nginx.log"):
        yield f"http://127.0.0.1:{ports[FRONT]}"


class Front:
    """nginx, gate and API together; the gate's balances and clock can be moved."""

    def __init__(self, url: str, gated: Gated, api: Api) -> None:
        self.url = url
        self.gated = gated
        self.api = api

    def post(self, key: str, path: str = "/v1/chat/completions") -> httpx.Response:
        """A call of the API."""
        return httpx.post(
            f"{self.url}{path}", content=b'{"model":"m"}', headers={"Authorization": f"Bearer {key}"}
        )


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """A fresh gate behind a fresh nginx."""
    gated, api = Gated(balance("a/1", "5", {"k": "free"}), balance("b", "0", {"poor": "free"})), Api()
    thread = threading.Thread(target=api.serve_forever)
    thread.start()
    try:
        with (
            served(gated) as gate,
            nginx(tmp_path, {GATE: gate, API: api.server_port, FRONT: free_port()}) as url,
        ):
            yield Front(url, gated, api)
    finally:
        api.shutdown()
        api.server_close()
        thread.join()


def test_an_allowed_call_reaches_the_api_with_its_body_and_whose_it_is(front: Front) -> None:
    answer = front.post("k")

    assert (answer.status_code, answer.text) == (200, "from api\n")
    assert limits_of(answer) == (10, 9, RESET_S)
    assert front.api.served == [("/v1/chat/completions", "a%2F1", b'{"model":"m"}')]


@pytest.mark.req("FA-15", "FA-18")
def test_without_credit_the_caller_gets_402_with_body_and_headers(front: Front) -> None:
    answer = front.post("poor")

    assert answer.status_code == 402
    assert answer.content == (
        b'{"error":{"message":"Insufficient credit. Add funds at https://tokens.flex.ai/dashboard/billing '
        b'to continue.","type":"insufficient_quota","code":"402"}}'
    )
    assert answer.headers["content-type"] == "application/json"
    assert limits_of(answer) == (10, 10, RESET_S)
    assert front.api.served == []


@pytest.mark.req("FA-15", "FA-16")
def test_over_the_limit_the_caller_gets_429_with_body_headers_and_the_wait(front: Front) -> None:
    statuses = [front.post("k").status_code for _ in range(10)]
    answer = front.post("k")

    assert statuses == [200] * 10
    assert answer.status_code == 429
    assert answer.json()["error"]["message"] == "Rate limit exceeded. Retry after 34 seconds."
    assert answer.headers["retry-after"] == "34"
    assert limits_of(answer) == (10, 0, RESET_S)
    assert len(front.api.served) == 10


def test_a_wrong_key_is_401_and_a_balance_that_is_not_known_503(front: Front) -> None:
    wrong = front.post("nobody")
    front.gated.feed.age = float("inf")
    not_known = front.post("k")

    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (not_known.status_code, not_known.headers["retry-after"]) == (503, "1")
    assert not_known.json()["error"]["type"] == "unavailable"
    assert front.api.served == []


def test_an_error_of_the_api_itself_goes_out_as_it_is(front: Front) -> None:
    answer = front.post("k", "/fails")

    assert (answer.status_code, answer.text) == (500, "from api\n")


def test_without_a_gate_nobody_is_served(tmp_path: Path) -> None:
    nobody = {GATE: free_port(), API: free_port(), FRONT: free_port()}

    with nginx(tmp_path, nobody) as url:
        answer = httpx.get(url)

    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "The gate does not answer.")
