"""Stage 3 of 6, requests: tokens, images, videos, seconds and characters of one request. Pure.

A line a priced meter; a counter without a price is not billed (FA-07: an embedding's output tokens). The call
that exhausts the credit is served and billed (R-FA1); one that the client closed early is billed for what was
generated (FA-10). What is below the smallest step is carried on by account, model and meter (contract 8.4).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import RequestServed
from schemas.profile import SkuKind
from schemas.records import Reason
from schemas.values import instant_text, money_text, plain
from schemas.wire import charge_of
from streams.core import hosted, ledger, windows
from streams.core.amounts import EXACT, QUANTITY_SCALE, ratio, ratio_up
from streams.core.book import MILLION, Counter, Rate
from streams.core.turn import Refusal, Turn, text_id

_multiply = EXACT.multiply


def serve(turn: Turn, data: RequestServed, time_ms: int) -> Refusal | None:
    """Bill one served request at the price of its time."""
    rate = turn.offer.rate(data.model, time_ms)
    if rate is None:
        refusal = _unpriced(turn, data.model)
        if refusal is not None:
            return refusal
    else:
        base = text_id("chg", f"{turn.account.id}\x1f{turn.cause.source}\x1f{turn.cause.id}")
        when = turn.time_text if time_ms == turn.time_ms else instant_text(time_ms)
        line = windows.line_of(data.resource, rate.sku, data.model, data.key)
        for counter in rate.counters:
            counted = getattr(data, counter.field)
            if counted:
                _bill(turn, data, rate, counter, Decimal(counted), f"{base}_{counter.meter}", when, line)
    if data.resource is not None:
        hosted.served(turn, data.resource, time_ms)
    return None


def _unpriced(turn: Turn, model: str) -> Refusal | None:
    """A model without a price: hardware that is billed by time, a profile that only records requests, or refused."""
    sku = turn.offer.profile.skus.get(model)
    if turn.offer.profile.requests.unpriced or (sku is not None and sku.kind is SkuKind.HOSTED):
        return None
    if sku is not None and not sku.launched:
        return Refusal(Reason.SKU_NOT_LAUNCHED, f"model {model!r} is coming soon")
    return Refusal(Reason.UNKNOWN_SKU, f"model {model!r} is not sold by {turn.offer.name}")


def _bill(
    turn: Turn,
    data: RequestServed,
    rate: Rate,
    counter: Counter,
    counted: Decimal,
    charge: str,
    when: str,
    line: str,
) -> None:
    account = turn.account
    per_unit = counter.per_unit
    if per_unit == MILLION:
        quantity = counted.scaleb(-6, EXACT)
    else:
        quantity = counted if per_unit == 1 else ratio(counted, per_unit, QUANTITY_SCALE)
    if counter.is_exact and not account.remainders:
        amount = _multiply(quantity, counter.price).normalize(EXACT)
    else:
        amount = _carried(turn, f"{rate.sku}|{counter.meter}", _multiply(counted, counter.price), per_unit)
    text = money_text(amount)
    turn.out.charges.append(
        charge_of(
            charge,
            account.id,
            turn.time_text,
            turn.cause,
            turn.offer.name,
            rate.sku,
            counter.meter,
            when,
            when,
            plain(quantity),
            counter.unit,
            counter.price_text,
            text,
            turn.offer.currency,
            rate.rule,
            rate.version,
            data.resource,
            data.request,
            data.model,
            data.key,
        )
    )
    windows.count(turn, line, counter.meter, counter.unit, quantity, amount)
    if amount:
        ledger.spend(turn, amount, charge, text=text)


def _carried(turn: Turn, name: str, numerator: Decimal, divisor: int) -> Decimal:
    """The line for `numerator` / `divisor` and what was carried before it; what is below the step is carried on."""
    remainders = turn.account.remainders
    total = EXACT.add(numerator, remainders.pop(name)) if name in remainders else numerator
    line = ratio_up(total, divisor, turn.offer.scale)
    rest = EXACT.subtract(total, _multiply(line, Decimal(divisor)))
    if rest:
        remainders[name] = rest
    return line
