"""Stage 5 of 6, the ledger: postings to buckets, numbered without gaps and chained. Pure.

Buckets are spent in the order free, trial, bonus, paid, one entry for each bucket touched; only `paid` goes
below zero, so a top-up settles the debt first (contract 8.4, FX-09, FA-19, R-FA8).
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import blake2b

from schemas.records import Bucket, EntryType
from schemas.values import money_text
from schemas.wire import entry_of
from streams.core.amounts import EXACT
from streams.core.state import Account
from streams.core.turn import Turn

FREE, TRIAL, BONUS, PAID = (bucket.value for bucket in Bucket)
BEFORE_PAID = (FREE, TRIAL, BONUS)
Parts = list[tuple[str, Decimal]]

CHARGE = EntryType.CHARGE.value
CORRECTION = EntryType.CORRECTION.value
_add = EXACT.add
_subtract = EXACT.subtract


def post(
    turn: Turn,
    kind: str,
    amount: Decimal,
    bucket: str,
    *,
    charge: str | None = None,
    payment: str | None = None,
    text: str | None = None,
) -> None:
    """Move `amount` (signed, not 0) in `bucket` and write the entry; `text` is the amount's, where it is known."""
    account = turn.account
    amount_text = text or money_text(amount)
    if bucket == PAID:
        account.paid = _add(account.paid, amount)
    else:
        setattr(account, bucket, _add(getattr(account, bucket), amount))
    account.balance = balance = _add(account.balance, amount)
    account.seq = seq = account.seq + 1
    balance_text = money_text(balance)
    account.hash = chained = _chain(
        f"{account.hash}|{seq}|{kind}|{amount_text}|{bucket}|{balance_text}|{turn.time_text}|{charge}|{payment}"
    )
    account.entry_ms = turn.time_ms
    account.cause_source, account.cause_id = turn.cause.source, turn.cause.id
    turn.out.entries.append(
        entry_of(
            f"ent_{account.id}_{seq}",
            account.id,
            turn.time_text,
            turn.cause,
            kind,
            amount_text,
            bucket,
            balance_text,
            turn.offer.currency,
            seq,
            chained,
            charge,
            payment,
        )
    )


def _chain(content: str) -> str:
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def spend(turn: Turn, amount: Decimal, charge: str, *, kind: str = CHARGE, text: str | None = None) -> Parts:
    """Take `amount` (> 0) from the buckets in their order; what each gave, in the order of drawing.

    `text` is the amount's, where it is known.
    """
    account = turn.account
    minus = f"-{text}" if text else None
    if not (account.free or account.trial or account.bonus):
        post(turn, kind, amount.copy_negate(), PAID, charge=charge, text=minus)
        return [(PAID, amount)]
    parts: Parts = []
    rest = amount
    for bucket in BEFORE_PAID:
        have = getattr(account, bucket)
        if not have:
            continue
        if have >= rest:
            post(turn, kind, rest.copy_negate(), bucket, charge=charge, text=None if parts else minus)
            parts.append((bucket, rest))
            return parts
        post(turn, kind, have.copy_negate(), bucket, charge=charge)
        parts.append((bucket, have))
        rest = _subtract(rest, have)
    post(turn, kind, rest.copy_negate(), PAID, charge=charge)
    parts.append((PAID, rest))
    return parts


def give_back(turn: Turn, parts: Parts, charge: str) -> None:
    """Post a correction's money to the buckets that it came from; `parts` are amounts > 0."""
    for bucket, amount in parts:
        post(turn, CORRECTION, amount, bucket, charge=charge)


def last_drawn(parts: Parts, amount: Decimal) -> Parts:
    """The part of a drawing that is undone when `amount` of it goes back: last drawn, first returned."""
    back: Parts = []
    rest = amount
    for bucket, drawn in reversed(parts):
        taken = min(drawn, rest)
        if taken:
            back.append((bucket, taken))
        rest = _subtract(rest, taken)
    if rest:
        # More than was drawn can only come from rounding of a trimmed line; it belongs to the last bucket.
        back.append((parts[-1][0] if parts else PAID, rest))
    return back


def buckets_of(account: Account) -> dict[str, str]:
    """The account's buckets as texts, in the order of spending."""
    return {bucket: money_text(getattr(account, bucket)) for bucket in (*BEFORE_PAID, PAID)}
