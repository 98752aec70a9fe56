"""`/v1/accounts…` and `/v1/operations`: where the money goes and where it leads, for an account and for whoever runs it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from sinks.http.access import READ, Reader
from sinks.http.accounts import Account
from sinks.http.ports import Row
from sinks.http.spending import Analysis

router = APIRouter(tags=["analysis"], dependencies=[READ])


class Sort(StrEnum):
    """In which order accounts come."""

    ACCOUNT = "account"
    BURN = "burn"
    RISK = "risk"


def _analysis_of(request: Request) -> Analysis:
    found: Analysis = request.app.state.ports.reports()
    return found


Asked = Annotated[Analysis, Depends(_analysis_of)]
Days = Annotated[int, Query(ge=1, le=366)]


def _found(account: str, answer: Row | None) -> dict[str, Any]:
    if answer is None:
        raise HTTPException(404, f"no account {account!r}")
    return answer


@router.get("/v1/accounts")
def accounts(
    caller: Reader,
    reports: Asked,
    sort: Sort = Sort.ACCOUNT,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0, lt=2**63)] = 0,
) -> dict[str, Any]:
    """All accounts with balance, spend of the month, burn and runway: by id, the greatest burn, or the shortest runway first."""
    caller.check_all_accounts()
    rows = reports.overview(sort.value, limit=limit, offset=offset)
    return {"accounts": rows, "next": offset + limit if len(rows) == limit else None}


@router.get("/v1/operations")
def operations(caller: Reader, reports: Asked) -> dict[str, Any]:
    """How far time is, how fresh charges are, what was refused, who owes, and what could not be stored."""
    caller.check_all_accounts()
    return reports.operations()


@router.get("/v1/accounts/{account:path}/projection")
def projection(account: Account, reports: Asked) -> dict[str, Any]:
    """The month to date, and what it will come to: by the present burn, and by the last seven days."""
    return _found(account, reports.projection(account))


@router.get("/v1/accounts/{account:path}/hours")
def hours(
    account: Account, reports: Asked, hours: Annotated[int, Query(ge=1, le=2_208)] = 48
) -> dict[str, Any]:
    """Costs by hour (UTC), zero-filled, up to the present hour."""
    return _found(account, reports.costs_by_hour(account, hours))


@router.get("/v1/accounts/{account:path}/top-requests")
def top_requests(
    account: Account, reports: Asked, days: Days = 30, limit: Annotated[int, Query(ge=1, le=1_000)] = 10
) -> dict[str, Any]:
    """The dearest requests, with their share of the hours of the deployment that served them; what was idle beside."""
    return _found(account, reports.top_requests(account, days, limit))


@router.get("/v1/accounts/{account:path}/utilization")
def utilization(account: Account, reports: Asked, days: Days = 30) -> dict[str, Any]:
    """Each deployment's paid hours, those without a request, and the money that was idle."""
    return _found(account, reports.utilization(account, days))


@router.get("/v1/accounts/{account:path}/suggestions")
def suggestions(account: Account, reports: Asked, days: Days = 30) -> dict[str, Any]:
    """What could be saved, with the figures that it rests on, the greatest saving first."""
    return _found(account, reports.suggestions(account, days))
