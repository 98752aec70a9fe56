"""Stage 3 of 6, sessions: from what happened to a resource to what ran from when to when. Pure.

A resource keeps what happened to it, in order of event time, and its sessions are derived from that list; so a
late or early event takes effect at its own time, and what would have been different is corrected (contract
8.1, X-02, X-03). Facts that had no effect when they came (a stop while stopped) stay in the list: a later
arrival may give them one. A session that has sent a heartbeat and falls silent is closed at its last (X-12); a
later heartbeat takes that back, a later stop corrects it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

from schemas.events import Mode
from schemas.profile import SkuKind
from streams.core import lines, timing
from streams.core.amounts import EXACT
from streams.core.book import Offer
from streams.core.state import NEVER, Account, Fact, Resource, Run
from streams.core.timers import SILENCE, Rank, arm
from streams.core.turn import Turn

# Facts that open a session, and those that end one: by its user, by our command, by a change of mode or state.
START, WARM = "start", "warm"
STOP, OURS, COLD, RELEASE = "stop", "ours", "cold", "release"
# A term ended while nothing ran: what is told later of a session in it ended then, for want of a command.
LAPSE = "lapse"
REPLICAS = "replicas"
# What runs goes on, paid in another way; without effect on what does not run.
SWITCH = "switch"
LOST = "lost"
OPENING = frozenset({START, WARM})
ENDING = frozenset({STOP, OURS, COLD, RELEASE, LAPSE})
# What finds a session closed that has been silent for too long; a stop corrects the closing instead, and our own command
# is only ever given to a session that runs: a silence before it was taken back.
SILENT_BEFORE = (OPENING | ENDING | {SWITCH}) - {STOP, OURS}
# An event more than so long behind the clock is refused (too_old), so older facts cannot be corrected.
CORRECTABLE_MS = 35 * 86_400_000


# --- asking --------------------------------------------------------------------------------------------


def run_at(resource: Resource, time_ms: int) -> Run | None:
    """The session that runs at `time_ms`."""
    for run in reversed(resource.runs):
        if run.start_ms <= time_ms < run.end_ms:
            return run
    return None


def run_before(resource: Resource, time_ms: int) -> Run | None:
    """The last session that began at or before `time_ms`."""
    return next((run for run in reversed(resource.runs) if run.start_ms <= time_ms), None)


def last_run(account: Account, name: str) -> Run | None:
    """The resource's latest session."""
    resource = account.resources.get(name)
    return resource.runs[-1] if resource and resource.runs else None


def open_run(account: Account, name: str) -> Run | None:
    """The resource's session that still runs."""
    run = last_run(account, name)
    return run if run is not None and run.end_ms == NEVER else None


def running(account: Account) -> list[tuple[str, Run]]:
    """Every resource that runs now, by name."""
    if account.running is None:
        account.running = found_running(account)
    return [(name, account.resources[name].runs[-1]) for name in account.running]


def found_running(account: Account) -> list[str]:
    """As `running`, by looking at all that the account ever rented, of which little runs after a year."""
    return sorted(name for name, resource in account.resources.items() if _runs(resource))


def _runs(resource: Resource) -> bool:
    return bool(resource.runs) and resource.runs[-1].end_ms == NEVER


def _note_running(account: Account, name: str, resource: Resource) -> None:
    names = account.running
    if names is None:
        return
    at = bisect_left(names, name)
    known = at < len(names) and names[at] == name
    if known and not _runs(resource):
        del names[at]
    elif not known and _runs(resource):
        names.insert(at, name)


def running_paid_by_use(account: Account) -> list[tuple[str, Run]]:
    """As `running`, without what a package has paid."""
    return [(name, run) for name, run in running(account) if run.mode != Mode.PACKAGE]


def hourly_cost(run: Run) -> Decimal:
    """What an hour of the session costs with its present replicas."""
    return EXACT.multiply(run.rate, Decimal(run.weights[-1][1])) if run.weights else run.rate


def present_rate(account: Account) -> Decimal:
    """What all running sessions of the account cost an hour."""
    return rate_of(running_paid_by_use(account))


def rate_of(sessions: list[tuple[str, Run]]) -> Decimal:
    """What these sessions cost an hour."""
    total = Decimal(0)
    for _, run in sessions:
        total = EXACT.add(total, hourly_cost(run))
    return total


def is_instance(offer: Offer, run: Run) -> bool:
    """Whether the session is of a machine, not of hardware for a model."""
    sku = offer.profile.skus.get(run.sku)
    return sku is None or sku.kind is SkuKind.INSTANCE


def known_at(account: Account, name: str, time_ms: int) -> bool:
    """Whether the resource had been started by `time_ms`; an event before its start waits for an earlier one."""
    resource = account.resources.get(name)
    if resource is None:
        return False
    return any(f.kind == START and f.time_ms <= time_ms and not f.void for f in resource.facts)


# --- heartbeats ----------------------------------------------------------------------------------------


def beat(turn: Turn, name: str, resource: Resource, time_ms: int) -> None:
    """Note a heartbeat; beats no further apart than the silence allowed are one span of life."""
    silence_ms = _silence_ms(turn.offer)
    spans = resource.beats
    at = len(spans)
    while at > 0 and spans[at - 1][0] > time_ms:
        at -= 1
    spans.insert(at, (time_ms, time_ms))
    merged: list[tuple[int, int]] = []
    for first, last in spans:
        if merged and first - merged[-1][1] <= silence_ms:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    resource.beats = merged
    if resource.lost_ms != -NEVER or time_ms < turn.account.clock_ms:
        rederive(turn, name, resource)
    _arm_silence(turn, name, resource)


def _arm_silence(turn: Turn, name: str, resource: Resource) -> None:
    run = resource.runs[-1] if resource.runs else None
    if run is None or run.end_ms != NEVER or resource.silence_armed:
        return
    last = _last_beat(resource, run, NEVER)
    if last != -NEVER:
        resource.silence_armed = True
        arm(turn.account, last + _silence_ms(turn.offer), Rank.SILENCE, name, SILENCE)


def silence_due(turn: Turn, name: str, due_ms: int) -> bool:
    """Close a session that has been silent for too long at its last heartbeat; True where that was done."""
    resource = turn.account.resources[name]
    resource.silence_armed = False
    run = resource.runs[-1] if resource.runs else None
    if run is None or run.end_ms != NEVER:
        return False
    last = _last_beat(resource, run, NEVER)
    if last == -NEVER or last + _silence_ms(turn.offer) > due_ms:
        _arm_silence(turn, name, resource)
        return False
    resource.lost_ms = last
    rederive(turn, name, resource)
    return True


def _last_beat(resource: Resource, run: Run, until_ms: int) -> int:
    """The session's last sign of life up to and with `until_ms`; -NEVER where there is none."""
    start_ms = max(run.start_ms, run.beats_ms)
    for first, last in reversed(resource.beats):
        if first <= until_ms and last >= start_ms:
            return min(last, until_ms)
    return -NEVER


def _silence_ms(offer: Offer) -> int:
    return offer.profile.sessions.silence_s * 1000


# --- from facts to sessions ----------------------------------------------------------------------------


def happened(turn: Turn, name: str, resource: Resource, fact: Fact) -> None:
    """Add a fact at its time, and bring the sessions and their lines in step."""
    if fact.run is not None and any(first <= fact.time_ms <= last for first, last in resource.beats):
        fact.run.beats_ms = fact.time_ms + 1
    insort(resource.facts, fact, key=lambda f: f.time_ms)
    rederive(turn, name, resource)
    _arm_silence(turn, name, resource)
    _prune(resource, turn.account.clock_ms - CORRECTABLE_MS)


def _sessions_of(resource: Resource, silence_ms: int) -> Iterator[tuple[Run, int, str]]:
    """(run to be, end, ended by) of each session that the facts come to; a fact without effect is passed over."""
    opened: Run | None = None
    for fact in resource.facts:
        if opened is not None and fact.kind in SILENT_BEFORE and not fact.void:
            # At one instant a heartbeat is of the session that was told before it.
            is_next = fact.run is not None and fact.run.beats_ms <= fact.time_ms
            last = _last_beat(resource, opened, fact.time_ms - is_next)
            if last != -NEVER and fact.time_ms - last > silence_ms:
                yield opened, last, LOST
                opened = None
        if fact.kind in OPENING and opened is None:
            opened = None if fact.void else fact.run
        elif fact.kind in ENDING and opened is not None:
            # What ended as it began never was: 0 s owe 0.
            if fact.time_ms > opened.start_ms:
                yield opened, fact.time_ms, fact.kind
            opened = None
        elif fact.kind == SWITCH and opened is not None:
            if fact.time_ms > opened.start_ms:
                yield opened, fact.time_ms, SWITCH
            opened = fact.run
        if fact.kind == RELEASE:
            return
    if opened is not None:
        last = _last_beat(resource, opened, NEVER)
        is_lost = last != -NEVER and last == resource.lost_ms
        yield (opened, last, LOST) if is_lost else (opened, NEVER, "")


def rederive(turn: Turn, name: str, resource: Resource) -> None:
    """Bring sessions and their lines in step with the facts: extend, correct or add."""
    before = {(run.start_ms, run.sku, run.mode, run.rate): run for run in resource.runs}
    resource.runs = []
    for planned, end_ms, ended_by in list(_sessions_of(resource, _silence_ms(turn.offer))):
        run = before.pop((planned.start_ms, planned.sku, planned.mode, planned.rate), None)
        opened = run is None or run.end_ms != NEVER
        if run is None:
            run = fresh(planned, resource.revision)
        resource.runs.append(run)
        _amend(turn, name, resource, run, end_ms, ended_by, _weights(resource, planned))
        timing.bring_up(turn, name, run, opened=opened)
    for gone in before.values():
        _amend(turn, name, resource, gone, gone.start_ms, STOP, gone.weights)
    _note_running(turn.account, name, resource)


def _amend(
    turn: Turn,
    name: str,
    resource: Resource,
    run: Run,
    end_ms: int,
    ended_by: str,
    weights: list[tuple[int, int]],
) -> None:
    """Give the run another end or other replicas, and correct the lines that this makes different."""
    changed_ms = _first_difference(run, end_ms, weights)
    if end_ms != NEVER and run.minimum is not None and lines.cost(turn, run, end_ms) < run.minimum:
        # The line that ends with the session has the minimum to carry (NL-05), also where it is settled already.
        changed_ms -= 1
    if changed_ms >= run.settled_ms and not (run.minimum and run.end_ms not in (NEVER, end_ms)):
        run.end_ms, run.ended_by, run.weights = end_ms, ended_by, weights
        return
    # Lines written from now on get ids of their own, also where they stand in a reversed one's place.
    before = lines.settled_after(turn, run, min(changed_ms, run.settled_ms - 1))
    resource.revision += 1
    run.revision = resource.revision
    run.end_ms, run.ended_by, run.weights = end_ms, ended_by, weights
    lines.correct(turn, name, run, before)


def _first_difference(run: Run, end_ms: int, weights: list[tuple[int, int]]) -> int:
    first = min(run.end_ms, end_ms) if run.end_ms != end_ms else NEVER
    if weights != run.weights:
        same = 0
        while same < min(len(weights), len(run.weights)) and weights[same] == run.weights[same]:
            same += 1
        first = min([first, *(each[same][0] for each in (weights, run.weights) if same < len(each))])
    return first


def _weights(resource: Resource, planned: Run) -> list[tuple[int, int]]:
    if not planned.weights:
        return []
    # By place and not by time: a change at the instant of the start counts if it came after it.
    begun = next(index for index, fact in enumerate(resource.facts) if fact.run is planned)
    changes = [fact for fact in resource.facts[begun + 1 :] if fact.kind == REPLICAS]
    return [*planned.weights, *((fact.time_ms, fact.count) for fact in changes)]


def fresh(planned: Run, revision: int) -> Run:
    """The run as it is planned, nothing of it settled."""
    return Run(
        planned.start_ms,
        planned.sku,
        planned.mode,
        planned.rate,
        planned.price_version,
        planned.rule,
        planned.timing,
        planned.meter,
        planned.model,
        planned.period_s,
        planned.minimum,
        planned.weights,
        settled_ms=planned.start_ms,
        revision=revision,
        beats_ms=planned.beats_ms,
    )


def _prune(resource: Resource, before_ms: int) -> None:
    """Forget sessions, and their facts, that ended before anything could still correct them."""
    while len(resource.runs) > 1 and resource.runs[0].end_ms < before_ms:
        ended = resource.runs.pop(0)
        resource.facts = [
            f for f in resource.facts if f.time_ms > ended.end_ms or f.kind in (RELEASE, REPLICAS)
        ]
        resource.beats = [span for span in resource.beats if span[1] > ended.end_ms]
