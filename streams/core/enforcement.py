"""Stage 6 of 6, enforcement: what must be affordable before and while something runs. Pure.

Commands go to the cloud's control plane; usage ends at our own command. Ids are made from resource, reason and
instant, so a replay gives the same command (X-10).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import InstanceRequested
from schemas.records import CommandType, Reason
from schemas.values import money_text
from schemas.wire import Command
from streams.core import sessions
from streams.core.amounts import EXACT, SECONDS_PER_HOUR
from streams.core.state import Account
from streams.core.turn import Refusal, Turn, record_id


def command(turn: Turn, kind: CommandType, reason: str, resource: str | None = None) -> None:
    """Write a command."""
    turn.out.commands.append(
        Command(
            id=record_id("cmd", turn.account.id, kind.value, reason, resource, turn.time_text),
            account=turn.account.id,
            time=turn.time_text,
            cause=turn.cause,
            type=kind.value,  # type: ignore[arg-type]  # the struct carries the enum's text
            reason=reason,
            resource=resource,
        )
    )


def _reserve_covered(balance: Decimal, rate_per_hour: Decimal, reserve_s: int) -> bool:
    # Multiplied out, so that nothing is divided: balance >= rate × reserve / 3600.
    return EXACT.multiply(balance, Decimal(SECONDS_PER_HOUR)) >= EXACT.multiply(rate_per_hour, Decimal(reserve_s))


def request(turn: Turn, data: InstanceRequested, time_ms: int) -> Refusal | None:
    """May this instance start? The balance must cover the reserve of all that runs and of this one."""
    run = sessions.priced_run(turn, data, time_ms)
    if isinstance(run, Refusal):
        return run
    account = turn.account
    known = account.resources.get(data.resource)
    if known is not None and (refusal := sessions.no_start(known, data.resource, time_ms)) is not None:
        return refusal
    rate = EXACT.add(sessions.present_rate(account), run.rate)
    if account.instance_quota is not None and len(sessions.running(account)) >= account.instance_quota:
        return Refusal(Reason.INSTANCE_QUOTA, f"{account.instance_quota} instances at most")
    reserve_s = turn.offer.profile.sessions.reserve_s
    if not _reserve_covered(account.balance, rate, reserve_s):
        detail = f"balance {money_text(account.balance)} does not cover {reserve_s} s of all leases"
        return Refusal(Reason.INSUFFICIENT_BALANCE, detail)
    command(turn, CommandType.INSTANCE_START, "admitted", data.resource)
    return None


def enforce(turn: Turn) -> None:
    """After the lines of an instant: stop every running lease when the next minute cannot be paid (R-FX2)."""
    account: Account = turn.account
    leases = sessions.running(account)
    if not leases:
        return
    rate = sessions.present_rate(account)
    if _reserve_covered(account.balance, rate, turn.offer.profile.sessions.reserve_s):
        return
    for name, _ in leases:
        command(turn, CommandType.INSTANCE_STOP, "unpaid", name)
        sessions.stop_running(turn, name, "unpaid")
