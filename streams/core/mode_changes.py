"""Stage 3 of 6, changes of mode: another way to pay, and what is left of a package given back. Pure.

GG-16: the time used so far is charged at the pay-as-you-go rate, the rest of what was paid is refunded in one entry,
never less than nothing (R-GG5); the disk until then stays covered (contract 8.6).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import Mode, ModeChanged
from schemas.records import EntryType, Reason
from streams.core import disks, endings, ledger, plans, sessions, terms
from streams.core.amounts import EXACT, ZERO, cost_of_seconds
from streams.core.state import Package, Resource
from streams.core.turn import Refusal, Turn


def settlement(turn: Turn, package: Package, time_ms: int) -> tuple[Decimal, Decimal, Decimal]:
    """(paid, used at pay-as-you-go, given back) if the package ended at `time_ms`; of the unexpired periods only."""
    left = [period for period in package.periods if period.end_ms > time_ms]
    paid = ZERO
    for period in left:
        paid = EXACT.add(paid, period.paid)
    seconds = (time_ms - left[0].start_ms) // 1000 if left else 0
    rate = _payg(turn, package.sku, left[0].start_ms) if left else ZERO
    used = cost_of_seconds(rate, max(0, seconds), turn.offer.scale)
    return paid, used, max(ZERO, EXACT.subtract(paid, used))


def _payg(turn: Turn, sku: str, time_ms: int) -> Decimal:
    sold = turn.offer.instance(sku, time_ms)
    return sold[1].payg if sold is not None and sold[1].payg is not None else ZERO


def mode_changed(turn: Turn, data: ModeChanged, time_ms: int) -> Refusal | None:
    """Another way to pay from `time_ms` on; of a package what is left is given back (GG-16)."""
    resource = turn.account.resources[data.resource]
    package = terms.active(resource, time_ms)
    last = sessions.run_before(resource, time_ms)
    if (bearer := package or last) is None:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} has neither run nor a term")
    sku = bearer.sku
    run = plans.planned_run(turn, sku, data.mode, None, time_ms, model=last.model if last else None)
    if isinstance(run, Refusal):
        return run
    present = last.mode if package is None and last is not None else Mode.PACKAGE.value
    if resource.released_ms <= time_ms or present == data.mode:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released or in that mode already")
    if data.mode == Mode.PACKAGE:
        disk_gb = disks.size_at(resource, time_ms)
        refusal = terms.purchase(
            turn, data.resource, resource, sku, data.term or "", disk_gb, time_ms, auto_renew=False
        )
        if refusal is not None:
            return refusal
    if package is not None:
        _refund(turn, data.resource, resource, package, time_ms)
    endings.switch(turn, data.resource, resource, run, time_ms)
    return None


def _refund(turn: Turn, name: str, resource: Resource, package: Package, time_ms: int) -> None:
    _, _, back = settlement(turn, package, time_ms)
    if back:
        ledger.post(turn, EntryType.REFUND.value, back, ledger.PAID)
    resource.package = None
    terms.end_cover(turn, name, resource, time_ms)
