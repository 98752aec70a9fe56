"""Stage 6 of 6, admission: may this instance start? Pure.

The question is `instance.requested`; the answer is the command `instance.start` or a rejection. What is asked of the
balance is data of the profile: a reserve for all leases (FluxEdge), the first hour (PD-10), strictly more than an
hour net of what has accrued (GG-06, GG-07), or anything above zero; a package is paid here in full (GG-10, NL-08).
"""

from __future__ import annotations

from schemas.events import InstanceRequested, Mode
from schemas.profile import SkuKind, Test
from schemas.records import CommandType, Reason
from schemas.values import money_text
from streams.core import funds, instances, lines, plans, sessions, terms
from streams.core.amounts import EXACT, ZERO
from streams.core.commands import command
from streams.core.state import Resource, Run
from streams.core.turn import Refusal, Turn


def request(turn: Turn, data: InstanceRequested, time_ms: int) -> Refusal | None:
    """Answer the question, and charge a package's term."""
    if (refusal := plans.offered(turn, data.mode)) is not None:
        return refusal
    if (refusal := _not_offered(turn, data)) is not None:
        return refusal
    run = plans.planned_run(turn, data.sku, data.mode, data.spec, time_ms)
    if isinstance(run, Refusal):
        return run
    account = turn.account
    resource = account.resources.get(data.resource) or Resource()
    refusal = _state(turn, data, resource, time_ms) or _quota(turn, data, run)
    if refusal is not None:
        return refusal
    if data.mode == Mode.PACKAGE:
        refusal = terms.buy(turn, data.resource, resource, data, time_ms)
    else:
        refusal = _affordable(turn, data, run)
    if refusal is not None:
        return refusal
    account.resources[data.resource] = resource
    resource.approved_ms, resource.asked_sku = turn.time_ms, data.sku
    resource.held = ZERO if data.mode == Mode.PACKAGE else run.rate
    command(turn, CommandType.INSTANCE_START, "admitted", data.resource)
    return None


def _not_offered(turn: Turn, data: InstanceRequested) -> Refusal | None:
    profile = turn.offer.profile
    if data.auto_renew and not profile.terms.auto_renew:
        return Refusal(Reason.CAPABILITY_DISABLED, f"{profile.name} does not renew by itself")
    if data.term is not None and Mode.PACKAGE not in turn.offer.modes:
        return Refusal(Reason.CAPABILITY_DISABLED, f"{profile.name} has no terms")
    if data.term is not None and data.mode == Mode.PACKAGE:
        return terms.term_offered(turn, data.sku, data.term)
    return None


def _state(turn: Turn, data: InstanceRequested, resource: Resource, time_ms: int) -> Refusal | None:
    if data.resource in turn.account.gauges:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is storage")
    if (refusal := instances.no_start(resource, data.resource, time_ms)) is not None:
        return refusal
    if data.mode == Mode.PACKAGE:
        return terms.paid_already(data.resource, resource, time_ms)
    return None


def _quota(turn: Turn, data: InstanceRequested, run: Run) -> Refusal | None:
    admission = turn.offer.profile.admission
    quota = turn.account.instance_quota
    if quota is None:
        quota = admission.instance_quota
    if quota is None or not sessions.is_instance(turn.offer, run):
        return None
    counted = {
        name for name, each in sessions.running(turn.account) if sessions.is_instance(turn.offer, each)
    }
    counted |= {name for name in funds.held(turn) if _counts(turn, name)}
    if len(counted - {data.resource}) >= quota:
        return Refusal(Reason.INSTANCE_QUOTA, f"{quota} instances at most")
    return None


def _counts(turn: Turn, name: str) -> bool:
    """Whether what was approved is an instance: a model does not count for the quota."""
    sku = turn.offer.profile.skus.get(turn.account.resources[name].asked_sku)
    return sku is None or sku.kind is SkuKind.INSTANCE


def _affordable(turn: Turn, data: InstanceRequested, run: Run) -> Refusal | None:
    admission = turn.offer.profile.admission
    account = turn.account
    if admission.test is Test.RESERVE:
        rate = EXACT.add(sessions.present_rate(account), run.rate)
        enough, needed = (
            funds.reserve_covered(account.balance, rate, admission.reserve_s),
            f"{admission.reserve_s} s of all",
        )
    elif admission.test is Test.FIRST_PERIOD:
        price, _, _ = lines.period_price(turn, run, run.start_ms)
        enough, needed = account.balance >= price, money_text(price)
    elif admission.test is Test.MORE_THAN_AN_HOUR:
        left = funds.available(turn, data.resource)
        enough, needed = left > run.rate, f"more than {money_text(run.rate)}, of {money_text(left)} available"
    else:
        enough, needed = account.balance > ZERO, "more than 0"
    if enough:
        return None
    return Refusal(Reason.INSUFFICIENT_BALANCE, f"balance {money_text(account.balance)}; needed: {needed}")
