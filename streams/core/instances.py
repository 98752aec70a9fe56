"""Stage 3 of 6, instances: what starts, heartbeats, stops and releases of a resource do. Pure.

Starts and stops are facts: they are billed even if nobody asked. Usage ends at our own command; a later stop for
it is accepted and changes nothing, as are heartbeats until then (contract 8.6).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import (
    Heartbeat,
    InstanceReleased,
    InstanceStarted,
    InstanceStopped,
    Mode,
    Spec,
    StopReason,
)
from schemas.profile import Sku
from schemas.records import CommandType, Meter, Reason
from streams.core import gauges, hosted, sessions, timing
from streams.core.book import hourly_rate
from streams.core.commands import command
from streams.core.notices import notify_stopped
from streams.core.sessions import COLD, LOST, OURS, RELEASE, REPLICAS, START, STOP
from streams.core.state import NEVER, Fact, Gauge, Package, Resource, Run
from streams.core.timers import DISK
from streams.core.turn import Refusal, Turn

HEARTBEAT_LOST = "heartbeat_lost"


def offered(turn: Turn, mode: str) -> Refusal | None:
    """Whether the profile offers the mode at all."""
    if mode not in turn.offer.modes:
        return Refusal(Reason.CAPABILITY_DISABLED, f"{turn.offer.name} does not offer mode {mode}")
    return None


def planned_run(
    turn: Turn,
    sku_name: str,
    mode: str,
    spec: Spec | None,
    time_ms: int,
    *,
    model: str | None = None,
    replicas: int = 1,
) -> Run | Refusal:
    """The run that a start at `time_ms` opens, with its price pinned then, or why it cannot be."""
    if (refusal := offered(turn, mode)) is not None:
        return refusal
    sold = turn.offer.instance(sku_name, time_ms)
    if sold is None:
        known = turn.offer.profile.skus.get(sku_name)
        if known is not None and not known.launched:
            return Refusal(Reason.SKU_NOT_LAUNCHED, f"sku {sku_name!r} is coming soon")
        return Refusal(Reason.UNKNOWN_SKU, f"sku {sku_name!r} does not run at {turn.offer.name}")
    sku, price = sold
    if mode not in sku.modes:
        return Refusal(Reason.CAPABILITY_DISABLED, f"{sku_name} is not sold in mode {mode}")
    rate = Decimal(0) if mode == Mode.PACKAGE else hourly_rate(price, Mode(mode), spec)
    if rate is None:
        return Refusal(Reason.UNKNOWN_SKU, f"gpu {spec.gpu if spec else None!r} has no price")
    run = Run(time_ms, sku_name, mode, rate, price.version, sku.rule_of(mode), sku.timing.value if sku.timing else "",
              Meter.DURATION.value, model, sku.period_s, sku.minimum, settled_ms=time_ms)  # fmt: skip
    if _scales(sku):
        run.meter = Meter.REPLICA_DURATION.value
        run.weights = [(time_ms, replicas)]
    return run


def _scales(sku: Sku) -> bool:
    return sku.hosting is not None and sku.hosting.replicas


def start(turn: Turn, data: InstanceStarted, time_ms: int) -> Refusal | None:
    """A fact: billed even if it was never requested, and covered inside a paid term."""
    account = turn.account
    resource = account.resources.get(data.resource)
    package = resource.package if resource else None
    paid = package is not None and _paid_at(package, time_ms)
    mode = Mode.PACKAGE.value if paid else data.mode
    replicas = 1 if data.replicas is None else data.replicas
    run = planned_run(turn, data.sku, mode, data.spec, time_ms, model=data.model, replicas=replicas)
    if isinstance(run, Refusal):
        return run
    if data.resource in account.gauges:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is storage")
    if resource is None:
        resource = Resource()
    refusal = no_start(resource, data.resource, time_ms)
    if refusal is None and mode == Mode.PACKAGE and not paid:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} has no paid term")
    if resource.released_ms <= time_ms:
        return refusal
    account.resources[data.resource] = resource
    if refusal is None:
        _begin(resource, time_ms)
    ends = [known.end_ms for known in resource.runs]
    sessions.happened(turn, data.resource, resource, Fact(time_ms, START, run=run))
    if refusal is None:
        _begun(turn, data, resource, time_ms, ends)
    return refusal


def _begun(turn: Turn, data: InstanceStarted, resource: Resource, time_ms: int, ends: list[int]) -> None:
    hosted.started(turn, data.resource, resource, time_ms, 1 if data.replicas is None else data.replicas)
    if data.disk_gb is not None:
        set_disk(turn, data.resource, resource, data.disk_gb, time_ms)
    _ended_before_it_began(turn, data.resource, resource, time_ms, ends)


def _ended_before_it_began(turn: Turn, name: str, resource: Resource, time_ms: int, ends: list[int]) -> None:
    """The stop of a late start came before it, when it had nothing to stop: what follows from it follows now."""
    for run in resource.runs:
        if run.start_ms == time_ms and run.end_ms != NEVER and run.end_ms not in ends:
            ended(turn, name, run)


def _begin(resource: Resource, time_ms: int) -> None:
    resource.stop_expected = False
    resource.paused = False
    resource.resumable_told = False
    resource.approved_ms = -NEVER
    if resource.retained_ms <= time_ms:
        resource.retained_ms = NEVER
        resource.warned = False


def _paid_at(package: Package, time_ms: int) -> bool:
    return any(period.start_ms <= time_ms < period.end_ms for period in package.periods)


def no_start(resource: Resource, name: str, time_ms: int) -> Refusal | None:
    """Why the resource cannot start at `time_ms`; None where it can."""
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{name} is released")
    if sessions.run_at(resource, time_ms) is not None:
        return Refusal(Reason.RESOURCE_STATE, f"{name} is running")
    return None


def set_disk(turn: Turn, name: str, resource: Resource, gb: Decimal, time_ms: int) -> None:
    """The disk that belongs to an instance, metered from `time_ms` until it is released (GG-27: the quota)."""
    sku = turn.offer.profile.sessions.disk_sku
    if sku is None:
        return
    if resource.disk is None:
        resource.disk = Gauge(sku)
    disk = resource.disk
    if disk.samples and disk.samples[-1][1] == gb and disk.samples[0][0] <= time_ms:
        return
    gauges.change_gauge(turn, name, disk, time_ms, lambda: gauges.add_sample(disk, time_ms, gb), DISK)


def heartbeat(turn: Turn, data: Heartbeat, time_ms: int) -> Refusal | None:
    """A running instance says so: the proof that it ran until then, and a line where lines are continuous."""
    resource = turn.account.resources[data.resource]
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released")
    expected = resource.stop_expected
    was_lost = bool(resource.runs) and resource.runs[-1].ended_by == LOST
    sessions.beat(turn, data.resource, resource, time_ms)
    run = sessions.run_at(resource, time_ms)
    if run is None:
        expected = expected or _ended_by_us(resource, time_ms)
        return None if expected else Refusal(Reason.RESOURCE_STATE, f"{data.resource} is stopped")
    if was_lost and run.end_ms == NEVER:
        resource.stop_expected = False
        resource.retained_ms = NEVER
    timing.heartbeat(turn, data.resource, run, time_ms)
    return None


def _ended_by_us(resource: Resource, time_ms: int) -> bool:
    """Whether what last happened by `time_ms` was our own command: the producer's word for it came later."""
    before = [fact.kind for fact in resource.facts if fact.time_ms <= time_ms and fact.kind != REPLICAS]
    return bool(before) and before[-1] in (OURS, COLD)


def stop(turn: Turn, data: InstanceStopped, time_ms: int) -> Refusal | None:
    """An instance no longer runs. After our own stop or closing it confirms, or corrects the time."""
    resource = turn.account.resources[data.resource]
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released")
    run = sessions.run_at(resource, time_ms)
    last = sessions.run_before(resource, time_ms)
    corrects = run is None and last is not None and last.ended_by == LOST and time_ms > last.end_ms
    confirms = run is None and _awaits_stop(resource, last, time_ms)
    is_latest = last is None or last is resource.runs[-1]
    sessions.happened(turn, data.resource, resource, Fact(time_ms, STOP, data.reason))
    if not (run or confirms or corrects):
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is stopped")
    if is_latest:
        resource.stop_expected = False
        # Stopped before we paused it, as is known now: it does not wait to be resumed.
        resource.paused = resource.paused and run is None
    if run is not None:
        if data.reason != StopReason.USER:
            notify_stopped(turn, data.resource, data.reason)
        ended(turn, data.resource, run)
    elif corrects and last is not None:
        hosted.retain(turn, data.resource, resource, time_ms)
    return None


def _awaits_stop(resource: Resource, last: Run | None, time_ms: int) -> bool:
    """Whether a stop at `time_ms` confirms that we ended the session before it, for the first time."""
    if last is None:
        # Without a session: it was paused as it began.
        return resource.stop_expected
    stops = (fact.time_ms for fact in resource.facts if fact.kind == STOP)
    ours = last.ended_by in (OURS, COLD, LOST)
    return ours and not any(last.end_ms <= stop_ms <= time_ms for stop_ms in stops)


def release(turn: Turn, data: InstanceReleased, time_ms: int) -> Refusal | None:
    """An instance and its disk are given back; one that runs stops with it (NL-04)."""
    resource = turn.account.resources[data.resource]
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released")
    run = sessions.run_at(resource, time_ms)
    sessions.happened(turn, data.resource, resource, Fact(time_ms, RELEASE, StopReason.USER.value))
    if run is not None:
        ended(turn, data.resource, run)
    close(turn, data.resource, resource, time_ms)
    return None


def close(turn: Turn, name: str, resource: Resource, time_ms: int) -> None:
    """Nothing may happen to the resource any more; its disk ends (GG-23)."""
    resource.released_ms = time_ms
    resource.retained_ms = NEVER
    resource.paused = False
    disk = resource.disk
    if disk is not None and disk.deleted_ms == NEVER:

        def mark() -> None:
            disk.deleted_ms = time_ms

        gauges.change_gauge(turn, name, disk, time_ms, mark, DISK)


def ended(turn: Turn, name: str, run: Run) -> None:
    """A session paid by use has ended: its GPU is not reserved any more (GG-09), its data is kept for a while."""
    profile = turn.offer.profile
    if run.mode != Mode.PACKAGE and sessions.is_instance(turn.offer, run):
        if profile.sessions.release_gpu:
            command(turn, CommandType.GPU_RELEASE, "stopped", name)
        hosted.retain(turn, name, turn.account.resources[name], run.end_ms)


def end_by_us(turn: Turn, name: str, run: Run, reason: str, at_ms: int | None = None) -> None:
    """End the running session by our own command; usage ends with it, at the turn's time unless told otherwise."""
    resource = turn.account.resources[name]
    resource.stop_expected = True
    time_ms = turn.time_ms if at_ms is None else at_ms
    sessions.happened(turn, name, resource, Fact(time_ms, OURS, reason))
    ended(turn, name, run)


def fell_silent(turn: Turn, name: str, due_ms: int) -> None:
    """The timer of silence: close the session at its last heartbeat if it is due (X-12)."""
    run = sessions.open_run(turn.account, name)
    if sessions.silence_due(turn, name, due_ms) and run is not None:
        notify_stopped(turn, name, HEARTBEAT_LOST)
        ended(turn, name, run)
