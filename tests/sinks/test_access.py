"""API tokens: what is accepted, what is refused, and that a route declares who may call it."""

import base64
from dataclasses import replace

import pytest
from fastapi import APIRouter

from schemas.access import ApiToken, Scope
from schemas.values import instant_of
from sinks.http import access
from sinks.http.access import OPERATOR, Refused, caller_of, hash_of, is_good
from sinks.http.ports import Ports
from tests.sinks.fakes import TEXT, KnownTokens, token

NOW = "2026-11-25T12:00:00.000Z"
NOW_MS = instant_of(NOW)
EARLIER, LATER = "2026-11-25T11:59:59.999Z", "2026-11-25T12:00:00.001Z"
OLD = "ms_t1_" + "o" * 43


PORTS = Ports(lambda: None, tokens=KnownTokens(token()), anonymous=False)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("record", "text", "good"),
    [
        (token(), TEXT, True),
        (token(), OLD, False),
        (None, TEXT, False),
        (token(revoked=EARLIER), TEXT, False),
        (token(expires=LATER), TEXT, True),
        (token(expires=NOW), TEXT, False),
        (token(previous_hash=hash_of(OLD), previous_until=LATER), OLD, True),
        (token(previous_hash=hash_of(OLD), previous_until=NOW), OLD, False),
        (token(previous_hash=hash_of(OLD), previous_until=LATER), TEXT, True),
        (token(previous_hash=hash_of(OLD), previous_until=LATER, revoked=EARLIER), OLD, False),
    ],
)
def test_a_token_is_good_until_it_expires_or_is_revoked_and_after_a_rotation_for_a_while(
    record: ApiToken | None, text: str, good: bool
) -> None:
    assert is_good(record, text, NOW_MS) is good


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"me:{password}".encode()).decode()


@pytest.mark.parametrize("header", [f"Bearer {TEXT}", f"bearer  {TEXT} ", basic(TEXT)])
def test_a_token_is_presented_as_bearer_or_as_the_password_of_a_browser(header: str) -> None:
    caller = caller_of({"authorization": header}, PORTS, NOW_MS)

    assert caller == access.Caller(frozenset({Scope.READ}), account=None, token="t1")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", f"Bearer {OLD}", f"Token {TEXT}", "Bearer ms_t1_", "Basic !", basic("x"), TEXT,
     f"Bearer {TEXT} {TEXT}", "Bearer ms_t2_" + "s" * 43, "Basic " + base64.b64encode(b"\xff").decode()],
)  # fmt: skip
def test_whatever_is_no_valid_token_is_refused(header: str) -> None:
    with pytest.raises(Refused) as refused:
        caller_of({"authorization": header}, PORTS, NOW_MS)

    assert refused.value.status == 401


def test_a_service_that_only_this_machine_reaches_takes_a_request_without_token_for_its_operators() -> None:
    local = replace(PORTS, anonymous=True)

    assert caller_of({}, local, NOW_MS) == OPERATOR


@pytest.mark.parametrize("name", ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"])
def test_what_a_proxy_handed_on_needs_a_token_also_there(name: str) -> None:
    local = replace(PORTS, anonymous=True)

    with pytest.raises(Refused):
        caller_of({name: "127.0.0.1"}, local, NOW_MS)


def test_a_bad_token_is_refused_also_where_none_is_needed() -> None:
    local = replace(PORTS, anonymous=True)

    with pytest.raises(Refused):
        caller_of({"authorization": f"Bearer {OLD}"}, local, NOW_MS)


def test_a_route_declares_its_scope_or_that_it_is_public() -> None:
    router = APIRouter()

    @router.get("/read", dependencies=[access.READ])
    def read() -> None: ...

    @router.get("/send")
    def send(caller: access.Sender) -> None: ...

    @router.get("/public", dependencies=[access.PUBLIC])
    def public() -> None: ...

    @router.get("/forgotten")
    def forgotten() -> None: ...

    declared = [access.scopes_of(route) for route in router.routes]

    assert declared == [frozenset({Scope.READ}), frozenset({Scope.INGEST}), frozenset(), None]
