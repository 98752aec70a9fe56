"""`/v1/accounts/…`: balance, ledger, charges and costs of one account, as JSON."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request

from sinks.http.access import READ
from sinks.http.ports import Reports, Row

router = APIRouter(prefix="/v1/accounts", tags=["accounts"], dependencies=[READ])


class Dimension(StrEnum):
    """What costs are split by."""

    RESOURCE = "resource"
    MODEL = "model"
    SKU = "sku"
    KEY = "key"


def reports_of(request: Request) -> Reports:
    """The reports that this application was handed."""
    found: Reports = request.app.state.ports.reports()
    return found


Account = Annotated[str, Path(min_length=1, max_length=512)]
Asked = Annotated[Reports, Depends(reports_of)]
Limit = Annotated[int, Query(ge=1, le=1_000)]


def _not_found(account: str) -> HTTPException:
    return HTTPException(404, f"no account {account!r}")


# An id may hold a slash, which the server has decoded before the route is looked for: hence `path`.
@router.get("/{account:path}/balance")
def balance(account: Account, reports: Asked) -> dict[str, Any]:
    """The balance after the last posting, its buckets, flags and keys."""
    found = reports.balance(account)
    if found is None:
        raise _not_found(account)
    return found


@router.get("/{account:path}/ledger")
def ledger(
    account: Account,
    reports: Asked,
    limit: Limit = 100,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> dict[str, Any]:
    """Postings, the newest first; `before` is the `seq` to go on below, `next` the one for the next page."""
    rows = reports.ledger(account, limit=limit, before=before)
    if not rows and not reports.is_known(account):
        raise _not_found(account)
    return {"account": account, "entries": rows, "next": rows[-1]["seq"] if len(rows) == limit else None}


@router.get("/{account:path}/charges")
def charges(
    account: Account,
    reports: Asked,
    limit: Limit = 100,
    before: Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")] = None,
    before_id: Annotated[str, Query(max_length=512)] = "",
) -> dict[str, Any]:
    """Charges, the newest first; `next` holds the `before` and `before_id` of the next page."""
    rows = reports.charges(account, limit=limit, before=before, before_id=before_id)
    if not rows and not reports.is_known(account):
        raise _not_found(account)
    following = {"before": rows[-1]["time"], "before_id": rows[-1]["id"]} if len(rows) == limit else None
    return {"account": account, "charges": rows, "next": following}


@router.get("/{account:path}/costs")
def costs(
    account: Account,
    reports: Asked,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
    by: Dimension | None = None,
    as_of: date | None = None,
) -> Row:
    """Costs by day of the account's calendar, zero-filled, up to `as_of` (default: the latest day with a charge)."""
    found = reports.costs(account, days, by=by.value if by else None, as_of=as_of)
    if found is None:
        raise _not_found(account)
    return found
