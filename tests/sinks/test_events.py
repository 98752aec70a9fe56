"""`POST /v1/events` over a fake sink: every form of CloudEvents, and every kind of bad input with its exact answer."""

import json
from typing import Any

import httpx
import pytest

from schemas.access import Scope
from schemas.envelope import OutgoingEvent
from schemas.wire import Event
from sinks.http.access import hash_of
from sinks.http.events import EVENTS_MAX
from sinks.http.ports import Overloaded, Ports, Unavailable
from tests.sinks.calling import Caller, error_of
from tests.sinks.fakes import KeptEvents, KnownTokens, token
from tests.sinks.test_http import FakeReports

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
SECRET = "s" * 43


def event(
    number: int = 1, account: str = "a1", kind: str = "request.served", **changes: Any
) -> dict[str, Any]:
    body = {} if kind == "clock.tick" else {"request": f"r{number}", "model": "bge-m3", "input_tokens": 7}
    envelope = {
        "specversion": "1.0", "id": f"e{number}", "source": "test", "type": kind, "subject": account,
        "time": "2026-11-01T00:00:00Z", "data": body,
    }  # fmt: skip
    return envelope | changes


class Service:
    """The service over a sink that keeps events."""

    def __init__(self, problem: Exception | None = None, **ports: Any) -> None:
        self.sink = KeptEvents(problem)
        self.caller = Caller(Ports(FakeReports, events=self.sink, **ports))

    def post(self, body: object, kind: str | None = STRUCTURED, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = headers | ({"content_type": kind} if kind else {})
        return self.caller.post("/v1/events", content, **given)

    @property
    def ids(self) -> list[str]:
        return [json.loads(sent.raw)["id"] for sent in self.sink.sent]


def answer_of(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    "kind", [STRUCTURED, f"{STRUCTURED}; charset=utf-8", "application/json", "Application/JSON", None]
)
def test_a_single_event_is_accepted_and_goes_out_as_it_came(kind: str | None) -> None:
    service = Service()
    raw = json.dumps(event(), indent=1).encode()

    answer = service.post(raw, kind)

    assert answer_of(answer) == (202, {"accepted": 1})
    assert service.sink.sent == [OutgoingEvent("a1", "request.served", raw)]


@pytest.mark.parametrize("kind", [BATCH, "application/json", None])
def test_the_events_of_a_batch_may_be_of_different_accounts(kind: str | None) -> None:
    service = Service()

    answer = service.post([event(1), event(2, "a2"), event(3)], kind)

    assert answer_of(answer) == (202, {"accepted": 3})
    assert [(sent.account, json.loads(sent.raw)["id"]) for sent in service.sink.sent] == [
        ("a1", "e1"), ("a2", "e2"), ("a1", "e3"),
    ]  # fmt: skip


def binary(**changes: str) -> dict[str, str]:
    """The headers of a binary event."""
    attributes = {
        "specversion": "1.0",
        "id": "e1",
        "source": "test",
        "type": "request.served",
        "subject": "a1",
        "time": "2026-11-01T00:00:00Z",
    }
    return {f"ce_{name}": value for name, value in (attributes | changes).items()}


@pytest.mark.parametrize("kind", ["application/json", None])
def test_in_binary_mode_headers_are_the_attributes_and_the_body_is_the_data(kind: str | None) -> None:
    service = Service()

    answer = service.post(event()["data"], kind, **binary(subject="caf%C3%A9%2F1"))

    assert answer_of(answer) == (202, {"accepted": 1})
    assert service.sink.sent[0].account == "café/1"
    assert json.loads(service.sink.sent[0].raw)["data"] == event()["data"]


def test_one_bad_event_holds_back_all_and_each_bad_one_is_named_with_its_reason() -> None:
    service = Service()
    floating = event(2, data={"request": "r", "model": "m", "input_tokens": 1.5})

    answer = service.post([event(1), floating, {"id": "e3"}, event(4)], BATCH)

    status, body = answer_of(answer)
    assert (status, body["error"]) == (
        400,
        {
            "message": "2 of 4 events are invalid, nothing was accepted",
            "type": "invalid_request",
            "code": "400",
        },
    )
    assert [(fault["index"], fault["id"], fault["reason"]) for fault in body["events"]] == [
        (1, "e2", "schema_invalid"), (2, "e3", "schema_invalid"),
    ]  # fmt: skip
    assert body["events"][0]["detail"].startswith("data.input_tokens")
    assert service.sink.sent == []


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "not JSON: Input data was truncated"),
        (b"{not json", "not JSON: JSON is malformed: object keys must be strings (byte 1)"),
        (b'"text"', "an event must be a JSON object"),
        (b"[]", "an empty batch"),
        (b"[[]]", "an event must be a JSON object"),
        (json.dumps(event()).encode().replace(b"e1", b"\xff"), "not JSON: "),
        (b'{"a":' * 50_000, "not JSON: maximum recursion depth exceeded"),
        (event(id="a\0b"), "id: control characters are not allowed"),
        (event(subject="a\0b"), "subject: control characters are not allowed"),
        (event(subject="x" * 513), "subject: 1 to 512 characters are needed"),
        (event(kind="nothing"), "type: unknown type 'nothing'"),
        (event(source="x" * 300_000), f"{len(json.dumps(event(source='x' * 300_000)))} bytes; an event has at most 262144"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_told_why(body: bytes | dict[str, Any], detail: str) -> None:
    service = Service()

    answer = service.post(body, "application/json")

    assert error_of_batch(answer) == (400, "1 of 1 events are invalid, nothing was accepted")
    assert answer.json()["events"][0]["detail"].startswith(detail)
    assert service.sink.sent == []


@pytest.mark.parametrize("body", [b"[]", b"[{}", b"[" * 2_000])
def test_an_array_that_is_none_is_no_fault_of_its_first_event(body: bytes) -> None:
    answer = Service().post(body, BATCH)

    assert (answer.status_code, [fault["index"] for fault in answer.json()["events"]]) == (400, [None])


def error_of_batch(answer: httpx.Response) -> tuple[int, str]:
    status, _, message = error_of(answer)
    return status, message


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        (binary(id="%FF"), "the ce- headers are not UTF-8"),
        (binary(id="a%00b"), "id: control characters are not allowed"),
        (
            binary() | {"content_type": "text/plain"},
            "datacontenttype: datacontenttype must be application/json",
        ),
    ],
)
def test_a_bad_header_of_binary_mode_is_told_as_well(headers: dict[str, str], detail: str) -> None:
    answer = Service().post(event()["data"], None, **headers)

    assert (answer.status_code, answer.json()["events"][0]["detail"]) == (400, detail)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"]
)
def test_another_kind_of_body_is_not_taken(kind: str) -> None:
    assert error_of(Service().post(event(), kind)) == (
        415,
        "unsupported_media_type",
        f"Content-Type must be {STRUCTURED}, {BATCH} or application/json, not {kind!r}",
    )


def test_a_compressed_body_is_not_taken() -> None:
    answer = Service().post(event(), content_encoding="gzip")

    assert error_of(answer) == (415, "unsupported_media_type", "Content-Encoding: send the body as it is")


def test_more_events_than_the_limit_are_too_many() -> None:
    service = Service()
    most = [event(number) for number in range(EVENTS_MAX)]

    assert answer_of(service.post(most, BATCH)) == (202, {"accepted": EVENTS_MAX})
    assert error_of(service.post([*most, event()], BATCH)) == (
        413, "too_large", f"{EVENTS_MAX + 1} events: send at most {EVENTS_MAX} at once",
    )  # fmt: skip


def test_a_body_above_two_mebibytes_is_too_large() -> None:
    answer = Service().post(b" " * 2_097_153)

    assert error_of(answer) == (413, "too_large", "the body is larger than 2097152 bytes: send less at once")


@pytest.mark.parametrize(
    ("problem", "status", "kind"),
    [(Overloaded("too many"), 429, "overloaded"), (Unavailable("Kafka: away"), 503, "unavailable")],
)
def test_what_cannot_be_written_now_is_asked_for_again(problem: Exception, status: int, kind: str) -> None:
    answer = Service(problem).post(event())

    assert error_of(answer) == (status, kind, str(problem))
    assert answer.headers["Retry-After"] == "1"


def test_what_only_the_price_book_finds_wrong_is_refused_too() -> None:
    def fault(read: Event) -> str | None:
        return "no specification" if read.id == "e2" else None

    answer = Service(event_fault=fault).post([event(1), event(2)], BATCH)

    assert answer.json()["events"] == [
        {"index": 1, "id": "e2", "reason": "schema_invalid", "detail": "no specification"}
    ]


def test_a_service_without_a_sink_takes_nothing() -> None:
    answer = Caller(Ports(FakeReports)).post("/v1/events", b"{}")

    assert error_of(answer) == (503, "unavailable", "this service takes no events")


# --- who may send what -----------------------------------------------------------------------------------


def bearer(name: str) -> str:
    return f"Bearer ms_{name}_{SECRET}"


def service_with_tokens() -> Service:
    """The service with a token for each scope, and one for account a1 alone; without a token nothing."""
    scopes = {
        "all": ([Scope.INGEST], None),
        "a1": ([Scope.INGEST], "a1"),
        "read": ([Scope.READ], None),
        "root": ([Scope.ADMIN], None),
    }
    tokens = [
        token(id=name, hash=hash_of(f"ms_{name}_{SECRET}"), scopes=wanted, account=account)
        for name, (wanted, account) in scopes.items()
    ]
    return Service(tokens=KnownTokens(*tokens), anonymous=False)


@pytest.mark.parametrize(
    ("who", "body", "answer"),
    [
        ("all", [event(1), event(2, "a2")], (202, None)),
        ("root", [event(1), event(2, kind="clock.tick")], (202, None)),
        ("a1", [event(1)], (202, None)),
        ("a1", [event(1), event(2, "a2")], (403, "this token is for another account")),
        (
            "all",
            [event(1, kind="clock.tick")],
            (403, "clock.tick is an operator's: it needs the scope admin"),
        ),
        ("read", [event(1)], (403, "this token has no scope 'ingest'")),
        ("nobody", [event(1)], (401, "this token is not valid: unknown, expired or revoked")),
    ],
)
def test_a_token_sends_what_it_is_for(
    who: str, body: list[dict[str, Any]], answer: tuple[int, str | None]
) -> None:
    service = service_with_tokens()

    given = service.post(body, BATCH, authorization=bearer(who))

    assert (given.status_code, given.json().get("error", {}).get("message")) == answer
    assert len(service.sink.sent) == (len(body) if answer[0] == 202 else 0)


def test_without_a_token_nothing_is_taken_where_one_is_needed() -> None:
    service = service_with_tokens()

    answer = service.post(event())

    assert error_of(answer) == (401, "authentication_error", "a token is needed: Authorization: Bearer ms_…")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="meterstream"'
    assert service.ids == []
