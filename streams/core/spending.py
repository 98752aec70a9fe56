"""Stage 6 of 6, spending: limits a resource and month, and summaries a day or week, in the account's zone. Pure.

PD-28: a deployment's limit fires once when its spend of the calendar month reaches it. PD-27: a summary at midnight
for the day before, on Monday for the seven days before; none when nothing was spent.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.events import Digest
from schemas.records import NoticeType
from schemas.values import instant_text, money_text
from streams.core.amounts import EXACT, ZERO
from streams.core.notices import notify
from streams.core.timers import DIGEST, Rank, arm
from streams.core.turn import Turn
from streams.core.windows import day_total, local_day, month_of, month_total

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def watch_limits(turn: Turn) -> None:
    """Notices for resources whose spend of the month has reached their limit; armed again below it or next month."""
    account = turn.account
    over = []
    for resource in sorted(account.spend_limits):
        limit = account.spend_limits[resource]
        spent = month_total(account, resource) if account.month == month_of(account, turn.time_ms) else ZERO
        if spent >= limit:
            over.append(resource)
            if resource not in account.over_limit:
                values = {"spent": money_text(spent), "limit": money_text(limit)}
                notify(turn, NoticeType.SPEND_LIMIT, values, resource)
    account.over_limit = over


def arm_digest(turn: Turn) -> None:
    """Set the timer of the next local midnight, where summaries are wanted."""
    if turn.account.digest != Digest.OFF:
        arm(turn.account, local_day(turn.account.zone, turn.time_ms)[1], Rank.DIGEST, "", DIGEST)


def digest_due(turn: Turn, due_ms: int) -> None:
    """Midnight: the summary of the day, or on Monday of the week, that has just ended."""
    account = turn.account
    if account.digest == Digest.OFF:
        return
    arm_digest(turn)
    days = 1
    if account.digest == Digest.WEEKLY:
        if _local(account.zone, due_ms).weekday() != 0:
            return
        days = 7
    start_ms = due_ms
    spent = ZERO
    for _ in range(days):
        start_ms = local_day(account.zone, start_ms - 1)[0]
        spent = EXACT.add(spent, day_total(account, start_ms))
    # A day of nothing but corrections is no day of spending.
    if spent > ZERO:
        values = {"spent": money_text(spent), "from": instant_text(start_ms), "to": instant_text(due_ms)}
        notify(turn, NoticeType.SPEND_DIGEST, {**values, "period": account.digest})


def _local(zone: str, time_ms: int) -> datetime:
    return (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(ZoneInfo(zone))
