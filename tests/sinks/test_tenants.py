"""No token reads or changes what is another's, on any route; and without a token nothing is told that is not public."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from schemas.access import Scope
from schemas.adapters import Checkout, Shelf
from schemas.envelope import OutgoingEvent
from sinks.http.access import hash_of
from sinks.http.app import create_app
from sinks.http.dashboard.watchers import Watchers
from sinks.http.ports import Ports
from tests.sinks.calling import call, error_of
from tests.sinks.every_route import Way, ways_of
from tests.sinks.fakes import KnownTokens, token
from tests.sinks.test_http import FakeReports

SECRET = "s" * 43
LONG_AGO = "2020-01-01T00:00:00.000Z"
# What anybody may call. One that is added here answers nothing of any tenant, or checks who asks by itself.
PUBLIC = {
    "GET /healthz",
    "GET /readyz",
    "GET /docs",
    "GET /v1/authorize",
    "POST /v1/authorize",
    "POST /v1/webhooks/{provider}",
    "GET /static/{name:path}",
    "GET /v1/unsubscribe",
    "POST /v1/unsubscribe",
}


class Spied:
    """Whatever the service is handed, with a note of every use of it; unknown questions have an empty answer."""

    def __init__(self, used: list[str], real: object = None) -> None:
        self._used, self._real = used, real

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*arguments: Any, **named: Any) -> Any:
            self._used.append(name)
            real = getattr(self._real, name, None)
            return real(*arguments, **named) if real is not None else {}

        return ask


class Sink:
    """A fake of `EventSink`."""

    def __init__(self, used: list[str]) -> None:
        self._used = used

    async def send(self, events: Sequence[OutgoingEvent]) -> None:
        self._used += [f"send {event.account}" for event in events]


class Desk:
    """A fake of `CheckoutDesk`."""

    def __init__(self, used: list[str]) -> None:
        self._used = used

    def shelf(self, profile: str) -> Shelf:
        self._used.append(f"shelf {profile}")
        return Shelf("USD", None, {})

    def open(self, account: str, profile: str, **order: object) -> Checkout:
        self._used.append(f"open {account} {profile} {len(order)}")
        return Checkout(
            "cs_1", "https://a.example/", 0, "5.00", "USD", OutgoingEvent(account, "payment.created", b"")
        )


class OneAccount(FakeReports):
    """Knows every account that it is asked for."""

    def balance(self, account: str) -> dict[str, Any]:
        return super().balance("a/1") | {"account": account}  # type: ignore[operator]

    def is_known(self, account: str) -> bool:
        del account
        return True

    def ledger(self, account: str, **page: Any) -> list[dict[str, Any]]:
        del account
        return super().ledger("a/1", **page)

    def charges(self, account: str, **page: Any) -> list[dict[str, Any]]:
        del account
        return super().charges("a/1", **page)

    def costs(self, account: str, days: int, **options: Any) -> dict[str, Any] | None:
        del account
        return super().costs("a/1", days, **options)


def is_answered(answer: httpx.Response) -> bool:
    """Whether whoever asked was let in; 501: a part of the service is not set up in these tests."""
    return answer.status_code < 300 or answer.status_code == 501


class NoNotices:
    """A fake of `NoticeReports` that has none."""

    def notices(self, account: str, **page: Any) -> list[dict[str, Any]]:
        del account, page
        return []


def ended() -> Watchers:
    """Nobody writes charges any more: the answer to who watches comes at once."""
    watchers = Watchers()
    watchers.close()
    return watchers


class Service:
    """The application with one token, and what was used to answer."""

    def __init__(self, scopes: Sequence[Scope] = (), account: str | None = None, **changes: object) -> None:
        self.used: list[str] = []
        record = token(hash=hash_of(f"ms_t1_{SECRET}"), scopes=list(scopes), account=account, **changes)
        ports = Ports(
            lambda: Spied(self.used, OneAccount()),
            mails=self._mails,
            tokens=KnownTokens(record),
            anonymous=False,
            events=Sink(self.used),
            advice=Spied(self.used),
            notices=lambda: Spied(self.used, NoNotices()),
            checkout=Desk(self.used),
            live=ended(),
            operations=Spied(self.used),
        )
        self.app = create_app(ports)

    def _mails(self, limit: int) -> Sequence[EmailMessage]:
        del limit
        self.used.append("mails")
        return []

    def ask(
        self, way: Way, account: str, authorization: str | None = f"Bearer ms_t1_{SECRET}"
    ) -> httpx.Response:
        headers = {"authorization": authorization} if authorization else {}
        body: Mapping[str, Any] = {"json": way.body(account)} if way.body else {}
        return call(self.app, way.method, way.url(account), headers=headers, **body)


WAYS = ways_of(Service().app)
GUARDED = [way for way in WAYS if way.scopes]
ids = st.text(st.sampled_from("ab/.%?#é 1"), min_size=1, max_size=12).filter(lambda text: text.strip("./ "))


def test_the_public_routes_are_these_and_no_others() -> None:
    assert {str(way) for way in WAYS if not way.scopes} == PUBLIC


@pytest.mark.parametrize("way", GUARDED, ids=str)
def test_an_operator_is_answered(way: Way) -> None:
    """If this fails for a new route, its body cannot be made from its description: see `every_route.BODIES`."""
    answer = Service([Scope.ADMIN]).ask(way, "acme")

    assert is_answered(answer), answer.text


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ms_t1_" + "x" * 43,
        "Basic " + base64.b64encode(b"a:b").decode(),
        f"Token ms_t1_{SECRET}",
    ],
)
@pytest.mark.parametrize("way", GUARDED, ids=str)
def test_without_a_good_token_no_route_tells_anything(way: Way, authorization: str | None) -> None:
    service = Service([Scope.ADMIN])

    answer = service.ask(way, "acme", authorization)

    assert error_of(answer)[:2] == (401, "authentication_error")
    assert service.used == []


@pytest.mark.parametrize("changes", [{"expires": LONG_AGO}, {"revoked": LONG_AGO}])
@pytest.mark.parametrize("way", GUARDED, ids=str)
def test_a_token_that_is_over_opens_nothing(way: Way, changes: dict[str, str]) -> None:
    service = Service([Scope.ADMIN], **changes)

    assert service.ask(way, "acme").status_code == 401
    assert service.used == []


# To make a failing case smaller takes minutes and tells no more.
@settings(max_examples=200, deadline=timedelta(seconds=5), derandomize=True, phases=[Phase.generate])
@given(way=st.sampled_from(GUARDED), scopes=st.sets(st.sampled_from(Scope)), own=ids, asked=ids)
def test_a_token_of_one_account_reaches_no_other_and_nothing_about_all(
    way: Way, scopes: set[Scope], own: str, asked: str
) -> None:
    service = Service(sorted(scopes), own)

    answer = service.ask(way, asked)

    may = (way.scopes <= scopes or Scope.ADMIN in scopes) and way.takes_account and own == asked
    if may:
        assert is_answered(answer), answer.text
    else:
        assert error_of(answer)[:2] == (403, "permission_error")
        assert service.used == []


@pytest.mark.parametrize("way", GUARDED, ids=str)
def test_a_token_of_one_account_reaches_its_own_where_the_route_is_about_one(way: Way) -> None:
    answer = Service(list(way.scopes), "a/1").ask(way, "a/1")

    assert is_answered(answer) if way.takes_account else answer.status_code == 403
