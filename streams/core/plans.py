"""Stage 3 of 6, plans: the session that a start opens, its price pinned then, and whether a paid term covers it. Pure.

A term covers what starts inside it (contract 8.6). Terms that are bought, renewed, changed or taken back late are
as if in time (X-02): the starts since then are planned anew.
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import Mode, Spec
from schemas.profile import Sku
from schemas.records import Meter, Reason
from streams.core import sessions
from streams.core.book import hourly_rate
from streams.core.errors import given
from streams.core.sessions import START
from streams.core.state import Fact, Resource, Run
from streams.core.turn import Refusal, Turn


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
    # Of a package the term is paid, of what is billed by request the request.
    is_free = mode == Mode.PACKAGE or sku.timing is None
    rate = Decimal(0) if is_free else hourly_rate(price, Mode(mode), spec)
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


def paid_at(resource: Resource, sku: str, time_ms: int) -> bool:
    """Whether a term of the sku is paid at `time_ms`."""
    return any(start <= time_ms < end and sku == paid for start, end, paid in resource.paid_spans)


def plan_anew(turn: Turn, name: str, resource: Resource, from_ms: int) -> None:
    """The paid terms have changed from `from_ms` on, in the past: starts since then are covered, or no longer are."""
    for fact in resource.facts:
        if fact.kind == START and fact.time_ms >= from_ms and fact.run is not None:
            _plan_anew(turn, resource, fact, fact.run)
    sessions.rederive(turn, name, resource)


def _plan_anew(turn: Turn, resource: Resource, fact: Fact, planned: Run) -> None:
    is_paid = paid_at(resource, planned.sku, fact.time_ms)
    mode = Mode.PACKAGE.value if is_paid else fact.mode
    run = planned_run(turn, planned.sku, mode, None, fact.time_ms, model=planned.model)
    fact.void = isinstance(run, Refusal) or (mode == Mode.PACKAGE and not is_paid)
    fact.run = planned if isinstance(run, Refusal) or mode == planned.mode else run


def covered(turn: Turn, running: Run, time_ms: int) -> Run:
    """As `running`, from `time_ms` on, paid by a term."""
    run = planned_run(turn, running.sku, Mode.PACKAGE, None, time_ms, model=running.model)
    return given(run if isinstance(run, Run) else None, "session in a term that is paid")
