"""Stage 1 of 6, the fold: one event or tick at one account, and everything that follows from it. Pure.

`apply` takes the state over: it is changed in place, and the records are appended to `out`. Refusals are
records with a reason in the contract's order of precedence (8.3); checks come before effects, so a refused
event moves the clock and nothing else. The same state, events and book give the same records, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from schemas.events import Mode
from schemas.records import Balance as BalanceRecord
from schemas.records import Reason
from schemas.records import WindowCosts as WindowCostsRecord
from schemas.values import instant_text, money_text
from schemas.wire import Balance, Cause, Event, Rejection
from streams.core import (
    accounts,
    admission,
    disks,
    endings,
    gauges,
    hosted,
    instances,
    keys,
    ledger,
    mode_changes,
    payments,
    refill,
    renewals,
    requests,
    running_out,
    sessions,
    spending,
    timers,
    timing,
    waiting,
    windows,
)
from streams.core.amounts import EXACT, ZERO
from streams.core.book import Book, Offer
from streams.core.errors import BrokenInvariant, given
from streams.core.notices import watch_balance
from streams.core.state import NEVER, Account, Outbox
from streams.core.turn import TIMER, Refusal, Turn, in_one_line, record_id

HORIZON_MS = 35 * 86_400_000
Handler = Callable[[Turn, Any, int], Refusal | None]


HANDLERS: dict[str, Handler] = {
    "account.opened": accounts.opened,
    "account.settings_changed": accounts.settings_changed,
    "key.created": keys.created,
    "key.tier_changed": keys.tier_changed,
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
    "instance.requested": admission.request,
    "instance.started": instances.start,
    "instance.heartbeat": instances.heartbeat,
    "instance.stopped": instances.stop,
    "instance.released": instances.release,
    "instance.mode_changed": mode_changes.mode_changed,
    "term.renewed": renewals.renewed,
    "term.auto_renew_set": renewals.auto_renew_set,
    "deployment.replicas_changed": hosted.replicas_changed,
    "deployment.limits_set": hosted.limits_set,
    "model.state_changed": hosted.state_changed,
    "capacity.sampled": disks.sampled,
    "capacity.deleted": gauges.deleted,
    "request.served": requests.serve,
}
OPENED = "account.opened"
SERVED = "request.served"
# Of an instance's disk it is about the instance, else it begins something of its own.
SAMPLED = "capacity.sampled"
# Events about a resource that must have started: before that they wait. For a term an approved request suffices.
AFTER_START = frozenset(
    {
        "instance.heartbeat",
        "instance.stopped",
        "instance.released",
        "instance.mode_changed",
        "deployment.replicas_changed",
        "deployment.limits_set",
        "model.state_changed",
    }
)
AFTER_REQUEST = frozenset({"term.renewed", "term.auto_renew_set"})
AFTER_SAMPLE = frozenset({"capacity.deleted"})
STARTS = frozenset({"instance.started", "instance.requested", "capacity.sampled"})
# What a profile does not offer at all is refused at once, without waiting for a start.
OFFERED: dict[str, Callable[[Offer], bool]] = {
    "instance.mode_changed": lambda offer: offer.profile.terms.mode_change,
    "term.renewed": lambda offer: Mode.PACKAGE in offer.modes,
    "term.auto_renew_set": lambda offer: offer.profile.terms.auto_renew,
    "deployment.replicas_changed": lambda offer: offer.hosts_replicas,
    "deployment.limits_set": lambda offer: offer.hosts_scaling,
    "model.state_changed": lambda offer: offer.hosts_models,
}


def new_account(account_id: str) -> Account:
    """The state of an account of which nothing has been heard."""
    return Account(account_id)


def apply(account: Account, event: Event, clock_ms: int, book: Book, out: Outbox) -> None:
    """Fold one event in. `clock_ms`: the partition's clock when the event was accepted (its greatest tick)."""
    time_ms = event.time_ms
    if clock_ms > account.clock_ms or account.due_ms <= clock_ms:
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
    turn = Turn(account, offer, out, account.clock_ms, event.source, event.id)
    before = account.balance
    _handle(turn, event, book)
    _watch(turn, before)
    if account.due_ms < account.clock_ms:
        # Told late, it has set timers whose time has passed.
        _fire(account, account.clock_ms - 1, book, out)


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
        raise BrokenInvariant(
            f"account {account.id} has profile {account.profile!r}, which is not loaded"
        ) from None


def _handle(turn: Turn, event: Event, book: Book) -> None:
    account = turn.account
    if event.type == SERVED:
        # A million times as frequent as the rest, and about nothing that must have begun.
        refusal = requests.serve(turn, event.data, event.time_ms)
        if refusal is not None:
            _refuse(account, event, refusal, turn.out)
        return
    offered = OFFERED.get(event.type)
    if offered is not None and not offered(turn.offer):
        detail = f"{turn.offer.name} does not offer {event.type}"
        _refuse(account, event, Refusal(Reason.CAPABILITY_DISABLED, detail), turn.out)
        return
    if not _is_known(account, event, turn.offer):
        if not waiting.park(account, event):
            _refuse(account, event, _unknown(event), turn.out)
        return
    refusal = HANDLERS[event.type](turn, event.data, event.time_ms)
    if refusal is not None:
        _refuse(account, event, refusal, turn.out)
    elif event.type in STARTS and account.waiting:
        for waited in waiting.release(account, event.data.resource, event.time_ms):
            if account.due_ms < min(waited.time_ms, account.clock_ms):
                _fire(account, waited.time_ms - 1, book, turn.out)
            _handle(Turn(account, turn.offer, turn.out, turn.time_ms, waited.source, waited.id), waited, book)


def _is_known(account: Account, event: Event, offer: Offer) -> bool:
    """Whether the event is about something that has begun by its time, or about nothing that must have."""
    if event.type in AFTER_START:
        return sessions.known_at(account, event.data.resource, event.time_ms)
    if event.type in AFTER_REQUEST or (
        event.type == SAMPLED and event.data.sku == offer.profile.sessions.disk_sku
    ):
        resource = account.resources.get(event.data.resource)
        asked = resource is not None and (resource.approved_ms != -NEVER or resource.package is not None)
        return asked or sessions.known_at(account, event.data.resource, event.time_ms)
    if event.type in AFTER_SAMPLE:
        lease = event.data.resource in account.resources
        return lease or gauges.known_at(account, event.data.resource, event.time_ms)
    return True


def _watch(turn: Turn, before: Decimal) -> None:
    """What an account's thresholds say after a turn."""
    account = turn.account
    watch_balance(turn, before)
    if account.below_next_hour:
        running_out.watch_recovery(turn)
    if account.balance != before:
        if account.balance > before:
            running_out.watch_paused(turn)
        if turn.offer.shuts_down:
            running_out.watch_arrears(turn)
        if account.refill is not None:
            refill.watch(turn)
    if account.spend_limits:
        spending.watch_limits(turn)


def _unknown(event: Event) -> Refusal:
    return Refusal(Reason.UNKNOWN_RESOURCE, f"{event.data.resource} has not been started")


def _refuse(account: Account, event: Event, refusal: Refusal, out: Outbox) -> None:
    out.rejections.append(
        Rejection(
            id=record_id("rej", account.id, event.source, event.id),
            account=account.id,
            time=instant_text(account.clock_ms),
            cause=Cause(source=event.source, id=event.id),
            reason=refusal.reason.value,
            detail=refusal.detail,
            event=in_one_line(event.raw),
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
        FIRED[kind](turn, resource, due_ms)
        _watch(turn, before)


def _line_due(turn: Turn, name: str, due_ms: int) -> None:
    run = sessions.open_run(turn.account, name)
    if run is not None:
        timing.line_due(turn, name, run, due_ms)


def _disk_due(turn: Turn, name: str, due_ms: int) -> None:
    disk = given(turn.account.resources[name].disk, f"disk of {name}")
    gauges.due(turn, name, disk, due_ms, timers.DISK)


def _gave_up(turn: Turn, _name: str, due_ms: int) -> None:
    for event in waiting.give_up(turn.account, due_ms):
        _refuse(turn.account, event, _unknown(event), turn.out)


FIRED: dict[str, Callable[[Turn, str, int], None]] = {
    timers.LINE: _line_due,
    timers.DISK: _disk_due,
    timers.GAUGE: lambda turn, name, due: gauges.due(
        turn, name, turn.account.gauges[name], due, timers.GAUGE
    ),
    timers.POOL: lambda turn, name, due: gauges.pool_due(turn, name, turn.account.pools[name], due),
    timers.EXPIRY: renewals.expiry_due,
    timers.REFILL: lambda turn, _name, _due: refill.due(turn),
    timers.LAPSE: lambda turn, _name, _due: refill.lapse_due(turn),
    timers.PAUSE: lambda turn, name, _due: running_out.pause_due(turn, name),
    timers.ENFORCE: lambda turn, _name, _due: running_out.after_settlement(turn),
    timers.SILENCE: endings.fell_silent,
    timers.COLD: hosted.cold_due,
    timers.SCALE: hosted.scale_due,
    timers.REMINDER: renewals.reminder_due,
    timers.WARNING: running_out.warning_due,
    timers.DIGEST: lambda turn, _name, due: spending.digest_due(turn, due),
    timers.DELETION: running_out.deletion_due,
    timers.ARREARS: running_out.arrears_due,
    timers.ARREARS_WARNING: running_out.arrears_warning_due,
    timers.UNKNOWN: _gave_up,
}


# --- what an account's state says ------------------------------------------------------------------------


def balance_record(account: Account, book: Book) -> BalanceRecord | None:
    """The account's balance as it stands; None while it is not open."""
    if not account.profile:
        return None
    return Balance(
        id=f"bal_{account.id}_{account.seq}_{account.edition}",
        account=account.id,
        time=instant_text(account.entry_ms),
        cause=Cause(source=account.cause_source, id=account.cause_id),
        profile=account.profile,
        balance=money_text(account.balance),
        currency=_offer_of(account, book).currency,
        buckets=ledger.buckets_of(account),
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
    if account.running is not None and account.running != (found := sessions.found_running(account)):
        raise BrokenInvariant(f"{account.id}: {found} run, {account.running} are thought to")
