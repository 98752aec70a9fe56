"""Stage 6 of 6, notices: what an account's owner is told, once a crossing. Pure.

Thresholds are edge-triggered and armed again on recovery (X-09): they are looked at after every event and
timer that moved the balance or what the present spending is measured against.
"""

from __future__ import annotations

from decimal import Decimal

from schemas.records import NoticeType
from schemas.values import money_text
from schemas.wire import Notice
from streams.core import sessions
from streams.core.amounts import EXACT, ZERO
from streams.core.turn import Turn, record_id


def notify(turn: Turn, kind: NoticeType, values: dict[str, str], resource: str | None = None) -> None:
    """Write a notice; its id is made from its type, its cause and its resource."""
    account = turn.account
    turn.out.notices.append(
        Notice(
            id=record_id(
                "ntc",
                account.id,
                kind.value,
                turn.cause.source,
                turn.cause.id,
                turn.time_text,
                resource,
                values.get("threshold"),
            ),
            account=account.id,
            time=turn.time_text,
            cause=turn.cause,
            type=kind.value,
            email=account.email,
            currency=turn.offer.currency,
            resource=resource,
            locale=account.locale,
            zone=account.zone,
            values=values,
            profile=turn.offer.name,
        )
    )


def notify_stopped(turn: Turn, resource: str, reason: str) -> None:
    """A session was ended by other than its user."""
    notify(turn, NoticeType.RESOURCE_STOPPED, {"reason": reason}, resource)


def watch_balance(turn: Turn, before: Decimal) -> None:
    """Look at the thresholds; `before` is the balance before the turn.

    low_balance: strictly below the account's threshold (FA-23: 5.00 exactly is none) or below so many hours of
    present burn (R-FX5). balance_zero: from above 0 to 0 or less (FA-24). One turn may cross both (R-FA3).
    """
    account = turn.account
    threshold = account.low_balance
    if threshold:
        below = account.balance < threshold
        if below and not account.below_low:
            notify(turn, NoticeType.LOW_BALANCE, _values(turn, threshold))
        account.below_low = below
    else:
        account.below_low = False
    if account.runway_alert or account.below_runway:
        _watch_runway(turn)
    if before > ZERO >= account.balance:
        notify(turn, NoticeType.BALANCE_ZERO, {"balance": money_text(account.balance)})


def _watch_runway(turn: Turn) -> None:
    account = turn.account
    hours = turn.offer.profile.alerts.runway_hours
    if hours is None or not account.runway_alert:
        account.below_runway = False
        return
    needed = EXACT.multiply(sessions.present_rate(account), Decimal(hours))
    below = account.balance < needed
    if below and not account.below_runway:
        notify(turn, NoticeType.LOW_BALANCE, {**_values(turn, needed), "runway_hours": str(hours)})
    account.below_runway = below


def _values(turn: Turn, threshold: Decimal) -> dict[str, str]:
    return {"balance": money_text(turn.account.balance), "threshold": money_text(threshold)}
