"""Stage 3 of 6, requests: tokens, images, videos, seconds and characters of one request. Pure.

A line a priced meter; a counter without a price is not billed (FA-07: an embedding's output tokens). The call
that exhausts the credit is served and billed (R-FA1); one that the client closed early is billed for what was
generated (FA-10). What is below the smallest step is carried on by account, model and meter (contract 8.4).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import RequestServed
from schemas.records import Reason
from schemas.values import instant_text, money_text, plain
from schemas.wire import Charge
from streams.core import ledger, windows
from streams.core.amounts import EXACT, rounded
from streams.core.book import Counter, Rate
from streams.core.turn import Refusal, Turn, record_id

_multiply = EXACT.multiply


def serve(turn: Turn, data: RequestServed, time_ms: int) -> Refusal | None:
    """Bill one served request at the price of its time."""
    rate = turn.offer.rate(data.model, time_ms)
    if rate is None:
        return Refusal(Reason.UNKNOWN_SKU, f"model {data.model!r} is not sold by {turn.offer.name}")
    base = record_id("chg", turn.account.id, turn.cause.source, turn.cause.id)
    when = turn.time_text if time_ms == turn.time_ms else instant_text(time_ms)
    for counter in rate.counters:
        counted = getattr(data, counter.field)
        if counted:
            _bill(turn, data, rate, counter, Decimal(counted), f"{base}_{counter.meter}", when)
    return None


def _bill(
    turn: Turn, data: RequestServed, rate: Rate, counter: Counter, counted: Decimal, charge: str, when: str
) -> None:
    quantity = counted.scaleb(-counter.zeros, EXACT) if counter.zeros else counted
    amount = _carried(turn, f"{rate.sku}|{counter.meter}", _multiply(quantity, counter.price))
    account = turn.account
    turn.out.charges.append(
        Charge(
            id=charge,
            account=account.id,
            time=turn.time_text,
            cause=turn.cause,
            profile=turn.offer.name,
            sku=rate.sku,
            meter=counter.meter,  # type: ignore[arg-type]  # the struct carries the enum's text
            start=when,
            end=when,
            quantity=plain(quantity),
            unit=counter.unit,
            unit_price=counter.price_text,
            amount=money_text(amount),
            currency=turn.offer.currency,
            rule=rate.rule,
            price_version=rate.version,
            resource=data.resource,
            request=data.request,
            model=data.model,
            key=data.key,
        )
    )
    windows.count(turn, data.resource, rate.sku, data.model, data.key, counter.meter, counter.unit, quantity, amount)
    if amount:
        ledger.spend(turn, amount, charge)


def _carried(turn: Turn, name: str, exact: Decimal) -> Decimal:
    """The line for `exact` and what was carried before it; the rest below the smallest step is carried on."""
    remainders = turn.account.remainders
    total = EXACT.add(exact, remainders.pop(name)) if name in remainders else exact
    line = rounded(total, turn.offer.quantum)
    if line == total:
        return total.normalize(EXACT)
    remainders[name] = EXACT.subtract(total, line)
    return line
