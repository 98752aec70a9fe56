"""Stage 3 of 6, renewals: a term reminded of, renewed, expired; what is told of it late. Pure.

GG-12 … GG-14, NL-10, NL-11. Before the end a renewal extends from the old end; after it, where the profile allows that,
it is a new term from then. A renewal or a switch of auto-renewal that comes after the end that it is about counts as
if in time (X-02): the period is charged, or taken back; the commands that went out stay, the instance is started again.
"""

from __future__ import annotations

from bisect import insort

from schemas.events import AutoRenewSet, Mode, TermRenewed
from schemas.records import CommandType, NoticeType, Reason
from schemas.values import instant_text, money_text
from streams.core import endings, hosted, plans, sessions, terms
from streams.core.commands import command
from streams.core.notices import notify, notify_stopped
from streams.core.sessions import LAPSE, OURS
from streams.core.state import DAY_MS, NEVER, Fact, Package, Resource
from streams.core.turn import Refusal, Turn

EXPIRED = "expired"


# --- asked for ---------------------------------------------------------------------------------------------


def renewed(turn: Turn, data: TermRenewed, time_ms: int) -> Refusal | None:
    """One more period: from the old end before expiry, from now after it where the profile allows that (NL-11)."""
    resource = turn.account.resources[data.resource]
    package = resource.package
    if package is not None and data.term is not None:
        refusal = terms.term_offered(turn, package.sku, data.term)
        if refusal is not None:
            return refusal
    if package is None or resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} has no term")
    expired = time_ms > package.end_ms
    if expired and not turn.offer.profile.terms.renew_after_expiry:
        return Refusal(Reason.RESOURCE_STATE, f"the term of {data.resource} has expired")
    return _renew(turn, data.resource, resource, package, data.term or package.term, time_ms, expired=expired)


def _renew(
    turn: Turn, name: str, resource: Resource, package: Package, term: str, time_ms: int, *, expired: bool
) -> Refusal | None:
    if _took_place(package, term, time_ms):
        return None
    found = terms.price_of(turn, package.sku, term, time_ms)
    if isinstance(found, Refusal):
        return found
    version, price = found
    refusal = terms.unaffordable(turn, name, term, price, package.disk_gb, time_ms)
    if refusal is not None:
        return refusal
    package.term, package.price, package.price_version = term, price, version.version
    was_stopped = expired or _stopped_by_expiry(resource, package)
    start_ms = time_ms if expired else package.end_ms
    _add_period(turn, name, resource, package, start_ms)
    _cover_running(turn, name, resource, package, start_ms)
    _resume(turn, name, package, was_stopped=was_stopped)
    return None


def _took_place(package: Package, term: str, time_ms: int) -> bool:
    """Whether the period that is asked for late has been renewed by itself since: it was asked for then."""
    for period in package.periods:
        if period.by_itself and period.start_ms >= time_ms and term == package.term:
            period.by_itself = False
            return True
    return False


def _add_period(
    turn: Turn, name: str, resource: Resource, package: Package, start_ms: int, *, by_itself: bool = False
) -> None:
    terms.add_period(turn, name, resource, package, start_ms, by_itself=by_itself)
    values = {"until": instant_text(package.end_ms), "price": money_text(package.price)}
    notify(turn, NoticeType.TERM_RENEWED, values, name)


def _cover_running(turn: Turn, name: str, resource: Resource, package: Package, time_ms: int) -> None:
    """What is paid by use when its term begins again is paid by the term from then on."""
    running = sessions.run_at(resource, time_ms)
    if running is None or running.mode == Mode.PACKAGE or running.sku != package.sku:
        return
    endings.switch(turn, name, resource, plans.covered(turn, running, time_ms), time_ms)


def _stopped_by_expiry(resource: Resource, package: Package) -> bool:
    """Whether the latest session ended because the term did."""
    last = resource.runs[-1] if resource.runs else None
    return last is not None and last.ended_by == OURS and last.end_ms == package.expired_ms


def _resume(turn: Turn, name: str, package: Package, *, was_stopped: bool) -> None:
    """Start what the expiry has stopped, inside the term that is paid now; what runs goes on in it."""
    inside = package.end_ms > turn.account.clock_ms
    if was_stopped and inside and sessions.open_run(turn.account, name) is None:
        command(turn, CommandType.INSTANCE_START, "resumed", name)


def auto_renew_set(turn: Turn, data: AutoRenewSet, time_ms: int) -> Refusal | None:
    """Auto-renewal of a running term is switched (GG-14); told late, for the ends since then too."""
    resource = turn.account.resources[data.resource]
    package = terms.active(resource, time_ms)
    if package is None or resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} has no paid term")
    expired_ms = package.expired_ms
    was_enabled = package.renews_at(expired_ms)
    insort(package.switches, (time_ms, data.enabled), key=lambda switch: switch[0])
    if expired_ms == NEVER:
        _renewed_too_much(turn, data.resource, resource, package, time_ms)
    elif package.renews_at(expired_ms) and not was_enabled:
        _renew_late(turn, data.resource, resource, package)
    return None


def _renewed_too_much(turn: Turn, name: str, resource: Resource, package: Package, time_ms: int) -> None:
    """Periods that renewed themselves although it had been switched off are taken back: it expired before them."""
    kept = [
        number
        for number, period in enumerate(package.periods)
        if period.by_itself and period.start_ms >= time_ms and not package.renews_at(period.start_ms)
    ]
    if not kept:
        return
    void = package.periods[kept[0] :]
    package.periods = package.periods[: kept[0]]
    for period in reversed(void):
        terms.take_back(turn, name, package, period)
    terms.end_cover(turn, name, resource, package.end_ms)
    _expire(turn, name, resource, package, package.end_ms)


def _renew_late(turn: Turn, name: str, resource: Resource, package: Package) -> None:
    """It had been switched on before the end at which it expired: renewed from there."""
    was_stopped = _stopped_by_expiry(resource, package)
    if _renew_itself(turn, name, resource, package, package.expired_ms):
        _resume(turn, name, package, was_stopped=was_stopped)


# --- the timers ----------------------------------------------------------------------------------------------


def reminder_due(turn: Turn, name: str, due_ms: int) -> None:
    """The reminder, once a period, also where auto-renewal is on (R-GG3); not of one that is renewed already."""
    resource = turn.account.resources[name]
    package = resource.package
    days = turn.offer.profile.terms.reminder_days
    if package is None or days is None or resource.released_ms <= due_ms or package.expired_ms != NEVER:
        return
    last = package.periods[-1]
    if max(last.start_ms, last.end_ms - days * DAY_MS) <= due_ms < last.end_ms:
        auto_renew = package.renews_at(due_ms)
        values = {"expires": instant_text(last.end_ms), "auto_renew": "true" if auto_renew else "false"}
        notify(turn, NoticeType.TERM_EXPIRING, values, name)


def expiry_due(turn: Turn, name: str, due_ms: int) -> None:
    """A paid period ends: the next one, already paid or renewed now, or the instance is shut down (GG-13)."""
    resource = turn.account.resources[name]
    package = resource.package
    if package is None or package.end_ms != due_ms:
        return
    if package.expired_ms != NEVER or resource.released_ms <= due_ms:
        return
    if not (package.renews_at(due_ms) and _renew_itself(turn, name, resource, package, due_ms)):
        _expire(turn, name, resource, package, due_ms)


def _renew_itself(turn: Turn, name: str, resource: Resource, package: Package, end_ms: int) -> bool:
    """Auto-renewal from `end_ms`, at the price of the purchase; False where the money does not suffice (R-GG4)."""
    if terms.unaffordable(turn, name, package.term, package.price, package.disk_gb, end_ms) is None:
        _add_period(turn, name, resource, package, end_ms, by_itself=True)
        return True
    values = {"price": money_text(package.price), "balance": money_text(turn.account.balance)}
    notify(turn, NoticeType.RENEWAL_FAILED, values, name)
    return False


def _expire(turn: Turn, name: str, resource: Resource, package: Package, due_ms: int) -> None:
    package.expired_ms = due_ms
    running = sessions.run_at(resource, due_ms)
    if running is not None and running.end_ms == NEVER:
        command(turn, CommandType.INSTANCE_STOP, EXPIRED, name)
        endings.by_us(turn, name, due_ms)
        notify_stopped(turn, name, EXPIRED)
    else:
        sessions.happened(turn, name, resource, Fact(due_ms, LAPSE))
    if turn.offer.profile.sessions.release_gpu:
        command(turn, CommandType.GPU_RELEASE, EXPIRED, name)
    notify(turn, NoticeType.TERM_EXPIRED, {"expired": instant_text(due_ms)}, name)
    if sessions.open_run(turn.account, name) is None:
        hosted.retain(turn, name, resource, due_ms)
