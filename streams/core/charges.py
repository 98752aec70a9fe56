"""Stage 4 of 6, charges: the record of a rated line, and its place in the open hour and day. Pure.

Requests write theirs in `requests.py`, by position, as there are a thousand of them for each of these.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from schemas.values import instant_text, money_text, plain
from schemas.wire import Charge
from streams.core import windows
from streams.core.turn import Turn


class RatedLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a line came to: `quantity` in `unit` at `unit_price` over [`start_ms`, `end_ms`) is `amount`."""

    id: str
    resource: str
    sku: str
    meter: str
    start_ms: int
    end_ms: int
    quantity: Decimal
    unit: str
    unit_price: Decimal
    amount: Decimal
    rule: str
    price_version: str
    model: str | None = None
    corrects: str | None = None


def write(turn: Turn, line: RatedLine) -> None:
    """Write the charge, and count it in the open hour and day."""
    turn.out.charges.append(
        Charge(
            id=line.id,
            account=turn.account.id,
            time=turn.time_text,
            cause=turn.cause,
            profile=turn.offer.name,
            sku=line.sku,
            meter=line.meter,
            start=instant_text(line.start_ms),
            end=turn.time_text if line.end_ms == turn.time_ms else instant_text(line.end_ms),
            quantity=plain(line.quantity),
            unit=line.unit,
            unit_price=money_text(line.unit_price),
            amount=money_text(line.amount),
            currency=turn.offer.currency,
            rule=line.rule,
            price_version=line.price_version,
            resource=line.resource,
            model=line.model,
            corrects=line.corrects,
        )
    )
    name = windows.line_of(line.resource, line.sku, line.model, None)
    windows.count(turn, name, line.meter, line.unit, line.quantity, line.amount)
