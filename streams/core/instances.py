"""Stage 3 of 6, instances: what starts, heartbeats, stops and releases of a resource do. Pure.

Starts and stops are facts: they are billed even if nobody asked. Usage ends at our own command; a later stop for
it is accepted and changes nothing, as are heartbeats until then (contract 8.6).
"""

from __future__ import annotations

from schemas.events import (
    Heartbeat,
    InstanceReleased,
    InstanceStarted,
    InstanceStopped,
    Mode,
    StopReason,
)
from schemas.records import Reason
from streams.core import endings, plans, sessions, timing
from streams.core.notices import notify_stopped
from streams.core.sessions import COLD, ENDING, LAPSE, LOST, OPENING, OURS, START, STOP, SWITCH
from streams.core.state import NEVER, Fact, Resource, Run
from streams.core.turn import Refusal, Turn

# What somebody said or commanded: a term that ended, or a change of mode, while nothing ran was neither.
STARTED_OR_ENDED = OPENING | ENDING - {LAPSE}


def start(turn: Turn, data: InstanceStarted, time_ms: int) -> Refusal | None:
    """A fact: billed even if it was never requested, and covered inside a paid term."""
    account = turn.account
    resource = account.resources.get(data.resource) or Resource()
    # Inside a paid term a start costs nothing in any mode, but the mode must be one that is offered.
    if (refusal := plans.offered(turn, data.mode)) is not None:
        return refusal
    is_paid = plans.paid_at(resource, data.sku, time_ms)
    mode = Mode.PACKAGE.value if is_paid else data.mode
    replicas = 1 if data.replicas is None else data.replicas
    run = plans.planned_run(turn, data.sku, mode, data.spec, time_ms, model=data.model, replicas=replicas)
    if isinstance(run, Refusal):
        return run
    if data.resource in account.gauges:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is storage")
    refusal = no_start(resource, data.resource, time_ms)
    unpaid = mode == Mode.PACKAGE and not is_paid
    if refusal is None and unpaid:
        refusal = Refusal(Reason.RESOURCE_STATE, f"{data.resource} has no paid term")
    if resource.released_ms <= time_ms:
        return refusal
    # One that is refused stays among the facts: a stop or a term that comes late may give it an effect.
    account.resources[data.resource] = resource
    if refusal is None:
        _begin(resource, time_ms)
    before = endings.outline(resource)
    fact = Fact(time_ms, START, data.mode, run, replicas, data.disk_gb, unpaid)
    sessions.happened(turn, data.resource, resource, fact)
    endings.follow(turn, data.resource, resource, before)
    return refusal


def _begin(resource: Resource, time_ms: int) -> None:
    resource.paused = False
    resource.resumable_told = False
    resource.approved_ms = -NEVER
    if resource.retained_ms <= time_ms:
        resource.retained_ms = NEVER


def no_start(resource: Resource, name: str, time_ms: int) -> Refusal | None:
    """Why the resource cannot start at `time_ms`; None where it can."""
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{name} is released")
    if sessions.run_at(resource, time_ms) is not None:
        return Refusal(Reason.RESOURCE_STATE, f"{name} is running")
    return None


def heartbeat(turn: Turn, data: Heartbeat, time_ms: int) -> Refusal | None:
    """A running instance says so: the proof that it ran until then, and a line where lines are continuous."""
    resource = turn.account.resources[data.resource]
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released")
    before = endings.outline(resource)
    sessions.beat(turn, data.resource, resource, time_ms)
    endings.follow(turn, data.resource, resource, before)
    run = sessions.run_at(resource, time_ms)
    if run is None:
        if _ended_by_us(resource, time_ms) or _is_last_beat(resource, time_ms):
            return None
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is stopped")
    timing.heartbeat(turn, data.resource, run, time_ms)
    return None


def _is_last_beat(resource: Resource, time_ms: int) -> bool:
    """Whether a session that fell silent ran until then."""
    return any(run.end_ms == time_ms and run.ended_by == LOST for run in resource.runs)


def _ended_by_us(resource: Resource, time_ms: int) -> bool:
    """Whether what last happened by `time_ms` was our own command: the producer's word for it came later."""
    before = [
        f.kind for f in resource.facts if f.time_ms <= time_ms and f.kind in STARTED_OR_ENDED and not f.void
    ]
    return bool(before) and before[-1] in (OURS, COLD)


def stop(turn: Turn, data: InstanceStopped, time_ms: int) -> Refusal | None:
    """An instance no longer runs. After our own stop or closing it confirms, or corrects the time."""
    resource = turn.account.resources[data.resource]
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released")
    run = sessions.run_at(resource, time_ms)
    last = sessions.run_before(resource, time_ms)
    lost = run is None and last is not None and _still_lost(resource, last, time_ms)
    corrects = lost and last is not None and time_ms > last.end_ms
    confirms = lost or (run is None and _ended_by_us(resource, time_ms))
    is_latest = last is None or last is resource.runs[-1]
    before = endings.outline(resource)
    sessions.happened(turn, data.resource, resource, Fact(time_ms, STOP))
    if not (run or confirms or corrects):
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is stopped")
    if is_latest:
        # Stopped before we paused it, as is known now: it does not wait to be resumed.
        resource.paused = resource.paused and run is None
    if run is not None and data.reason != StopReason.USER:
        notify_stopped(turn, data.resource, data.reason)
    endings.follow(turn, data.resource, resource, before)
    return None


def _still_lost(resource: Resource, last: Run, time_ms: int) -> bool:
    """Whether silence closed the session and nothing has been ended since, not even what was paused as it began."""
    begun = [
        index for index, fact in enumerate(resource.facts) if _opens(fact) and fact.time_ms <= last.start_ms
    ]
    # What ended at the instant at which this began was the session before it.
    after = resource.facts[begun[-1] + 1 :] if begun else resource.facts
    since = (fact.kind for fact in after if last.end_ms <= fact.time_ms <= time_ms)
    return last.ended_by == LOST and sessions.ENDING.isdisjoint(since)


def _opens(fact: Fact) -> bool:
    return fact.kind in OPENING or fact.kind == SWITCH


def release(turn: Turn, data: InstanceReleased, time_ms: int) -> Refusal | None:
    """An instance and its disk are given back; one that runs stops with it (NL-04)."""
    resource = turn.account.resources[data.resource]
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released")
    endings.close(turn, data.resource, resource, time_ms)
    return None
