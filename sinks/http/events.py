"""`POST /v1/events`: CloudEvents over HTTP, single, as a batch and in binary mode.

Promises: 202 is said once Kafka has acknowledged every event of the request, and never otherwise. A request is
taken whole or not at all: with one bad event among good ones nothing is written, and the answer names each bad one.
Sending the same again is always harmless (identity drops what came twice), so a client that got no answer, 429 or
503 sends the same bytes again.

What only the order of arrival can tell (duplicates, `too_old`, `too_new`) is ingest's to judge, after the 202.
Source: CloudEvents HTTP protocol binding 1.0.2, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse

from schemas.envelope import BATCH, STRUCTURED, Item, OutgoingEvent, read_message
from schemas.events import CLOCK_TICK, CloudEvent
from schemas.records import Reason
from schemas.wire import Unreadable
from sinks.http.access import Caller, Refused, Sender
from sinks.http.errors import error
from sinks.http.ports import Ports, Unavailable
from sinks.http.shapes import Accepted, Error, EventsRefused

router = APIRouter(prefix="/v1", tags=["events"])

EVENTS_MAX: Final = 1_000
PLAIN: Final = "application/json"
_ATTRIBUTE: Final = b"ce-"


_EVENT: Final = CloudEvent.model_json_schema()
_BATCH: Final = {"type": "array", "items": _EVENT, "minItems": 1}
_BODY: Final = {
    "required": True,
    "content": {
        STRUCTURED: {"schema": _EVENT},
        BATCH: {"schema": _BATCH},
        PLAIN: {"schema": {"anyOf": [_EVENT, _BATCH]}},
    },
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": Accepted, "description": "Kafka has acknowledged every event"},
    400: {"model": EventsRefused, "description": "Nothing was accepted; the reason of each bad event"},
    413: {"model": Error, "description": f"Above 2 MiB or {EVENTS_MAX} events"},
    415: {"model": Error, "description": "Another kind of body"},
    429: {"model": Error, "description": "Too much waits for Kafka; send the same again"},
    503: {"model": Error, "description": "Kafka did not acknowledge; send the same again"},
}


@router.post("/events", status_code=202, responses=_ANSWERS, openapi_extra={"requestBody": _BODY})
async def take(request: Request, caller: Sender) -> JSONResponse:
    """Takes events: 202 with their number once Kafka has acknowledged all of them, 400 with the reason of each bad one."""
    ports: Ports = request.app.state.ports
    if ports.events is None:
        raise Unavailable("this service takes no events")
    body = await request.body()
    items = _read(request, body)
    if len(items) > EVENTS_MAX:
        raise HTTPException(413, f"{len(items)} events: send at most {EVENTS_MAX} at once")
    if faults := list(_faults(items, ports)):
        return _refusal(faults, items, body)
    outgoing = [OutgoingEvent(item.read.account, item.read.type, item.raw) for item in items]  # type: ignore[union-attr, arg-type]
    _check_rights(outgoing, caller)
    await ports.events.send(outgoing)
    return JSONResponse({"accepted": len(outgoing)}, status_code=202)


def _read(request: Request, body: bytes) -> list[Item]:
    """The events of a request; raises HTTPException 415 for another kind of body."""
    attributes = [pair for pair in request.headers.raw if pair[0].startswith(_ATTRIBUTE)]
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {STRUCTURED, BATCH, PLAIN, ""} and not attributes:
        raise HTTPException(415, f"Content-Type must be {STRUCTURED}, {BATCH} or {PLAIN}, not {kind!r}")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "Content-Encoding: send the body as it is")
    headers: list[tuple[str, bytes | str | None]] = []
    if kind in {STRUCTURED, BATCH} or attributes:
        headers.append(("content-type", kind or None))
    try:
        headers += [
            (f"ce_{name[3:].decode()}", unquote(value.decode(), errors="strict"))
            for name, value in attributes
        ]
    except UnicodeDecodeError:
        return [Item(Unreadable("the ce- headers are not UTF-8", None, "", ""), body)]
    return read_message(body, headers, one_subject=False)


def _faults(items: Sequence[Item], ports: Ports) -> Iterator[dict[str, Any]]:
    for index, item in enumerate(items):
        read = item.read
        detail = read.detail if isinstance(read, Unreadable) else ports.event_fault(read)
        if detail is not None:
            yield {"index": index, "id": read.id, "reason": Reason.SCHEMA_INVALID.value, "detail": detail}


def _refusal(faults: list[dict[str, Any]], items: Sequence[Item], body: bytes) -> JSONResponse:
    if len(items) == 1 and items[0].raw == body.strip() and body.lstrip()[:1] == b"[":
        # Not one of its events is bad, the array is.
        faults[0]["index"] = None
    message = f"{len(faults)} of {len(items)} events are invalid, nothing was accepted"
    return error(400, message, events=faults)


def _check_rights(events: Sequence[OutgoingEvent], caller: Caller) -> None:
    for event in events:
        caller.check_account(event.account)
        if event.type == CLOCK_TICK and not caller.is_operator:
            raise Refused(403, f"{CLOCK_TICK} is an operator's: it needs the scope admin")
