"""`/v1/accounts/…/notices`: what the owner was told and how far it has come. `/v1/unsubscribe`: the end of summaries."""

from __future__ import annotations

import time
from typing import Annotated, Any
from urllib.parse import parse_qs
from uuid import uuid4

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from schemas.envelope import OutgoingEvent
from schemas.records import NoticeType
from schemas.values import instant_text
from schemas.wire import encode
from sinks.http.access import PUBLIC, READ
from sinks.http.accounts import Account, Asked, Limit
from sinks.http.headers import SECURITY_HEADERS
from sinks.http.pages import page as page_of
from sinks.http.paging import AfterRecord, Cursor, cursor_of, position_of
from sinks.http.ports import NoticeReports, Ports, Unavailable

router = APIRouter(tags=["notices"])

SOURCE = "meterstream/unsubscribe"
ONE_CLICK = "One-Click"
# The page's own button is the one thing that this page may send.
_PAGE_HEADERS = {
    "Content-Security-Policy": SECURITY_HEADERS["Content-Security-Policy"].replace(
        "form-action 'none'", "form-action 'self'"
    )
}


def _notices_of(request: Request) -> NoticeReports:
    ports: Ports = request.app.state.ports
    if ports.notices is None:
        raise Unavailable("notices are not kept here")
    return ports.notices()


@router.get("/v1/accounts/{account:path}/notices", dependencies=[READ])
def notices(
    request: Request,
    account: Account,
    reports: Asked,
    told: Annotated[NoticeReports, Depends(_notices_of)],
    limit: Limit = 100,
    cursor: Cursor = None,
    kind: Annotated[NoticeType | None, Query(alias="type")] = None,
    undelivered: bool = False,  # noqa: FBT001, FBT002 - FastAPI reads it so
) -> dict[str, Any]:
    """Notices, the newest first, each with its deliveries; `undelivered`: those that did not reach everybody (yet).

    `mail_code` is what each mail to this account shows; `next` is the `cursor` of the following page.
    """
    after = position_of(cursor, AfterRecord) or AfterRecord("", "")
    rows = told.notices(
        account,
        kind=kind or "",
        undelivered=undelivered,
        limit=limit,
        before=after.time or None,
        before_id=after.id,
    )
    if not rows and not reports.is_known(account):
        raise HTTPException(404, f"no account {account!r}")
    following = cursor_of(AfterRecord(rows[-1]["time"], rows[-1]["id"])) if len(rows) == limit else None
    codes = request.app.state.ports.mail_codes
    return {
        "account": account,
        "mail_code": codes.mail_code(account) if codes else None,
        "notices": rows,
        "next": following,
    }


def _account_of(request: Request, token: str) -> str:
    ports: Ports = request.app.state.ports
    account = ports.mail_codes.account_of(token) if ports.mail_codes else None
    if account is None:
        raise HTTPException(404, "this link was not made here")
    return account


Token = Annotated[str, Query(min_length=1, max_length=2_048)]


# The token in the link is signed; a program that only looks at links switches nothing off.
@router.get("/v1/unsubscribe", dependencies=[PUBLIC], response_class=HTMLResponse)
def ask(request: Request, token: Token) -> Response:
    """A page that asks whether summaries are to end."""
    return page_of("unsubscribe", _PAGE_HEADERS, account=_account_of(request, token), done=False)


@router.post("/v1/unsubscribe", dependencies=[PUBLIC], response_class=HTMLResponse)
async def unsubscribe(request: Request, token: Token) -> Response:
    """Switch the summaries of the token's account off (RFC 8058): answered when Kafka has the event."""
    account = _account_of(request, token)
    ports: Ports = request.app.state.ports
    body = parse_qs((await request.body())[:1_024].decode("utf-8", "replace"))
    if body.get("List-Unsubscribe") != [ONE_CLICK]:
        raise HTTPException(400, "the body must be List-Unsubscribe=One-Click")
    if ports.events is None:
        raise Unavailable("events are not taken here")
    await ports.events.send([digest_off(account, str(uuid4()), time.time_ns() // 1_000_000)])
    return page_of("unsubscribe", account=account, done=True)


def digest_off(account: str, event_id: str, time_ms: int) -> OutgoingEvent:
    """The event that ends the summaries of `account`."""
    kind = "account.settings_changed"
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": kind,
        "subject": account,
        "time": instant_text(time_ms),
        "datacontenttype": "application/json",
        "data": {"digest": "off"},
    }
    return OutgoingEvent(account, kind, encode(event))
