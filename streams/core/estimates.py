"""Stage 6 of 6, estimates: what a request or a change of mode would come to, read off a copy of the account. Pure.

The copy is folded on as the account itself would be; what is here only reads the outcome. FA-11: the most that a
request can cost is its input and all of its `max_tokens`. GG-17: a change of mode may be the worse bargain; at the
break-even hour the time used at pay-as-you-go has eaten what the package cost (600 at 1.50 an hour: 400 hours), and
nothing comes back any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from schemas.events import Mode, Term
from streams.core import mode_changes, terms
from streams.core.amounts import EXACT, ZERO, quotient
from streams.core.state import Resource
from streams.core.turn import Turn

HOURS_SCALE = 2


class ModeChange(NamedTuple):
    """What leaving or buying a package comes to. `hours`: how many at pay-as-you-go cost as much as the package."""

    paid: Decimal
    used: Decimal
    refund: Decimal
    hours: Decimal | None


def total(charges: Iterable[Any]) -> Decimal:
    """What charges come to together."""
    amount = ZERO
    for charge in charges:
        amount = EXACT.add(amount, Decimal(charge.amount))
    return amount


def break_even_hours(price: Decimal, rate_per_hour: Decimal) -> Decimal | None:
    """`price` / `rate_per_hour`, half-up to 2 decimals; None at a rate of 0: it never comes."""
    if not rate_per_hour:
        return None
    return quotient(price, rate_per_hour, HOURS_SCALE)


def mode_change(turn: Turn, resource: Resource, mode: str, term: str | None, time_ms: int) -> ModeChange:
    """What a change of `resource` to `mode` comes to at `time_ms`, whether or not it is allowed."""
    package = terms.active(resource, time_ms)
    if package is not None:
        paid, used, refund = mode_changes.settlement(turn, package, time_ms)
        rate = _payg_rate(turn, package.sku, package.periods[0].start_ms)
        return ModeChange(paid, used, refund, break_even_hours(paid, rate))
    hours = None
    sku = resource.runs[-1].sku if resource.runs else ""
    sold = turn.offer.instance(sku, time_ms)
    if mode == Mode.PACKAGE and term is not None and sold is not None:
        price = sold[1].terms.get(Term(term))
        hours = None if price is None else break_even_hours(price, _payg_rate(turn, sku, time_ms))
    return ModeChange(ZERO, ZERO, ZERO, hours)


def _payg_rate(turn: Turn, sku: str, time_ms: int) -> Decimal:
    sold = turn.offer.instance(sku, time_ms)
    return sold[1].payg if sold is not None and sold[1].payg is not None else ZERO
