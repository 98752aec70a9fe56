"""`/v1/accounts/…`: balance, ledger, charges and costs of one account, as JSON."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import AfterValidator
from starlette.responses import Response

from schemas.values import name_of
from sinks.http import shapes
from sinks.http.access import READ
from sinks.http.answers import tagged
from sinks.http.paging import AfterRecord, Cursor, cursor_of, position_of
from sinks.http.ports import Reports

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], dependencies=[READ])


class Dimension(StrEnum):
    """What costs are split by."""

    RESOURCE = "resource"
    MODEL = "model"
    SKU = "sku"
    KEY = "key"
    METER = "meter"


def reports_of(request: Request) -> Reports:
    """The reports that this application was handed."""
    found: Reports = request.app.state.ports.reports()
    return found


Account = Annotated[str, Path(min_length=1, max_length=512), AfterValidator(name_of)]
Asked = Annotated[Reports, Depends(reports_of)]
Limit = Annotated[int, Query(ge=1, le=1_000)]


def _not_found(account: str) -> HTTPException:
    return HTTPException(404, f"no account {account!r}")


class AfterEntry(msgspec.Struct, array_like=True):
    """A place in the ledger."""

    seq: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


def _answers(shape: Any) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"model": shape, "headers": {"ETag": {"schema": {"type": "string"}}}},
        304: {"description": "Not changed since the answer with the ETag of If-None-Match"},
    }


# An id may hold a slash, which the server has decoded before the route is looked for: hence `path`.
_OF: Final = "/{account:path}"


@router.get(f"{_OF}/balance", responses=_answers(shapes.Balance))
def balance(request: Request, account: Account, reports: Asked) -> Response:
    """The balance after the last posting, its buckets, flags and keys."""
    found = reports.balance(account)
    if found is None:
        raise _not_found(account)
    return tagged(request, found)


@router.get(f"{_OF}/ledger", responses=_answers(shapes.LedgerPage))
def ledger(
    request: Request, account: Account, reports: Asked, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Postings, the newest first; `next` is the `cursor` of the following page."""
    after = position_of(cursor, AfterEntry)
    rows = reports.ledger(account, limit=limit, before=after.seq if after else None)
    if not rows and not reports.is_known(account):
        raise _not_found(account)
    following = cursor_of(AfterEntry(rows[-1]["seq"])) if len(rows) == limit else None
    return tagged(request, {"account": account, "entries": rows, "next": following})


@router.get(f"{_OF}/charges", responses=_answers(shapes.ChargesPage))
def charges(
    request: Request, account: Account, reports: Asked, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Charges, the newest first; `next` is the `cursor` of the following page."""
    after = position_of(cursor, AfterRecord) or AfterRecord("", "")
    rows = reports.charges(account, limit=limit, before=after.time or None, before_id=after.id)
    if not rows and not reports.is_known(account):
        raise _not_found(account)
    following = cursor_of(AfterRecord(rows[-1]["time"], rows[-1]["id"])) if len(rows) == limit else None
    return tagged(request, {"account": account, "charges": rows, "next": following})


@router.get(f"{_OF}/costs", responses=_answers(shapes.Costs))
def costs(
    request: Request,
    account: Account,
    reports: Asked,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
    by: Dimension | None = None,
    as_of: date | None = None,
) -> Response:
    """Costs by day of the account's calendar, zero-filled, up to `as_of` (default: the latest day with a charge)."""
    found = reports.costs(account, days, by=by.value if by else None, as_of=as_of)
    if found is None:
        raise _not_found(account)
    return tagged(request, found)
