"""Stage 3 of 6, sessions: from starts, heartbeats and stops to what ran from when to when. Pure.

A resource keeps what happened to it, in order of event time, and its sessions are derived from that list; so a
late or early event takes effect at its own time, and what would have been different is corrected (contract
8.1, X-02, X-03). Facts that had no effect when they came (a stop while stopped) stay in the list: a later
arrival may give them one. A session that has sent a heartbeat and falls silent is closed at its last (X-12).
"""

from __future__ import annotations

from bisect import insort
from decimal import Decimal

from schemas.events import Heartbeat, InstanceReleased, InstanceRequested, InstanceStarted, InstanceStopped, Mode, StopReason
from schemas.records import Reason
from streams.core import continuous, lines, notices
from streams.core.amounts import EXACT
from streams.core.book import Offer, hourly_rate
from streams.core.state import NEVER, Account, Fact, Resource, Run
from streams.core.timers import SILENCE, Rank, arm
from streams.core.turn import Refusal, Turn

START, STOP, OURS, LOST, RELEASE = "start", "stop", "ours", "lost", "release"
HEARTBEAT_LOST = "heartbeat_lost"
# An event more than so long behind the clock is refused (too_old), so older facts cannot be corrected.
CORRECTABLE_MS = 35 * 86_400_000


# --- what events say -----------------------------------------------------------------------------------


def priced_run(turn: Turn, data: InstanceStarted | InstanceRequested, time_ms: int) -> Run | Refusal:
    """The run that a start opens, with its price pinned at `time_ms`, or why it is refused."""
    offer = turn.offer
    if data.mode not in offer.modes or getattr(data, "auto_renew", False):
        return Refusal(Reason.CAPABILITY_DISABLED, f"{offer.name} does not offer mode {data.mode}")
    sold = offer.instance(data.sku, time_ms)
    if sold is None:
        return Refusal(Reason.UNKNOWN_SKU, f"sku {data.sku!r} is not sold by {offer.name}")
    sku, price = sold
    if data.mode not in sku.modes:
        return Refusal(Reason.CAPABILITY_DISABLED, f"{data.sku} is not sold in mode {data.mode}")
    rate = hourly_rate(price, Mode(data.mode), data.spec)
    if rate is None:
        return Refusal(Reason.UNKNOWN_SKU, f"gpu {data.spec.gpu if data.spec else None!r} has no price")
    model = getattr(data, "model", None)
    return Run(time_ms, data.sku, data.mode, rate, price.version, sku.rule, model, settled_ms=time_ms)


def start(turn: Turn, data: InstanceStarted, time_ms: int) -> Refusal | None:
    """A fact: billed even if it was never requested."""
    run = priced_run(turn, data, time_ms)
    if isinstance(run, Refusal):
        return run
    resource = turn.account.resources.get(data.resource)
    if resource is None:
        resource = turn.account.resources[data.resource] = Resource()
    refusal = no_start(resource, data.resource, time_ms)
    if refusal is None:
        resource.stop_expected = False
    if resource.released_ms > time_ms:
        _happened(turn, data.resource, resource, Fact(time_ms, START, run=run))
    return refusal


def no_start(resource: Resource, name: str, time_ms: int) -> Refusal | None:
    """Why the resource cannot start at `time_ms`; None where it can."""
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{name} is released")
    if _run_at(resource, time_ms) is not None:
        return Refusal(Reason.RESOURCE_STATE, f"{name} is running")
    return None


def heartbeat(turn: Turn, data: Heartbeat, time_ms: int) -> Refusal | None:
    """A running instance says so: a line, and the proof that it ran until then (FX-02, X-12)."""
    resource = turn.account.resources[data.resource]
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released")
    lost = _lost_before(resource, time_ms)
    if lost is not None:
        resource.facts.remove(lost)
        resource.stop_expected = False
        _rederive(turn, data.resource, resource)
    run = _run_at(resource, time_ms)
    if run is None:
        if resource.stop_expected:
            return None
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is stopped")
    if time_ms > run.beat_ms:
        if run.end_ms == NEVER and (run.beat_ms == -NEVER or lost is not None):
            arm(turn.account, time_ms + silence_ms(turn.offer), Rank.ENFORCEMENT, data.resource, SILENCE)
        run.beat_ms = time_ms
    if run.settled_ms < time_ms <= run.end_ms:
        continuous.settle(turn, data.resource, run, time_ms)
    return None


def stop(turn: Turn, data: InstanceStopped, time_ms: int) -> Refusal | None:
    """An instance no longer runs. After our own stop or closing it confirms, or corrects the time."""
    resource = turn.account.resources[data.resource]
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released")
    lost = _lost_before(resource, time_ms)
    if lost is not None:
        resource.facts.remove(lost)
    running = lost is not None or _run_at(resource, time_ms) is not None
    confirms = not running and resource.stop_expected and time_ms >= resource.runs[-1].end_ms
    _happened(turn, data.resource, resource, Fact(time_ms, STOP, data.reason))
    if running and data.reason != StopReason.USER:
        notices.stopped(turn, data.resource, data.reason)
    if running or confirms:
        resource.stop_expected = False
    else:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is stopped")
    return None


def release(turn: Turn, data: InstanceReleased, time_ms: int) -> Refusal | None:
    """An instance is given back; one that runs stops with it."""
    resource = turn.account.resources[data.resource]
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released")
    resource.released_ms = time_ms
    _happened(turn, data.resource, resource, Fact(time_ms, RELEASE, StopReason.USER.value))
    return None


def known_at(account: Account, name: str, time_ms: int) -> bool:
    """Whether the resource had been started by `time_ms`; an event before its start waits for an earlier one."""
    resource = account.resources.get(name)
    return resource is not None and bool(resource.facts) and _first_start(resource) <= time_ms


def _first_start(resource: Resource) -> int:
    return next((fact.time_ms for fact in resource.facts if fact.kind == START), NEVER)


# --- what we do ----------------------------------------------------------------------------------------


def stop_running(turn: Turn, name: str, reason: str) -> None:
    """End a running session by our own command, at the turn's time; usage ends with it."""
    resource = turn.account.resources[name]
    resource.stop_expected = True
    _happened(turn, name, resource, Fact(turn.time_ms, OURS, reason))
    notices.stopped(turn, name, reason)


def silence(turn: Turn, name: str, due_ms: int) -> None:
    """Close a session that has been silent for too long at its last heartbeat (X-12)."""
    resource = turn.account.resources.get(name)
    run = resource.runs[-1] if resource and resource.runs else None
    if resource is None or run is None or run.end_ms != NEVER or run.beat_ms == -NEVER:
        return
    silent_ms = run.beat_ms + silence_ms(turn.offer)
    if silent_ms > due_ms:
        arm(turn.account, silent_ms, Rank.ENFORCEMENT, name, SILENCE)
        return
    resource.stop_expected = True
    _happened(turn, name, resource, Fact(run.beat_ms, LOST, HEARTBEAT_LOST))
    notices.stopped(turn, name, HEARTBEAT_LOST)


def running(account: Account) -> list[tuple[str, Run]]:
    """Every resource that runs now, by name."""
    found = []
    for name in sorted(account.resources):
        runs = account.resources[name].runs
        if runs and runs[-1].end_ms == NEVER:
            found.append((name, runs[-1]))
    return found


def silence_ms(offer: Offer) -> int:
    """How long a session may be silent before it is closed."""
    return offer.profile.sessions.silence_s * 1000


# --- from facts to sessions ----------------------------------------------------------------------------


def _run_at(resource: Resource, time_ms: int) -> Run | None:
    for run in reversed(resource.runs):
        if run.start_ms <= time_ms < run.end_ms:
            return run
    return None


def _lost_before(resource: Resource, time_ms: int) -> Fact | None:
    """The closing for silence that an event at `time_ms` takes back: the last, with no other session since."""
    if resource.runs and resource.runs[-1].ended_by == LOST and time_ms > resource.runs[-1].end_ms:
        return next((f for f in reversed(resource.facts) if f.kind == LOST), None)
    return None


def _happened(turn: Turn, name: str, resource: Resource, fact: Fact) -> None:
    insort(resource.facts, fact, key=lambda f: f.time_ms)
    _rederive(turn, name, resource)
    _prune(resource, turn.account.clock_ms - CORRECTABLE_MS)


def _sessions_of(facts: list[Fact]) -> list[tuple[Run, int, str]]:
    """(run to be, end, ended by) of each session that the facts come to; a fact without effect is passed over."""
    sessions: list[tuple[Run, int, str]] = []
    open_run: Run | None = None
    for fact in facts:
        if fact.kind == START and open_run is None:
            open_run = fact.run
        elif fact.kind != START and open_run is not None:
            sessions.append((open_run, fact.time_ms, fact.kind))
            open_run = None
        if fact.kind == RELEASE:
            break
    if open_run is not None:
        sessions.append((open_run, NEVER, ""))
    return sessions


def _rederive(turn: Turn, name: str, resource: Resource) -> None:
    """Bring sessions and their lines in step with the facts: extend, reverse or add."""
    derived = _sessions_of(resource.facts)
    before = {(run.start_ms, run.sku, run.rate): run for run in resource.runs}
    resource.runs = []
    for planned, end_ms, ended_by in derived:
        run = before.pop((planned.start_ms, planned.sku, planned.rate), None)
        opened = run is None or run.end_ms != NEVER
        if run is None:
            run = _fresh(planned, resource.revision)
        run.end_ms, run.ended_by = end_ms, ended_by
        resource.runs.append(run)
        if run.settled_ms > end_ms:
            _reverse(turn, name, resource, run, end_ms)
        elif end_ms != NEVER:
            continuous.settle(turn, name, run, end_ms)
        elif opened:
            continuous.settle(turn, name, run, turn.account.clock_ms)
            continuous.arm_line(turn, name, run)
    for gone in before.values():
        _reverse(turn, name, resource, gone, gone.start_ms)


def _fresh(planned: Run, revision: int) -> Run:
    return Run(
        planned.start_ms, planned.sku, planned.mode, planned.rate, planned.price_version, planned.rule,
        planned.model, settled_ms=planned.start_ms, revision=revision,
    )  # fmt: skip


def _reverse(turn: Turn, name: str, resource: Resource, run: Run, end_ms: int) -> None:
    # Lines written from now on get ids of their own, also where they stand in a reversed one's place.
    resource.revision += 1
    run.revision = resource.revision
    lines.truncate(turn, name, run, end_ms)


def _prune(resource: Resource, before_ms: int) -> None:
    """Forget sessions, and their facts, that ended before anything could still correct them."""
    while len(resource.runs) > 1 and resource.runs[0].end_ms < before_ms:
        ended = resource.runs.pop(0)
        resource.facts = [f for f in resource.facts if f.time_ms > ended.end_ms or f.kind == RELEASE]


def present_rate(account: Account) -> Decimal:
    """What all running sessions of the account cost an hour."""
    total = Decimal(0)
    for _, run in running(account):
        total = EXACT.add(total, run.rate)
    return total
