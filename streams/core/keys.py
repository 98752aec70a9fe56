"""Stage 3 of 6, API keys: the tier of each, decided by an operator or by the account's first top-up. Pure.

FA-13, FA-14, R-FA4. What was decided last by event time stands, so a late event cannot undo a later decision; at one
instant the order of arrival decides (contract 8.1).
"""

from __future__ import annotations

from schemas.events import KeyCreated, KeyTierChanged, Tier
from streams.core.state import TierDecision
from streams.core.turn import Refusal, Turn, touch


def created(turn: Turn, data: KeyCreated, time_ms: int) -> Refusal | None:
    """A key begins at the tier it names, else at the account's (FA-13, R-FA4)."""
    _decide(turn, data.key, data.tier, time_ms)
    return None


def tier_changed(turn: Turn, data: KeyTierChanged, time_ms: int) -> Refusal | None:
    """A key's tier changes, effective at once (FA-14)."""
    _decide(turn, data.key, data.tier, time_ms)
    return None


def topped_up(turn: Turn, time_ms: int) -> None:
    """R-FA4: the first top-up, by its time, moves the account's keys to the paid tier; later ones begin there."""
    account = turn.account
    if turn.offer.profile.keys.tier_after_topup is None or (
        account.topped_up and account.topup_ms <= time_ms
    ):
        return
    account.topped_up, account.topup_ms = True, time_ms
    account.keys = {key: _tier(turn, key) for key in account.keys}


def _decide(turn: Turn, key: str, tier: str | None, time_ms: int) -> None:
    account = turn.account
    known = account.tiers.get(key)
    if tier is not None and (known is None or known.time_ms <= time_ms):
        after_topup = account.topped_up and account.topup_ms <= time_ms
        account.tiers[key] = TierDecision(time_ms, after_topup, tier)
    account.keys = {**account.keys, key: _tier(turn, key)}
    touch(turn)


def _tier(turn: Turn, key: str) -> str:
    account = turn.account
    decided = account.tiers.get(key)
    moved_to = turn.offer.profile.keys.tier_after_topup
    if moved_to is not None and account.topped_up and (decided is None or not _outlasts_topup(turn, decided)):
        return moved_to.value
    return account.keys.get(key, Tier.FREE.value) if decided is None else decided.tier


def _outlasts_topup(turn: Turn, decided: TierDecision) -> bool:
    topup_ms = turn.account.topup_ms
    return decided.time_ms > topup_ms or (decided.time_ms == topup_ms and decided.after_topup)
