"""The pages and their files. A page is a frame that draws itself: its script asks the API, with the reader's token.

Nothing comes from another host and nothing is built: scripts and styles are served as they lie in `sinks/http/static`.
A browser without a token is asked for a password, which is the token (`sinks/http/access.py`).
"""

from __future__ import annotations

import mimetypes
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from schemas.profile import Profile, SkuKind
from sinks.http.access import PUBLIC, READ, Reader
from sinks.http.accounts import Account, reports_of
from sinks.http.pages import page
from sinks.http.ports import Ports

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

# Scripts and styles of this service, none in the page, none of another host.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
EXAMPLE: Final = """\
{"specversion":"1.0","id":"1","source":"me","type":"account.opened","subject":"acme","time":"2026-11-02T08:00:00Z","data":{"profile":"flexai","email":"owner@acme.example"}}
{"specversion":"1.0","id":"2","source":"me","type":"request.served","subject":"acme","time":"2026-11-02T08:00:01Z","data":{"request":"r-1","model":"llama-3.3-70b","input_tokens":1200,"output_tokens":350}}
"""
HINT: Final = "Copy schemas/profiles/flexai.toml here and change a price. The name stays or is a new one."


@router.get("/")
def operator_page(caller: Reader) -> Response:
    """All accounts, the pipeline's health, charges as they come."""
    caller.check_all_accounts()
    return _page("operator")


@router.get("/accounts/{account:path}", dependencies=[READ])
def account_page(request: Request, account: Account) -> Response:
    """One account."""
    balance = reports_of(request).balance(account)
    if balance is None:
        raise HTTPException(404, f"no account {account!r}")
    ports: Ports = request.app.state.ports
    profile = ports.profiles.get(balance["profile"])
    display = profile.display if profile else None
    return _page(
        "account",
        account=account,
        balance=balance,
        title=profile.title if profile else balance["profile"],
        unit=display.unit if display else "",
        per=str(display.per_currency) if display else "",
        split=_split(profile),
    )


def _split(profile: Profile | None) -> str:
    """What costs are split by at first: models, where a provider has nothing else."""
    kinds = {sku.kind for sku in profile.skus.values()} if profile else set()
    return "model" if kinds == {SkuKind.MODEL} else "resource"


@router.get("/playground")
def playground_page(caller: Reader) -> Response:
    """The engine by itself."""
    caller.check_all_accounts()
    return _page("playground", events=EXAMPLE, hint=HINT)


@router.get("/static/{name:path}", dependencies=[PUBLIC])
def static_file(request: Request, name: str) -> Response:
    """A script, a style or a library that is shipped with the service."""
    found = _files().get(name)
    if found is None:
        raise HTTPException(404, f"no file {name!r}")
    body, kind, tag = found
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)


def _page(name: str, **words: Any) -> Response:
    return page(name, {"Content-Security-Policy": POLICY}, **words)


@cache
def _files() -> dict[str, tuple[bytes, str, str]]:
    """Every shipped file by its name: contents, type, tag. Read once; what is not listed cannot be asked for."""
    found: dict[str, tuple[bytes, str, str]] = {}
    pending = [("", files("sinks.http") / "static")]
    while pending:
        prefix, folder = pending.pop()
        for entry in folder.iterdir():
            if entry.is_dir():
                pending.append((f"{prefix}{entry.name}/", entry))
            else:
                body = entry.read_bytes()
                kind = mimetypes.guess_type(entry.name)[0] or "text/plain"
                found[f"{prefix}{entry.name}"] = body, kind, f'"{sha256(body).hexdigest()[:32]}"'
    return found
