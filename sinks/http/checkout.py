"""`POST /v1/checkout`: a page of the payment provider on which an account's owner buys credit.

Promises: the account is the caller's, and there is one; whoever pays is sent back over https (or to this machine);
`payment.created` is with Kafka before the page's address is given out. Credits are posted when the payment succeeds
(PD-04), which the provider's webhook tells.
"""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Path, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.adapters import Checkout, CheckoutDesk, CheckoutRefused, ProviderDown
from schemas.values import Name, Positive, instant_text, money_text
from sinks.http.access import READ, Sender
from sinks.http.ports import Ports, Unavailable
from sinks.http.shapes import Error

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
URL_LENGTH_MAX: Final = 2_048
router = APIRouter(prefix="/v1", tags=["payments"])


def _safe_url(url: str) -> str:
    """An address that a browser may be sent to: https, or http on this machine, and no other trick."""
    if len(url) > URL_LENGTH_MAX or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("an address of printable ASCII letters is needed")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("this is no address") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address without a user is needed")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)):
        raise ValueError("https:// is needed, or http:// on this machine")
    return url


Url = Annotated[str, AfterValidator(_safe_url)]


class CheckoutOrder(BaseModel):
    """What is bought, for whom, and where whoever pays is sent afterwards. `amount`: in the account's currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: Name
    amount: Positive | None = None
    pack: Name | None = None
    success_url: Url
    cancel_url: Url


class OpenCheckout(BaseModel):
    """Where to pay, and until when."""

    id: str
    url: str
    expires: str
    amount: str = Field(description="in `currency`, as a decimal string")
    currency: str


class OfferedPack(BaseModel):
    """A fixed amount by name; `label` says whom it is best for."""

    name: str
    amount: str
    label: str


class Offered(BaseModel):
    """What may be bought: packs, and any other amount from `minimum` on (null: any)."""

    currency: str
    minimum: str | None
    packs: list[OfferedPack]


_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"model": Error, "description": "No such account"},
    501: {"model": Error, "description": "Checkouts are not set up"},
}


# An id may hold a slash: see sinks/http/accounts.py.
@router.get("/accounts/{account:path}/packs", responses=_ERRORS, dependencies=[READ])
def packs(account: Annotated[str, Path(min_length=1, max_length=512)], request: Request) -> Offered:
    """The packs that the account's owner may buy, and the least other amount."""
    ports: Ports = request.app.state.ports
    desk = _desk_of(ports)
    try:
        shelf = desk.shelf(_profile_of(ports, account))
    except CheckoutRefused as refused:
        raise HTTPException(400, str(refused)) from None
    offered = [
        OfferedPack(name=name, amount=money_text(pack.amount), label=pack.label)
        for name, pack in shelf.packs.items()
    ]
    minimum = None if shelf.minimum is None else money_text(shelf.minimum)
    return Offered(currency=shelf.currency, minimum=minimum, packs=offered)


@router.post("/checkout", status_code=201, responses=_ERRORS)
async def checkout(order: CheckoutOrder, request: Request, caller: Sender) -> OpenCheckout:
    """Open a page of the payment provider on which `amount`, or a pack of the account's profile, is paid."""
    caller.check_account(order.account)
    ports: Ports = request.app.state.ports
    desk = _desk_of(ports)
    if ports.events is None:
        raise HTTPException(501, "this service takes no events")
    profile = await run_in_threadpool(_profile_of, ports, order.account)
    try:
        opened = await run_in_threadpool(_open, desk, profile, order)
    except CheckoutRefused as refused:
        raise HTTPException(400, str(refused)) from None
    except ProviderDown as down:
        raise Unavailable(str(down)) from None
    await ports.events.send([opened.created])
    return OpenCheckout(
        id=opened.id,
        url=opened.url,
        expires=instant_text(opened.expires_ms),
        amount=opened.amount,
        currency=opened.currency,
    )


def _open(desk: CheckoutDesk, profile: str, order: CheckoutOrder) -> Checkout:
    return desk.open(
        order.account,
        profile,
        amount=order.amount,
        pack=order.pack,
        success_url=order.success_url,
        cancel_url=order.cancel_url,
    )


def _desk_of(ports: Ports) -> CheckoutDesk:
    if ports.checkout is None:
        raise HTTPException(501, "checkouts are not set up: METERSTREAM_STRIPE_API_KEY is not set")
    return ports.checkout


def _profile_of(ports: Ports, account: str) -> str:
    found: dict[str, Any] | None = ports.reports().balance(account)
    if found is None:
        raise HTTPException(404, f"no account {account!r}")
    return str(found["profile"])
