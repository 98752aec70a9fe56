"""Stage 1 of 6, the fold: one event or tick at one account, and everything that follows from it. Pure.

`apply` takes the state over: it is changed in place, and the records are appended to `out`. Refusals are
records with a reason in the contract's order of precedence (8.3); checks come before effects, so a refused
event moves the clock and nothing else. The same state, events and book give the same records, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from schemas.records import Balance as BalanceRecord
from schemas.records import Reason
from schemas.records import WindowCosts as WindowCostsRecord
from schemas.values import instant_text, money_text
from schemas.wire import Balance, Cause, Event, Rejection
from streams.core import accounts, continuous, enforcement, ledger, payments, requests, sessions, timers, waiting, windows
from streams.core.amounts import EXACT, ZERO
from streams.core.book import Book, Offer
from streams.core.errors import BrokenInvariant
from streams.core.notices import watch_balance
from streams.core.state import NEVER, Account, Outbox
from streams.core.turn import TIMER, Refusal, Turn, record_id

HORIZON_MS = 35 * 86_400_000
Handler = Callable[[Turn, Any, int], Refusal | None]


def _not_offered(turn: Turn, _data: object, _time_ms: int) -> Refusal | None:
    return Refusal(Reason.CAPABILITY_DISABLED, f"{turn.offer.name} does not offer this")


def _gauge(turn: Turn, data: Any, _time_ms: int) -> Refusal | None:
    return Refusal(Reason.UNKNOWN_SKU, f"sku {data.sku!r} is not sold by {turn.offer.name}")


HANDLERS: dict[str, Handler] = {
    "account.settings_changed": accounts.settings_changed,
    "key.created": accounts.key_created,
    "key.tier_changed": accounts.key_tier_changed,
    "grant.issued": accounts.grant_issued,
    "coupon.redeemed": accounts.coupon_redeemed,
    "refund.requested": accounts.refund_requested,
    "withdrawal.requested": accounts.withdrawal_requested,
    "payment.created": payments.created,
    "payment.succeeded": payments.succeeded,
    "payment.failed": payments.failed,
    "payment.expired": payments.expired,
    "payment.refunded": payments.refunded,
    "payment.disputed": payments.disputed,
    "transfer.uploaded": payments.uploaded,
    "transfer.approved": payments.approved,
    "transfer.rejected": payments.rejected,
    "instance.requested": enforcement.request,
    "instance.started": sessions.start,
    "instance.heartbeat": sessions.heartbeat,
    "instance.stopped": sessions.stop,
    "instance.released": sessions.release,
    "instance.mode_changed": _not_offered,
    "term.renewed": _not_offered,
    "term.auto_renew_set": _not_offered,
    "deployment.replicas_changed": _not_offered,
    "deployment.limits_set": _not_offered,
    "model.state_changed": _not_offered,
    "capacity.sampled": _gauge,
    "request.served": requests.serve,
}
OPENED = "account.opened"
# Events about a resource that must have started: before that they wait.
AFTER_START = frozenset({"instance.heartbeat", "instance.stopped", "instance.released", "capacity.deleted"})
STARTS = frozenset({"instance.started"})


def new_account(account_id: str) -> Account:
    """The state of an account of which nothing has been heard."""
    return Account(account_id)


def apply(account: Account, event: Event, clock_ms: int, book: Book, out: Outbox) -> None:
    """Fold one event in. `clock_ms`: the partition's clock when the event was accepted (its greatest tick)."""
    time_ms = event.time_ms
    advance(account, clock_ms, book, out)
    if time_ms > account.clock_ms:
        if account.due_ms < time_ms:
            _fire(account, time_ms - 1, book, out)
        account.clock_ms = time_ms
    elif time_ms < account.clock_ms - HORIZON_MS:
        _refuse(account, event, Refusal(Reason.TOO_OLD, "more than 35 days behind the account's clock"), out)
        return
    offer = _offer_for(account, event, book)
    if isinstance(offer, Refusal):
        _refuse(account, event, offer, out)
        return
    turn = Turn(account, offer, out, account.clock_ms, event.source, event.id, late=time_ms < account.clock_ms)
    before = account.balance
    _handle(turn, event)
    watch_balance(turn, before)


def advance(account: Account, clock_ms: int, book: Book, out: Outbox) -> None:
    """Move the account's clock to `clock_ms` and fire every timer due by then, in due order."""
    if account.due_ms <= clock_ms:
        _fire(account, clock_ms, book, out)
    account.clock_ms = max(account.clock_ms, clock_ms)


def finish(account: Account, out: Outbox) -> None:
    """The story ends: events that still wait for a start are about unknown resources."""
    for event in waiting.give_up(account, NEVER):
        _refuse(account, event, _unknown(event), out)


def _offer_for(account: Account, event: Event, book: Book) -> Offer | Refusal:
    if event.type == OPENED:
        if event.data.profile not in book.offers:
            return Refusal(Reason.UNKNOWN_PROFILE, f"no profile {event.data.profile!r}")
        if account.profile:
            return Refusal(Reason.ACCOUNT_EXISTS, f"{account.id} is open already")
        return book.offers[event.data.profile]
    if not account.profile:
        return Refusal(Reason.UNKNOWN_ACCOUNT, f"{account.id} is not open")
    return _offer_of(account, book)


def _offer_of(account: Account, book: Book) -> Offer:
    try:
        return book.offers[account.profile]
    except KeyError:
        raise BrokenInvariant(f"account {account.id} has profile {account.profile!r}, which is not loaded") from None


def _handle(turn: Turn, event: Event) -> None:
    account = turn.account
    if event.type in AFTER_START and not sessions.known_at(account, event.data.resource, event.time_ms):
        if not waiting.park(account, event):
            _refuse(account, event, _unknown(event), turn.out)
        return
    handler = accounts.opened if event.type == OPENED else HANDLERS[event.type]
    refusal = handler(turn, event.data, event.time_ms)
    if refusal is not None:
        _refuse(account, event, refusal, turn.out)
    elif event.type in STARTS:
        for waited in waiting.release(account, event.data.resource):
            _handle(Turn(account, turn.offer, turn.out, turn.time_ms, waited.source, waited.id, late=True), waited)


def _unknown(event: Event) -> Refusal:
    return Refusal(Reason.UNKNOWN_RESOURCE, f"{event.data.resource} has not been started")


def _refuse(account: Account, event: Event, refusal: Refusal, out: Outbox) -> None:
    out.rejections.append(
        Rejection(
            id=record_id("rej", account.id, event.source, event.id),
            account=account.id,
            time=instant_text(account.clock_ms),
            cause=Cause(source=event.source, id=event.id),
            reason=refusal.reason.value,  # type: ignore[arg-type]  # the struct carries the enum's text
            detail=refusal.detail,
            event=msgspec.Raw(event.raw),
        )
    )


# --- timers ----------------------------------------------------------------------------------------------


def _fire(account: Account, limit_ms: int, book: Book, out: Outbox) -> None:
    offer = _offer_of(account, book)
    while account.due_ms <= limit_ms:
        due_ms, _, resource, kind = timers.take(account)
        account.clock_ms = max(account.clock_ms, due_ms)
        turn = Turn(account, offer, out, account.clock_ms, TIMER, f"{kind}:{resource}:{instant_text(due_ms)}")
        before = account.balance
        _fired(turn, kind, resource, due_ms)
        watch_balance(turn, before)


def _fired(turn: Turn, kind: str, resource: str, due_ms: int) -> None:
    if kind == timers.LINE:
        continuous.line_due(turn, resource, due_ms)
    elif kind == timers.SILENCE:
        sessions.silence(turn, resource, due_ms)
    elif kind == timers.ENFORCE:
        enforcement.enforce(turn)
    elif kind == timers.UNKNOWN:
        for event in waiting.give_up(turn.account, due_ms):
            _refuse(turn.account, event, _unknown(event), turn.out)
    else:
        raise BrokenInvariant(f"timer of unknown kind {kind!r}")


# --- what an account's state says ------------------------------------------------------------------------


def balance_record(account: Account, book: Book) -> BalanceRecord | None:
    """The account's balance as it stands; None while it is not open."""
    if not account.profile:
        return None
    return Balance(
        id=f"bal_{account.id}_{account.seq}",
        account=account.id,
        time=instant_text(account.entry_ms if account.seq else account.clock_ms),
        cause=Cause(source=account.cause_source, id=account.cause_id),
        profile=account.profile,
        balance=money_text(account.balance),
        currency=_offer_of(account, book).currency,
        buckets=ledger.buckets_of(account),  # type: ignore[arg-type]
        flags=account.flags,
        keys=account.keys,
        seq=account.seq,
    )


def open_windows(account: Account, book: Book) -> tuple[list[WindowCostsRecord], list[WindowCostsRecord]]:
    """The open hour's and the open day's costs, absolute."""
    if not account.profile:
        return [], []
    return windows.open_windows(account, _offer_of(account, book).currency)


def check(account: Account) -> None:
    """Raise BrokenInvariant where the state contradicts itself."""
    total = ZERO
    for bucket in (*ledger.BEFORE_PAID, ledger.PAID):
        total = EXACT.add(total, getattr(account, bucket))
    if total != account.balance:
        raise BrokenInvariant(f"{account.id}: buckets come to {total}, balance is {account.balance}")
