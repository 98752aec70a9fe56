"""Stage 3 of 6, endings: what follows where a session ends, by its user, by our command or by silence. Pure.

GG-09: the GPU of what is paid by use is not reserved any more; NL-06: its data is kept for a while. Told late, an end
has these consequences only where nothing runs since: what runs again must not lose its GPU or its data.
"""

from __future__ import annotations

from schemas.events import Mode, StopReason
from schemas.records import CommandType
from streams.core import disks, hosted, sessions
from streams.core.commands import command
from streams.core.notices import notify_stopped
from streams.core.sessions import LAPSE, OURS, RELEASE, START, SWITCH
from streams.core.state import NEVER, Fact, Resource, Run
from streams.core.turn import Turn

HEARTBEAT_LOST = "heartbeat_lost"
# Start of each session → its end, and the session.
Outline = dict[int, tuple[int, Run]]


def outline(resource: Resource) -> Outline:
    """The sessions as they stand, before something changes them."""
    return {run.start_ms: (run.end_ms, run) for run in resource.runs}


def follow(turn: Turn, name: str, resource: Resource, before: Outline) -> None:
    """What follows from a change of the sessions: starts that have come into effect, an end that is new."""
    for run in resource.runs:
        if run.start_ms not in before:
            _began(turn, name, resource, run)
    if (last := _last(resource, before)) is None:
        return
    if last.end_ms == NEVER:
        resource.retained_ms = NEVER
    elif before.get(last.start_ms, (NEVER, last))[0] != last.end_ms:
        _ended(turn, name, resource, last, before)


def _last(resource: Resource, before: Outline) -> Run | None:
    """The latest session, also one that has ended as it began and is none any more."""
    last = resource.runs[-1] if resource.runs else None
    gone = [run for start, (end, run) in before.items() if end == NEVER and run not in resource.runs]
    return gone[-1] if gone and (last is None or last.end_ms <= gone[-1].start_ms) else last


def _began(turn: Turn, name: str, resource: Resource, run: Run) -> None:
    start = next(
        (f for f in resource.facts if f.kind == START and f.time_ms == run.start_ms and not f.void), None
    )
    if start is None:
        return
    hosted.started(turn, resource, start.time_ms, start.count)
    if start.disk_gb is not None:
        disks.set_size(turn, name, resource, start.disk_gb, start.time_ms)
    if run.ended_by == LAPSE:
        # Told late: it ran when its term ended, but nobody knew. The command that it has not had it gets now.
        lapse = next(f for f in resource.facts if f.kind == LAPSE and f.time_ms == run.end_ms)
        lapse.kind = run.ended_by = OURS
        command(turn, CommandType.INSTANCE_STOP, StopReason.EXPIRED.value, name)


def _ended(turn: Turn, name: str, resource: Resource, run: Run, before: Outline) -> None:
    if run.mode == Mode.PACKAGE or not sessions.is_instance(turn.offer, run):
        return
    if turn.offer.profile.sessions.release_gpu and not _was_released(run, before):
        command(turn, CommandType.GPU_RELEASE, "stopped", name)
    hosted.retain(turn, name, resource, run.end_ms)


def _was_released(run: Run, before: Outline) -> bool:
    """Whether this end has been followed by a release already: only its time, or the mode before it, is another now."""
    return any(
        known.mode != Mode.PACKAGE
        and end != NEVER
        # One that ended as this began is the session before it, whose mode was changed: no release followed.
        and (start == run.start_ms or run.start_ms < end == run.end_ms)
        for start, (end, known) in before.items()
    )


def by_us(turn: Turn, name: str, at_ms: int | None = None) -> None:
    """End a running session by our own command; usage ends with it, at the turn's time unless told otherwise."""
    resource = turn.account.resources[name]
    before = outline(resource)
    time_ms = turn.time_ms if at_ms is None else at_ms
    # A start that was refused while this ran stays refused, also where the end is dated before it.
    resource.facts = [fact for fact in resource.facts if fact.kind != START or fact.time_ms <= time_ms]
    sessions.happened(turn, name, resource, Fact(time_ms, OURS))
    follow(turn, name, resource, before)


def switch(turn: Turn, name: str, resource: Resource, run: Run, time_ms: int) -> None:
    """What runs at `time_ms`, as told now or later, goes on as `run`: one session ends, another begins."""
    before = outline(resource)
    sessions.happened(turn, name, resource, Fact(time_ms, SWITCH, run=run))
    follow(turn, name, resource, before)


def fell_silent(turn: Turn, name: str, due_ms: int) -> None:
    """The timer of silence: close the session at its last heartbeat if it is due (X-12)."""
    resource = turn.account.resources[name]
    before = outline(resource)
    if sessions.silence_due(turn, name, due_ms):
        notify_stopped(turn, name, HEARTBEAT_LOST)
        follow(turn, name, resource, before)


def close(turn: Turn, name: str, resource: Resource, time_ms: int) -> None:
    """Released by its user, or its data deleted by us: what runs ends, and nothing may happen to it any more."""
    before = outline(resource)
    sessions.happened(turn, name, resource, Fact(time_ms, RELEASE))
    resource.released_ms = time_ms
    follow(turn, name, resource, before)
    resource.retained_ms = NEVER
    resource.paused = False
    disks.end(turn, name, resource, time_ms)
