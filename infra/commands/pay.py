"""`meterstream pay`: payments that no webhook tells, told by an operator; each is checked, sent once, and answered for."""

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from inspect import Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

if TYPE_CHECKING:
    from infra.pay import Answer, Word


class Method(StrEnum):
    """How a payment was made."""

    CARD = "card"
    PAYPAL = "paypal"
    FLUX = "flux"
    ALIPAY = "alipay"
    WECHAT = "wechat"
    QR = "qr"


WAIT_S: Final = 30.0


class How(NamedTuple):
    """How it is told: under which id, as of when, and what is printed."""

    id: str | None
    at: str | None
    wait: bool
    as_json: bool


class Claim(NamedTuple):
    """What an operator says has happened: the event's type, its id unless another is given, its data; None says nothing."""

    kind: str
    account: str
    id: str
    data: Mapping[str, str | None]


Account = Annotated[str, typer.Argument(help="The account's id.")]
Payment = Annotated[str, typer.Option("--payment", help="The payment's id, as its provider names it.")]
By = Annotated[Method, typer.Option("--method", help="How it was made.")]
Amount = Annotated[str, typer.Option("--amount", help="Gross amount, as a decimal: 50 or 49.90.")]
Voucher = Annotated[
    str, typer.Option("--voucher", help="The voucher: a file (known by its SHA-256) or an id.")
]
Currency = Annotated[
    str | None, typer.Option("--currency", help="Currency of the amount. Default: the account's.")
]
Id = Annotated[
    str | None,
    typer.Option(
        "--id", help="The event's id. Default: made of payment and state, so that the same is told once."
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        help="When it happened (2026-11-25T10:00:00Z). Default: now; the last tick on the clock events.",
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until the account's balance answers, or a refusal.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Refill = Annotated[
    str | None, typer.Option("--refill", help="Id of the payment.refill command that asked for it.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    pay = typer.Typer(help="Tell of payments that no webhook tells.")
    for claim in (record, fail, expire, upload, approve, reject, refund, dispute):
        pay.command(claim.__name__)(_telling(claim))
    app.add_typer(pay, name="pay")


def record(
    account: Account,
    payment: Payment,
    method: By,
    amount: Amount,
    currency: Currency = None,
    fee: Annotated[str | None, typer.Option("--fee", help="What the provider keeps of the amount.")] = None,
    bonus: Annotated[str | None, typer.Option("--bonus", help="Credit given on top of it.")] = None,
    native_amount: Annotated[
        str | None, typer.Option("--native-amount", help="What was paid, in --native-currency (FLUX).")
    ] = None,
    native_currency: Annotated[
        str | None, typer.Option("--native-currency", help="What it was paid in.")
    ] = None,
    refill: Refill = None,
) -> Claim:
    """A payment succeeded: credit it."""
    native = {"native_amount": native_amount, "native_currency": native_currency}
    more = {"fee": fee, "bonus": bonus, "refill": refill} | native
    return _payment("succeeded", account, payment, amount, currency, method=method.value, **more)


def fail(
    account: Account,
    payment: Payment,
    method: By,
    amount: Amount,
    currency: Currency = None,
    refill: Refill = None,
) -> Claim:
    """A payment was declined."""
    return _payment("failed", account, payment, amount, currency, method=method.value, refill=refill)


def expire(
    account: Account, payment: Payment, method: By, amount: Amount, currency: Currency = None
) -> Claim:
    """A payment was not made in time."""
    return _payment("expired", account, payment, amount, currency, method=method.value)


def upload(
    account: Account, payment: Payment, voucher: Voucher, amount: Amount, currency: Currency = None
) -> Claim:
    """A bank transfer's voucher came in and waits for review."""
    return _transfer("uploaded", account, payment, voucher, amount, currency)


def approve(
    account: Account, payment: Payment, voucher: Voucher, amount: Amount, currency: Currency = None
) -> Claim:
    """The review found the transfer good: credit it."""
    return _transfer("approved", account, payment, voucher, amount, currency)


def reject(
    account: Account, payment: Payment, voucher: Voucher, amount: Amount, currency: Currency = None
) -> Claim:
    """The review turned the transfer down."""
    return _transfer("rejected", account, payment, voucher, amount, currency)


def refund(account: Account, payment: Payment, amount: Amount, currency: Currency = None) -> Claim:
    """Money of a payment was given back. A second refund of the same amount needs an --id."""
    return _given_back("refunded", account, payment, amount, currency)


def dispute(account: Account, payment: Payment, amount: Amount, currency: Currency = None) -> Claim:
    """The card's holder took money back. A second dispute of the same amount needs an --id."""
    return _given_back("disputed", account, payment, amount, currency)


# --- what is claimed -------------------------------------------------------------------------------------


def _payment(
    state: str, account: str, payment: str, amount: str, currency: str | None, **more: str | None
) -> Claim:
    data = {"payment": payment, "amount": amount, "currency": currency} | more
    return Claim(f"payment.{state}", account, f"{payment}/{state}", data)


def _given_back(state: str, account: str, payment: str, amount: str, currency: str | None) -> Claim:
    # A payment may be given back in parts: the amount tells them apart.
    claim = _payment(state, account, payment, amount, currency)
    return claim._replace(id=f"{claim.id}/{amount}")


def _transfer(
    state: str, account: str, payment: str, voucher: str, amount: str, currency: str | None
) -> Claim:
    from infra.pay import voucher_of

    data = {"payment": payment, "voucher": voucher_of(voucher), "amount": amount, "currency": currency}
    return Claim(f"transfer.{state}", account, f"{payment}/{state}", data)


# --- telling ---------------------------------------------------------------------------------------------


def _how(event_id: Id = None, at: Time = None, wait: Wait = True, as_json: AsJson = False) -> How:
    return How(event_id, at, wait, as_json)


def _telling(claim: Callable[..., Claim]) -> Callable[..., None]:
    """The command that tells what `claim` makes of its options; those of `_how` stand behind them."""
    own, shared = signature(claim), signature(_how)

    def command(**given: Any) -> None:
        how = _how(**{name: given.pop(name) for name in shared.parameters})
        _tell(claim(**given), how)

    # What typer reads a command's options from.
    command.__signature__ = Signature([*own.parameters.values(), *shared.parameters.values()])  # type: ignore[attr-defined]
    command.__annotations__ = claim.__annotations__ | _how.__annotations__ | {"return": None}
    command.__doc__ = claim.__doc__
    return command


def _tell(claim: Claim, how: How) -> None:
    from infra.pay import Till, Word
    from infra.settings import load_settings

    given = {field: value for field, value in claim.data.items() if value is not None}
    word = Word(claim.kind, claim.account, how.id or claim.id, given)
    answer = Till(load_settings()).tell(word, at=how.at, wait_s=WAIT_S if how.wait else None)
    _print(word, answer, how)


def _print(word: "Word", answer: "Answer", how: How) -> None:
    """Say what became of it; exits with 1 where it was refused."""
    from infra.errors import CommandFailed

    if how.as_json:
        _print_json(answer)
    elif answer.refused is None:
        again = " (told before: nothing changes)" if answer.repeated else ""
        balance = answer.balance
        nothing = "no balance" if how.wait else "sent"
        account = f"{balance['balance']} {balance['currency']}" if balance else nothing
        sys.stdout.write(f"{word.kind} {word.data['payment']}{again}; {word.account}: {account}\n")
    if answer.refused is not None:
        refused = f"{answer.refused['reason']}: {answer.refused['detail']}"
        before = "; so it was told before, --id tells it anew" if answer.repeated else ""
        raise CommandFailed(f"refused, {refused}{before}")


def _print_json(answer: "Answer") -> None:
    import json

    refused = answer.refused and {name: answer.refused[name] for name in ("reason", "detail")}
    found = {
        "event": json.loads(answer.event.raw), "repeated": answer.repeated, "balance": answer.balance, "refused": refused,
    }  # fmt: skip
    sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
