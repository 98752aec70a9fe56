"""Stage 5 of 6, funds: what of a balance is free to be promised. Pure.

The available balance is net of what runs and is stored and not yet settled (R-GG1), and of the hour that each approved
request holds until it starts (contract 8.6).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.profile import Test
from streams.core import gauges, lines, sessions
from streams.core.amounts import EXACT, QUANTITY_SCALE, SECONDS_PER_HOUR, ZERO, cost_of_seconds
from streams.core.state import Account, Gauge
from streams.core.turn import Turn


def held(turn: Turn) -> dict[str, Decimal]:
    """What approved requests that have not started yet hold, by resource."""
    admission = turn.offer.profile.admission
    hold_ms = admission.hold_s * 1000
    now = turn.account.clock_ms
    return {
        name: resource.held
        for name, resource in turn.account.resources.items()
        if resource.approved_ms <= now < resource.approved_ms + hold_ms
    }


def reserve_covered(balance: Decimal, rate_per_hour: Decimal, reserve_s: int) -> bool:
    """Whether the balance covers `reserve_s` seconds at the rate; nothing is divided."""
    return EXACT.multiply(balance, Decimal(SECONDS_PER_HOUR)) >= EXACT.multiply(
        rate_per_hour, Decimal(reserve_s)
    )


def available(turn: Turn, asking: str) -> Decimal:
    """The balance net of what has accrued unsettled and of what other approvals hold (R-GG1, contract 8.6)."""
    admission = turn.offer.profile.admission
    left = turn.account.balance
    if admission.test is not Test.MORE_THAN_AN_HOUR:
        return left
    left = EXACT.subtract(left, accrued(turn))
    for name, hour in held(turn).items():
        if name != asking:
            left = EXACT.subtract(left, hour)
    return left


def accrued(turn: Turn) -> Decimal:
    """What runs and is stored has come to since its last settlement."""
    account: Account = turn.account
    total = ZERO
    for _, run in sessions.running_paid_by_use(account):
        seconds = lines.weighted_seconds(run, account.clock_ms) - lines.weighted_seconds(run, run.settled_ms)
        total = EXACT.add(total, cost_of_seconds(run.rate, max(0, seconds), QUANTITY_SCALE))
    for gauge in stored(account):
        total = EXACT.add(total, gauges.accrued(turn, gauge))
    return total


def stored(account: Account) -> list[Gauge]:
    """Every gauge of the account: its storage and its instances' disks."""
    return [*account.gauges.values(), *(r.disk for r in account.resources.values() if r.disk is not None)]
