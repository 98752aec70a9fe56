"""What the dashboard asks beyond the API of accounts: settings, health, the ledger as a file, the playground."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from schemas.spreadsheet import cell
from sinks.http.access import READ, Reader
from sinks.http.accounts import Account, Asked
from sinks.http.ports import Operations, Ports, Reports, Unavailable

# The dashboard's own: they follow its pages and are no part of the described API.
router = APIRouter(include_in_schema=False, dependencies=[READ])

LEDGER_PAGE: Final = 1_000
LEDGER_COLUMNS: Final = (
    "seq",
    "time",
    "type",
    "bucket",
    "amount",
    "balance",
    "currency",
    "charge",
    "payment",
    "id",
)
# Figures of ours stay numbers in a spreadsheet, also negative ones.
_FIGURES: Final = frozenset({"seq", "amount", "balance"})
EVENTS_MAX_CHARACTERS: Final = 1_000_000


class Played(BaseModel):
    """What the playground is given."""

    model_config = ConfigDict(extra="forbid")

    events: Annotated[str, Field(max_length=EVENTS_MAX_CHARACTERS)]
    profile: Annotated[str, Field(max_length=200_000)] | None = None
    until: Annotated[str, Field(max_length=64)] | None = None


def _operations(request: Request) -> Operations:
    ports: Ports = request.app.state.ports
    if ports.operations is None:
        raise Unavailable("the pipeline is not followed here")
    return ports.operations


@router.get("/v1/health")
def health(request: Request, caller: Reader) -> dict[str, Any]:
    """How many records each part is behind, and what the last `meterstream reconcile` said."""
    caller.check_all_accounts()
    return _operations(request).health()


@router.get("/v1/accounts/{account:path}/settings")
def settings(request: Request, account: Account) -> dict[str, Any]:
    """The account's settings as the pipeline has them."""
    found = _operations(request).settings(account)
    if found is None:
        raise HTTPException(404, f"no account {account!r}")
    return found


@router.get("/v1/accounts/{account:path}/ledger.csv", response_class=StreamingResponse)
def ledger_file(account: Account, reports: Asked) -> StreamingResponse:
    """Every posting, the newest first, as CSV; names that a spreadsheet would take for a formula are guarded."""
    if not reports.is_known(account):
        raise HTTPException(404, f"no account {account!r}")
    headers = {"Content-Disposition": 'attachment; filename="ledger.csv"'}
    return StreamingResponse(
        _ledger_lines(reports, account), media_type="text/csv; charset=utf-8", headers=headers
    )


@router.post("/v1/playground")
def play(request: Request, caller: Reader, played: Played) -> dict[str, Any]:
    """Bill events by the engine alone, with the shipped profiles or one of your own; nothing is stored."""
    caller.check_all_accounts()
    try:
        return _operations(request).play(played.events.encode(), played.profile, played.until)
    except ValueError as fault:
        raise HTTPException(400, str(fault)) from None


def _ledger_lines(reports: Reports, account: str) -> Iterator[str]:
    yield _line(LEDGER_COLUMNS)
    before: int | None = None
    while True:
        entries = reports.ledger(account, limit=LEDGER_PAGE, before=before)
        for entry in entries:
            yield _line(
                [str(entry[n]) if n in _FIGURES else cell(str(entry[n] or "")) for n in LEDGER_COLUMNS]
            )
        if len(entries) < LEDGER_PAGE:
            return
        before = entries[-1]["seq"]


def _line(cells: list[str] | tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue()
