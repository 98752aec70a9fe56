"""Stage 6 of 6, commands: what the cloud's control plane must do. Pure.

Ids are made from type, resource, reason and instant, so a replay gives the same command (X-10).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.records import CommandType
from schemas.values import instant_text, money_text
from schemas.wire import Command
from streams.core.turn import Turn, record_id


def command(
    turn: Turn,
    kind: CommandType,
    reason: str,
    resource: str | None = None,
    *,
    amount: Decimal | None = None,
    replicas: int | None = None,
    until_ms: int | None = None,
) -> str:
    """Write a command; its id. An `amount` is in the account's currency, and the command says so."""
    name = record_id("cmd", turn.account.id, kind.value, reason, resource, turn.time_text)
    turn.out.commands.append(
        Command(
            id=name,
            account=turn.account.id,
            time=turn.time_text,
            cause=turn.cause,
            type=kind.value,
            reason=reason,
            resource=resource,
            amount=None if amount is None else money_text(amount),
            replicas=replicas,
            currency=None if amount is None else turn.offer.currency,
            until=None if until_ms is None else instant_text(until_ms),
        )
    )
    return name
