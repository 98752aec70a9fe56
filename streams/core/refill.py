"""Stage 6 of 6, auto-refill: top up when the balance drops below a threshold. Pure.

PD-13 … PD-16: off by default; strictly below; one open refill; armed until it fires and again at a balance at or above
the threshold; decided before a pause. Unanswered it lapses after a day. A refill that would pass the calendar month's
cap, or come sooner after the last than the profile's cooldown (R-PD4), is not commanded; an armed one is looked at again
with the next entry (contract 8.5).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import AutoRefill
from schemas.records import CommandType, NoticeType, Reason
from schemas.values import money_text
from streams.core.amounts import EXACT, QUANTITY_SCALE, ZERO, quotient
from streams.core.commands import command
from streams.core.notices import notify
from streams.core.state import Account
from streams.core.state import Refill as RefillState
from streams.core.timers import LAPSE, REFILL, Rank, arm
from streams.core.turn import Refusal, Turn
from streams.core.windows import month_of


def in_currency(turn: Turn, amount: Decimal) -> Decimal:
    """An amount in the profile's display units (credits) as money (R-PD1)."""
    display = turn.offer.profile.display
    if display is None:
        return amount
    return quotient(amount, display.per_currency, QUANTITY_SCALE)


def refused(turn: Turn, setting: AutoRefill) -> Refusal | None:
    """Why the setting is not accepted; switching off always is."""
    if not setting.enabled:
        return None
    payments = turn.offer.profile.payments
    if not payments.auto_refill:
        return Refusal(Reason.CAPABILITY_DISABLED, f"{turn.offer.name} does not refill by itself")
    amount = in_currency(turn, setting.amount or ZERO)
    if payments.minimum is not None and amount < payments.minimum:
        return Refusal(
            Reason.BELOW_MINIMUM,
            f"a refill of {money_text(amount)} is below the minimum of {money_text(payments.minimum)}",
        )
    return None


def configure(turn: Turn, setting: AutoRefill) -> None:
    """Take the setting over; thresholds are also looked at when a setting is accepted."""
    refill = turn.account.refill = turn.account.refill or RefillState()
    refill.enabled = setting.enabled
    if setting.enabled:
        refill.threshold = in_currency(turn, setting.threshold or ZERO)
        refill.amount = in_currency(turn, setting.amount or ZERO)
        cap = setting.monthly_cap
        refill.monthly_cap = None if cap is None else in_currency(turn, cap)
        refill.armed = True
    watch(turn)


def watch(turn: Turn) -> None:
    """After an entry: arm again above the threshold, or look at the instant's end whether to refill."""
    refill = turn.account.refill
    if refill is None or not refill.enabled:
        return
    if turn.account.balance >= refill.threshold:
        refill.armed = True
    elif refill.armed:
        arm(turn.account, turn.account.clock_ms, Rank.REFILL, "", REFILL)


def due(turn: Turn) -> None:
    """All entries of the instant are made: command the refill if it is still wanted."""
    refill = turn.account.refill
    if refill is None or not refill.enabled or not refill.armed or refill.open_id:
        return
    cooldown_ms = turn.offer.profile.payments.refill_cooldown_s * 1000
    if turn.account.balance >= refill.threshold or turn.time_ms < refill.open_ms + cooldown_ms:
        return
    _new_month(turn.account, refill, turn.time_ms)
    total = EXACT.add(refill.commanded, refill.amount)
    if refill.monthly_cap is not None and total > refill.monthly_cap:
        return
    refill.armed = False
    refill.commanded = total
    lapse_ms = turn.time_ms + turn.offer.profile.payments.refill_lapses_s * 1000
    refill.open_id = command(
        turn, CommandType.PAYMENT_REFILL, "auto_refill", amount=refill.amount, until_ms=lapse_ms
    )
    refill.open_amount = refill.amount
    refill.open_ms = turn.time_ms
    arm(turn.account, lapse_ms, Rank.REMINDER, "", LAPSE)
    notify(
        turn, NoticeType.REFILL_REQUESTED, {"amount": money_text(refill.amount), "command": refill.open_id}
    )


def _new_month(account: Account, refill: RefillState, time_ms: int) -> None:
    month = month_of(account, time_ms)
    if refill.month != month:
        refill.month, refill.commanded = month, ZERO


def answered(turn: Turn, asked_by: str | None, amount: Decimal, *, paid: bool) -> None:
    """A payment came: it answers the open refill by its id, or without one by an equal amount."""
    refill = turn.account.refill
    if refill is None or not refill.open_id:
        return
    if asked_by == refill.open_id or (asked_by is None and amount == refill.open_amount):
        if paid:
            refill.open_id = ""
            watch(turn)
        else:
            _failed(turn, refill, "declined")


def lapse_due(turn: Turn) -> None:
    """A day without an answer: the refill has failed."""
    refill = turn.account.refill
    lapses_ms = turn.offer.profile.payments.refill_lapses_s * 1000
    if refill is not None and refill.open_id and refill.open_ms + lapses_ms <= turn.time_ms:
        _failed(turn, refill, "unanswered")


def _failed(turn: Turn, refill: RefillState, reason: str) -> None:
    values = {"amount": money_text(refill.open_amount), "command": refill.open_id, "reason": reason}
    # Of the month in which it was commanded: none is commanded while one is open.
    refill.commanded = EXACT.subtract(refill.commanded, refill.open_amount)
    refill.open_id = ""
    notify(turn, NoticeType.REFILL_FAILED, values)
