"""Who asks, and whether he may: API tokens, their scopes, and the one account that a token may be bound to.

Pure but for the clock that expiry is held against. A route declares what it needs, and is handed who asks:

    @router.get("/{account:path}/balance")
    def balance(account: str, caller: Reader) -> ...          # scope `read`, and `account` is the caller's

A route that names its account elsewhere than in the path (`account`, `id` …) calls `caller.check_account(account)`;
one that tells of all accounts calls `caller.check_all_accounts()`. One that anybody may call, or that checks for
itself (a customer's key, a signature), says so: `dependencies=[PUBLIC]`. `create_app` refuses a route that
declares nothing.

A token that is presented is always checked. Without one, a service that only this machine can reach takes the
request for an operator's, unless a proxy says that it handed it on.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes

from schemas.access import ApiToken, Scope
from schemas.values import instant_of
from sinks.http.ports import Ports

ACCOUNT: Final = "account"
REALM: Final = 'Bearer realm="meterstream"'
# A browser asks its user for a password when it is answered so; the password is the token.
BROWSER_REALM: Final = 'Basic realm="meterstream", charset="UTF-8"'
_TOKEN: Final = re.compile(r"ms_([0-9a-zA-Z]{1,64})_([0-9a-zA-Z_-]{16,256})")
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
# What a token that does not exist is compared with, so that the answer takes as long.
_NOBODY: Final = sha256(b"nobody").hexdigest()


class Refused(Exception):
    """The request may not be made: `status` 401 (who asks is not known) or 403 (he is, and may not)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `account`: the only one that he sees, None for all; `token`: the id of his token, None without one."""

    scopes: frozenset[Scope]
    account: str | None = None
    token: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether `scope` is among his; `admin` is every scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def sees(self, account: str) -> bool:
        """Whether `account` is his."""
        return self.account is None or self.account == account

    @property
    def is_operator(self) -> bool:
        """Whether he may do everything, for every account."""
        return Scope.ADMIN in self.scopes and self.account is None

    def check(self, scope: Scope) -> None:
        """Raises `Refused` (403) without `scope`."""
        if not self.may(scope):
            raise Refused(403, f"this token has no scope {scope.value!r}")

    def check_account(self, account: str) -> None:
        """Raises `Refused` (403) where `account` is another's; says nothing of whether it exists."""
        if not self.sees(account):
            raise Refused(403, "this token is for another account")

    def check_all_accounts(self) -> None:
        """Raises `Refused` (403) where he sees one account only."""
        if self.account is not None:
            raise Refused(403, "this token is for one account, and this is about all of them")


OPERATOR: Final = Caller(frozenset({Scope.ADMIN}))


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode()).hexdigest()


def is_good(token: ApiToken | None, text: str, now_ms: int) -> bool:
    """Whether `text` is the token whose record is `token`, now; takes as long for one that does not exist."""
    given = hash_of(text)
    right = hmac.compare_digest(given, token.hash if token else _NOBODY)
    if token is None:
        return False
    if token.previous_hash and token.previous_until and now_ms < instant_of(token.previous_until):
        right |= hmac.compare_digest(given, token.previous_hash)
    in_force = token.revoked is None and (token.expires is None or now_ms < instant_of(token.expires))
    return right and in_force


def caller_of(headers: Mapping[str, str], ports: Ports, now_ms: int) -> Caller:
    """Who asks with these headers (their names in lower case).

    Raises `Refused` (401) for a token that is not good and where one is needed, `Unavailable` while tokens are
    not known.
    """
    text = _presented(headers.get("authorization", ""))
    if text is None:
        if ports.anonymous and not any(name in headers for name in _FORWARDED):
            return OPERATOR
        raise Refused(401, "a token is needed: Authorization: Bearer ms_…")
    parts = _TOKEN.fullmatch(text)
    found = ports.tokens.find(parts[1]) if parts and ports.tokens else None
    if not is_good(found, text, now_ms) or found is None:
        raise Refused(401, "this token is not valid: unknown, expired or revoked")
    return Caller(frozenset(found.scopes), found.account, found.id)


def _presented(authorization: str) -> str | None:
    """The token of an `Authorization` header; as the password of Basic too, which is what a browser can send."""
    scheme, _, credentials = authorization.strip().partition(" ")
    if not scheme:
        return None
    if scheme.lower() != "basic":
        return credentials.strip() if scheme.lower() == "bearer" else ""
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


# --- what routes declare ---------------------------------------------------------------------------------

_bearer = HTTPBearer(
    scheme_name="token",
    description="`ms_<id>_<secret>`, made by `meterstream token create`",
    auto_error=False,
)


async def _caller(request: Request, wanted: SecurityScopes, _: Annotated[Any, Security(_bearer)]) -> Caller:
    caller = caller_of(request.headers, request.app.state.ports, time.time_ns() // 1_000_000)
    for scope in wanted.scopes:
        caller.check(Scope(scope))
    account = request.path_params.get(ACCOUNT)
    if account is not None:
        caller.check_account(account)
    return caller


def _anybody() -> None:
    """Declares that a route is for anybody, or checks who asks by itself."""


# A route's parameter of one of these types: who asks, having the scope.
Sender = Annotated[Caller, Security(_caller, scopes=[Scope.INGEST.value])]
Reader = Annotated[Caller, Security(_caller, scopes=[Scope.READ.value])]
Operator = Annotated[Caller, Security(_caller, scopes=[Scope.ADMIN.value])]
# The same for a whole router: `APIRouter(dependencies=[READ])`.
INGEST: Final = Security(_caller, scopes=[Scope.INGEST.value])
READ: Final = Security(_caller, scopes=[Scope.READ.value])
ADMIN: Final = Security(_caller, scopes=[Scope.ADMIN.value])
PUBLIC: Final = Depends(_anybody)


def scopes_of(route: Any) -> frozenset[Scope] | None:
    """What a route has declared: its scopes, none for `PUBLIC`; None where it has declared nothing."""
    declared: set[Scope] = set()
    is_public = False
    pending = list(getattr(getattr(route, "dependant", None), "dependencies", ()))
    while pending:
        dependency = pending.pop()
        pending += dependency.dependencies
        is_public |= dependency.call is _anybody
        if dependency.call is _caller:
            declared |= {Scope(scope) for scope in dependency.own_oauth_scopes or ()}
    return frozenset(declared) if declared or is_public else None
