"""Stage 4 of 6, arithmetic: the one place where money is multiplied, divided and rounded. Pure.

Amounts come from exact integers (seconds, tokens) and exact prices; the division comes last and once, and is
rounded half-up (X-06). A line of a running total is the rounded total after it minus the rounded total before
it, so Σ lines is the exact total rounded once, whatever the size of the steps (X-07, R-NL3).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from functools import lru_cache

# Wide enough for 26 + 12 digits times a price; anything that would not be exact raises.
EXACT = Context(prec=120, rounding=ROUND_HALF_UP, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])

SECONDS_PER_HOUR = 3_600
QUANTITY_SCALE = 12
ZERO, ONE, TWO = Decimal(0), Decimal(1), Decimal(2)
_fma, _divmod = EXACT.fma, EXACT.divmod


def ratio(number: Decimal, divisor: int, scale: int) -> Decimal:
    """`number` / `divisor`, half-up to `scale` decimals, computed in integers: 1.20 × 5 / 3600 → 0.001666666667."""
    # ⌊(2n + d) / 2d⌋ of the magnitude; libmpdec is three times as fast at it as Python's integers.
    doubled = _fma(number.copy_abs().scaleb(scale, EXACT), TWO, Decimal(divisor))
    steps, _ = _divmod(doubled, Decimal(2 * divisor))
    return (steps.copy_negate() if steps and number < ZERO else steps).scaleb(-scale, EXACT)


def quotient(number: Decimal, divisor: Decimal, scale: int) -> Decimal:
    """`number` / `divisor` (> 0), half-up to `scale` decimals: 600 / 1.50 → 400."""
    _, digits, exponent = divisor.as_tuple()
    return ratio(number.scaleb(-int(exponent), EXACT), int("".join(map(str, digits))), scale)


def ratio_up(number: Decimal, divisor: int, scale: int) -> Decimal:
    """As `ratio`, but a tie goes up also below zero: what a carried remainder needs, so that -0.005 is 0."""
    half_up = ratio(number, divisor, scale)
    if number < ZERO:
        # Half-up went away from zero: one step back where it was a tie.
        step = ONE.scaleb(-scale, EXACT)
        over = EXACT.subtract(number, EXACT.multiply(half_up, Decimal(divisor)))
        if EXACT.multiply(over, TWO) == EXACT.multiply(step, Decimal(divisor)):
            return EXACT.add(half_up, step)
    return half_up


def cost_of_seconds(rate_per_hour: Decimal, seconds: int, scale: int) -> Decimal:
    """What `seconds` whole seconds cost at `rate_per_hour`, half-up to `scale` decimals."""
    return ratio(EXACT.multiply(rate_per_hour, Decimal(seconds)), SECONDS_PER_HOUR, scale)


@lru_cache(maxsize=4096)  # most lines are a minute or an hour long
def hours_of(seconds: int) -> Decimal:
    """Whole seconds as hours, half-up to 12 decimals."""
    return ratio(Decimal(seconds), SECONDS_PER_HOUR, QUANTITY_SCALE)
