"""Stage 6 of 6, running out: what ends when the money does, and when data is deleted. Pure.

stop_leases  R-FX2: after a line, when the balance cannot pay the reserve of all leases, every lease is stopped
pause        PD-39: an hour that cannot be paid in full is not charged; the deployment is paused at its boundary
shut_down    GG-41, R-NL10: after a settlement below zero everything that is paid by use is shut down
Then GG-42: arrears of seven days delete data; NL-06, NL-10: fifteen days after a shutdown or an expiry do.
"""

from __future__ import annotations

from decimal import Decimal

from schemas.profile import OutOfMoney
from schemas.records import CommandType, NoticeType
from schemas.values import instant_text, money_text
from streams.core import endings, funds, gauges, lines, sessions, timing
from streams.core.amounts import EXACT, ZERO
from streams.core.commands import command
from streams.core.notices import notify, notify_stopped
from streams.core.sessions import OURS, START
from streams.core.state import DAY_MS, NEVER, Fact, Resource, Run
from streams.core.timers import ARREARS, ARREARS_WARNING, ENFORCE, Rank, arm
from streams.core.turn import Turn


def after_settlement(turn: Turn) -> None:
    """All charges of an instant are written: look at what the balance still carries."""
    _watch_next_hour(turn)
    action = turn.offer.profile.running_out.action
    if action is OutOfMoney.STOP_LEASES:
        _stop_leases(turn)
    elif action is OutOfMoney.SHUT_DOWN:
        _shut_down(turn)


def _stop_leases(turn: Turn) -> None:
    admission = turn.offer.profile.admission
    leases = sessions.running_paid_by_use(turn.account)
    rate = sessions.rate_of(leases)
    if not leases or funds.reserve_covered(turn.account.balance, rate, admission.reserve_s):
        return
    for name, _ in leases:
        _stop(turn, name)


def _stop(turn: Turn, name: str) -> None:
    command(turn, CommandType.INSTANCE_STOP, "unpaid", name)
    endings.by_us(turn, name)
    notify_stopped(turn, name, "unpaid")


def _shut_down(turn: Turn) -> None:
    account = turn.account
    if account.balance >= ZERO:
        return
    if not account.overdue:
        account.overdue = True
        notify(turn, NoticeType.OVERDUE, {"balance": money_text(account.balance)})
    for name, _ in sessions.running_paid_by_use(account):
        _stop(turn, name)


def _watch_next_hour(turn: Turn) -> None:
    """GG-40: the balance after a settlement does not carry the next hour of what runs and is stored."""
    if not turn.offer.profile.alerts.next_hour:
        return
    account = turn.account
    needed = _next_hour(turn)
    # With nothing to pay there is nothing to warn of, but what is owed has not recovered either.
    if needed > ZERO and account.balance <= needed and not account.below_next_hour:
        values = {"balance": money_text(account.balance), "threshold": money_text(needed)}
        notify(turn, NoticeType.LOW_BALANCE, values)
        account.below_next_hour = True


def watch_recovery(turn: Turn) -> None:
    """The next hour is covered again, by more money or by less to pay: the warning is armed."""
    turn.account.below_next_hour = turn.account.balance <= _next_hour(turn)


def _next_hour(turn: Turn) -> Decimal:
    needed = sessions.present_rate(turn.account)
    for gauge in funds.stored(turn.account):
        needed = EXACT.add(needed, gauges.next_hour_cost(turn, gauge))
    return needed


# --- paused ------------------------------------------------------------------------------------------------


def pause_due(turn: Turn, name: str) -> None:
    """A period could not be paid: try once more after the refill was decided, else pause at its boundary."""
    resource = turn.account.resources[name]
    for run in list(resource.runs):
        if not timing.owes(turn, run):
            continue
        if timing.charge_period(turn, name, run):
            timing.bring_up(turn, name, run, opened=True)
        elif run.end_ms == NEVER:
            _pause(turn, name, run)
        else:
            # It has stopped since: what could not be paid when it fell due is not charged later on either.
            sessions.happened(turn, name, resource, Fact(run.settled_ms, OURS))


def _pause(turn: Turn, name: str, run: Run) -> None:
    resource = turn.account.resources[name]
    price, _, _ = lines.period_price(turn, run, run.settled_ms)
    command(turn, CommandType.DEPLOYMENT_PAUSE, "unpaid", name)
    endings.by_us(turn, name, run.settled_ms)
    resource.paused, resource.paused_run = True, sessions.fresh(run, run.revision)
    resource.resumable_told = False
    values = {"balance": money_text(turn.account.balance), "needed": money_text(price)}
    notify(turn, NoticeType.RESOURCE_PAUSED, values, name)


def watch_paused(turn: Turn) -> None:
    """After a positive entry: say once of each paused resource that its next hour can be paid (R-PD8)."""
    for name in sorted(turn.account.resources):
        resource = turn.account.resources[name]
        if resource.paused and resource.paused_run is not None and not resource.resumable_told:
            price, _, _ = lines.period_price(turn, resource.paused_run, turn.time_ms)
            if turn.account.balance >= price:
                resource.resumable_told = True
                notify(
                    turn, NoticeType.RESOURCE_RESUMABLE, {"balance": money_text(turn.account.balance)}, name
                )


# --- arrears -----------------------------------------------------------------------------------------------


def watch_arrears(turn: Turn) -> None:
    """Arrears begin when the balance falls below zero and end when it is zero or more again."""
    account = turn.account
    if account.balance >= ZERO:
        account.arrears_ms = NEVER
        account.overdue = False
        return
    if not account.overdue and not sessions.running_paid_by_use(account):
        # A request or a chargeback took the balance below zero and no settlement is to come that would say so.
        arm(account, account.clock_ms, Rank.STOP, "", ENFORCE)
    days = turn.offer.profile.running_out.arrears_days
    if days is None or account.arrears_ms != NEVER:
        return
    account.arrears_ms = turn.time_ms
    due_ms = turn.time_ms + days * DAY_MS
    arm(account, due_ms - turn.offer.profile.running_out.warning_s * 1000, Rank.REMINDER, "", ARREARS_WARNING)
    arm(account, due_ms, Rank.DELETION, "", ARREARS)


def arrears_warning_due(turn: Turn, name: str, due_ms: int) -> None:
    """A day before the deletion: say so, once a resource. What a term still covers is looked at when that ends."""
    delete_ms = due_ms + turn.offer.profile.running_out.warning_s * 1000
    if not _in_arrears_since(turn, delete_ms):
        return
    for each in [name] if name else _deletable(turn, due_ms):
        covered_ms = _covered_until(turn, each)
        if covered_ms > delete_ms:
            arm(turn.account, covered_ms - (delete_ms - due_ms), Rank.REMINDER, each, ARREARS_WARNING)
            arm(turn.account, covered_ms, Rank.DELETION, each, ARREARS)
        elif each in _deletable(turn, due_ms):
            notify(turn, NoticeType.DELETION_DUE, {"at": instant_text(delete_ms)}, each)


def arrears_due(turn: Turn, name: str, due_ms: int) -> None:
    """Seven days in arrears: data is deleted (GG-42), that of a package when its term is over too."""
    if _in_arrears_since(turn, due_ms):
        for each in _deletable(turn, due_ms):
            if name in ("", each) and _covered_until(turn, each) <= due_ms:
                _delete(turn, each)


def _in_arrears_since(turn: Turn, delete_ms: int) -> bool:
    """Whether the arrears are old enough at `delete_ms` for data to be deleted."""
    return turn.account.arrears_ms + (turn.offer.profile.running_out.arrears_days or 0) * DAY_MS <= delete_ms


def _covered_until(turn: Turn, name: str) -> int:
    """The end of the resource's paid term; long ago where it has none."""
    resource = turn.account.resources.get(name)
    return -NEVER if resource is None or resource.package is None else resource.package.end_ms


def _deletable(turn: Turn, now: int) -> list[str]:
    """Every unreleased instance and disk; not hardware for a model."""
    account = turn.account
    names = [name for name, gauge in account.gauges.items() if gauge.deleted_ms > now]
    for name, resource in account.resources.items():
        if resource.released_ms > now and _is_instance(turn, resource):
            names.append(name)
    return sorted(names)


def _is_instance(turn: Turn, resource: Resource) -> bool:
    """Whether it is an instance that has begun, if only for an instant; what was approved and never ran has no data."""
    latest = resource.runs[-1] if resource.runs else _last_begun(resource)
    if latest is None:
        return resource.package is not None
    return sessions.is_instance(turn.offer, latest)


def _last_begun(resource: Resource) -> Run | None:
    starts = (fact for fact in reversed(resource.facts) if fact.kind == START and not fact.void)
    return next((fact.run for fact in starts if fact.run is not None), None)


# --- retention ---------------------------------------------------------------------------------------------


def warning_due(turn: Turn, name: str, due_ms: int) -> None:
    """A day before the data of something that no longer runs is deleted."""
    running_out = turn.offer.profile.running_out
    resource = turn.account.resources[name]
    delete_ms = due_ms + running_out.warning_s * 1000
    if resource.retained_ms + (running_out.retention_days or 0) * DAY_MS == delete_ms:
        notify(turn, NoticeType.DELETION_DUE, {"at": instant_text(delete_ms)}, name)


def deletion_due(turn: Turn, name: str, due_ms: int) -> None:
    """Fifteen days after a shutdown or an expiry the data is cleared (NL-06, NL-10)."""
    resource = turn.account.resources[name]
    if resource.retained_ms + (turn.offer.profile.running_out.retention_days or 0) * DAY_MS == due_ms:
        _delete(turn, name)


def _delete(turn: Turn, name: str) -> None:
    account = turn.account
    if sessions.open_run(account, name) is not None:
        # Started in arrears, and no settlement has come yet that would have stopped it.
        _stop(turn, name)
    command(turn, CommandType.DATA_DELETE, "retention", name)
    notify(turn, NoticeType.DATA_DELETED, {"deleted": turn.time_text}, name)
    if name in account.gauges:
        gauges.delete(turn, name, turn.time_ms)
    else:
        endings.close(turn, name, account.resources[name], turn.time_ms)
