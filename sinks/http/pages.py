"""Pages for a person that need no script: the mails that were caught, and the routes. The others are the dashboard's.

Rendered here, without any other host; what producers named is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.message import EmailMessage
from functools import lru_cache
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from sinks.http.access import PUBLIC, Operator
from sinks.http.openapi import DESCRIPTION, rows_of
from sinks.http.ports import Row

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ACCOUNTS: Final = 200
PAGE_MAILS: Final = 100
DAYS: Final = 30


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("sinks.http", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(name: str, headers: Mapping[str, str] | None = None, /, **words: Any) -> HTMLResponse:
    """A page from the template `name`."""
    text = _environment().get_template(f"{name}.html.j2").render(**words)
    return HTMLResponse(text, headers=headers)


@router.get("/mails")
def mails(request: Request, caller: Operator) -> HTMLResponse:
    """The newest mails that the catcher of this machine has stored."""
    caller.check_all_accounts()
    caught = request.app.state.ports.mails
    if caught is None:
        raise HTTPException(404, "mails are not caught here; they go to a mail server")
    return page("mails", mails=[_mail(mail) for mail in caught(PAGE_MAILS)])


@router.get("/docs", dependencies=[PUBLIC])
def docs(request: Request) -> HTMLResponse:
    """Every route with what goes in and what comes out, from the OpenAPI description."""
    description = request.app.openapi()
    return page("docs", text=DESCRIPTION, routes=list(rows_of(description)))


def _mail(mail: EmailMessage) -> Row:
    body = mail.get_body(preferencelist=("plain",))
    html = mail.get_body(preferencelist=("html",))
    return {
        "to": str(mail["To"] or ""),
        "subject": str(mail["Subject"] or ""),
        "date": str(mail["Date"] or ""),
        "text": str(body.get_content()) if body is not None else "",
        # Shown in a frame that runs nothing, loads nothing and leads nowhere: a mail is not ours to trust.
        "html": str(html.get_content()) if html is not None else "",
    }
