"""Stage 3 of 6, hosted models: states, cold start after idle, replicas, scaling decisions. Pure.

GG-35: a private model is billed while its hardware is online: starting, running, idle. GG-36: ten minutes without
requests make it cold, which ends billing; never while it starts or runs, never a deployment. GG-37: a deployment
costs its replicas times their time. GG-39: every ten minutes a decision from the requests of the last ten.
"""

from __future__ import annotations

import msgspec

from schemas.events import LimitsSet, ModelState, ModelStateChanged, ReplicasChanged
from schemas.profile import Scaling
from schemas.records import CommandType, Reason
from streams.core import sessions
from streams.core.commands import command
from streams.core.errors import given
from streams.core.sessions import COLD, REPLICAS, START, WARM
from streams.core.state import DAY_MS, NEVER, Fact, Resource, Run
from streams.core.timers import COLD as COLD_TIMER
from streams.core.timers import DELETION, SCALE, WARNING, Rank, arm
from streams.core.turn import Refusal, Turn


def _last_start(resource: Resource) -> Run | None:
    return next((fact.run for fact in reversed(resource.facts) if fact.kind == START and fact.run), None)


def _hosting(turn: Turn, resource: Resource) -> Scaling | None:
    opened = _last_start(resource)
    sku = turn.offer.profile.skus.get(opened.sku) if opened else None
    return sku.hosting if sku else None


def _not_hosted(turn: Turn, name: str, what: str) -> Refusal:
    return Refusal(Reason.CAPABILITY_DISABLED, f"{name} has no {what} at {turn.offer.name}")


def _released(resource: Resource, name: str, time_ms: int) -> Refusal | None:
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{name} is released")
    return None


def started(turn: Turn, resource: Resource, time_ms: int, replicas: int) -> None:
    """A hosted model begins by starting."""
    if _hosting(turn, resource) is not None and time_ms >= resource.state_ms:
        resource.state, resource.state_ms = ModelState.STARTING.value, time_ms
        resource.replicas = replicas


def served(turn: Turn, name: str, time_ms: int) -> None:
    """A request puts the cold start off, and counts for the next scaling decision."""
    resource = turn.account.resources.get(name)
    if resource is None:
        return
    resource.request_ms = max(resource.request_ms, time_ms)
    hosting = _hosting(turn, resource) if resource.limits is not None else None
    if hosting is not None and hosting.scale_s is not None:
        # Half open: one at the instant of the decision is of the next window, a late one of a window decided already.
        resource.requests_after += time_ms >= resource.scale_ms
        resource.requests += resource.scale_ms - hosting.scale_s * 1000 <= time_ms < resource.scale_ms


def state_changed(turn: Turn, data: ModelStateChanged, time_ms: int) -> Refusal | None:
    """A model's state: cold ends billing, any other state begins it again."""
    resource = turn.account.resources[data.resource]
    hosting = _hosting(turn, resource)
    if hosting is None:
        return _not_hosted(turn, data.resource, "states")
    if (refusal := _released(resource, data.resource, time_ms)) is not None:
        return refusal
    if time_ms >= resource.state_ms:
        resource.state, resource.state_ms = data.state, time_ms
        if data.state == ModelState.IDLE:
            resource.idle_ms = time_ms
    if hosting.idle_s is None:
        return None
    if data.state == ModelState.COLD:
        sessions.happened(turn, data.resource, resource, Fact(time_ms, COLD))
    elif not _stopped_by_user(resource, time_ms):
        if sessions.run_at(resource, time_ms) is None:
            warm = _again(turn, given(_last_start(resource), f"start of {data.resource}"), time_ms)
            sessions.happened(turn, data.resource, resource, Fact(time_ms, WARM, run=warm))
        _arm_cold(turn, data.resource, resource, hosting)
    return None


def _stopped_by_user(resource: Resource, time_ms: int) -> bool:
    before = [
        fact for fact in resource.facts if fact.time_ms <= time_ms and fact.kind not in (COLD, WARM, REPLICAS)
    ]
    return not before or before[-1].kind != START


def _again(turn: Turn, opened: Run, time_ms: int) -> Run:
    """The run that warming up opens: the sku of the last start, at the price of this time if it is sold still."""
    sold = turn.offer.instance(opened.sku, time_ms)
    rate, version = opened.rate, opened.price_version
    if sold is not None and sold[1].payg is not None:
        rate, version = sold[1].payg, sold[1].version
    return msgspec.structs.replace(
        opened, start_ms=time_ms, rate=rate, price_version=version, settled_ms=time_ms
    )


def _arm_cold(turn: Turn, name: str, resource: Resource, hosting: Scaling) -> None:
    if resource.state == ModelState.IDLE and hosting.idle_s is not None:
        due_ms = max(resource.idle_ms, resource.request_ms) + hosting.idle_s * 1000
        arm(turn.account, due_ms, Rank.COLD, name, COLD_TIMER)


def cold_due(turn: Turn, name: str, due_ms: int) -> None:
    """Ten minutes without a request: the model goes cold, unless a request has put that off."""
    resource = turn.account.resources[name]
    hosting = _hosting(turn, resource)
    if hosting is None or hosting.idle_s is None or resource.state != ModelState.IDLE:
        return
    if max(resource.idle_ms, resource.request_ms) + hosting.idle_s * 1000 > due_ms:
        _arm_cold(turn, name, resource, hosting)
    elif sessions.open_run(turn.account, name) is not None:
        # At its own time, also where the word that it idles came late (contract 8.1).
        resource.state, resource.state_ms = ModelState.COLD.value, due_ms
        sessions.happened(turn, name, resource, Fact(due_ms, COLD))
        command(turn, CommandType.MODEL_COLD, "idle", name)


# --- deployments -------------------------------------------------------------------------------------------


def replicas_changed(turn: Turn, data: ReplicasChanged, time_ms: int) -> Refusal | None:
    """A deployment now runs this many replicas; billing follows."""
    resource = turn.account.resources[data.resource]
    hosting = _hosting(turn, resource)
    if hosting is None or not hosting.replicas:
        return _not_hosted(turn, data.resource, "replicas")
    if (refusal := _released(resource, data.resource, time_ms)) is not None:
        return refusal
    if not any(fact.kind == REPLICAS and fact.time_ms > time_ms for fact in resource.facts):
        resource.replicas = data.replicas
    sessions.happened(turn, data.resource, resource, Fact(time_ms, REPLICAS, count=data.replicas))
    return None


def limits_set(turn: Turn, data: LimitsSet, time_ms: int) -> Refusal | None:
    """The bounds of scaling; decisions come every ten minutes from now."""
    resource = turn.account.resources[data.resource]
    hosting = _hosting(turn, resource)
    if hosting is None or hosting.scale_s is None:
        return _not_hosted(turn, data.resource, "scaling")
    if (refusal := _released(resource, data.resource, time_ms)) is not None:
        return refusal
    if time_ms < resource.limits_ms:
        # Others have been set since.
        return None
    resource.limits_ms = time_ms
    resource.limits = (data.min_replicas, data.max_replicas, data.target_requests)
    window_ms = hosting.scale_s * 1000
    resource.scale_ms = time_ms + ((turn.time_ms - time_ms) // window_ms + 1) * window_ms
    resource.requests = resource.requests_after = 0
    arm(turn.account, resource.scale_ms, Rank.SCALE, data.resource, SCALE)
    return None


def scale_due(turn: Turn, name: str, due_ms: int) -> None:
    """ceil(requests of the window / target), clamped; no command where it is so already (GG-39)."""
    resource = turn.account.resources[name]
    hosting = _hosting(turn, resource)
    if resource.scale_ms != due_ms or resource.limits is None or resource.released_ms <= due_ms:
        return
    if hosting is None or hosting.scale_s is None:
        return
    least, most, target = resource.limits
    wanted = max(least, min(most, -(-resource.requests // target)))
    if wanted != resource.replicas and sessions.open_run(turn.account, name) is not None:
        command(turn, CommandType.DEPLOYMENT_SCALE, "scaling", name, replicas=wanted)
        resource.replicas = wanted
    resource.requests, resource.requests_after = resource.requests_after, 0
    resource.scale_ms = due_ms + hosting.scale_s * 1000
    arm(turn.account, resource.scale_ms, Rank.SCALE, name, SCALE)


# --- data of what no longer runs -----------------------------------------------------------------------------


def retain(turn: Turn, name: str, resource: Resource, since_ms: int) -> None:
    """Keep the data of what has ended at `since_ms` for the profile's days, then delete it (NL-06, NL-10)."""
    running_out = turn.offer.profile.running_out
    if running_out.retention_days is None or resource.released_ms != NEVER or since_ms == NEVER:
        return
    resource.retained_ms = since_ms
    due_ms = since_ms + running_out.retention_days * DAY_MS
    arm(turn.account, due_ms - running_out.warning_s * 1000, Rank.REMINDER, name, WARNING)
    arm(turn.account, due_ms, Rank.DELETION, name, DELETION)
