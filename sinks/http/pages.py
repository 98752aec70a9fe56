"""Pages for a person: accounts, one account, the mails that were caught, and the list of routes.

Rendered here, without script and without any other host; what producers named is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from email.message import EmailMessage
from functools import lru_cache
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from sinks.http.access import PUBLIC, READ, Operator, Reader
from sinks.http.accounts import Account, reports_of
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


@router.get("/")
def index(
    request: Request, caller: Reader, offset: Annotated[int, Query(ge=0, lt=2**63)] = 0
) -> HTMLResponse:
    """Accounts with their balances."""
    caller.check_all_accounts()
    rows = reports_of(request).accounts(PAGE_ACCOUNTS + 1, offset)
    more = offset + PAGE_ACCOUNTS if len(rows) > PAGE_ACCOUNTS else None
    return page(
        "index", accounts=rows[:PAGE_ACCOUNTS], more=more, has_mails=request.app.state.ports.mails is not None
    )


@router.get("/accounts/{account:path}", dependencies=[READ])
def account_page(request: Request, account: Account) -> HTMLResponse:
    """One account: balance, thirty days of costs, the newest postings."""
    reports = reports_of(request)
    costs = reports.costs(account, DAYS, by="resource")
    if costs is None:
        raise HTTPException(404, f"no account {account!r}")
    balance, entries = reports.balance(account), reports.ledger(account, limit=50)
    return page(
        "account",
        account=account,
        balance=balance,
        costs=costs,
        days=with_bars(costs["days"]),
        entries=entries,
    )


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


def with_bars(days: list[Row]) -> list[Row]:
    """Each day with `bar_percent`, the share of the greatest amount, 0..100; only for drawing."""
    amounts = [Decimal(day["amount"]) for day in days]
    greatest = max(amounts, default=Decimal(0))
    return [
        day | {"bar_percent": int(max(amount, Decimal(0)) * 100 / greatest) if greatest > 0 else 0}
        for day, amount in zip(days, amounts, strict=True)
    ]


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
