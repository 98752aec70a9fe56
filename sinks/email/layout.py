"""What each type of notice tells, and in which order: a table of blocks, the same for text and HTML. Pure data.

A mail is: subject, lead, rows of figures, what follows from it, what to do. The words are in `phrases/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from schemas.records import NoticeType


class Tone(StrEnum):
    """How grave it is; the colour of the HTML's edge."""

    GOOD = "good"
    PLAIN = "plain"
    WARNING = "warning"
    GRAVE = "grave"


class Kind(StrEnum):
    """How a value is shown: money of the account, an instant in its zone, one of a few words, or as it is."""

    MONEY = "money"
    INSTANT = "instant"
    CHOICE = "choice"
    TEXT = "text"


_MONEY: Final = (
    "amount",
    "balance",
    "threshold",
    "credited",
    "fee",
    "bonus",
    "needed",
    "price",
    "spent",
    "limit",
)
_INSTANTS: Final = ("at", "deleted", "expired", "expires", "until", "from", "to")
# What a value is called tells what it is, in every type of notice.
KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(_MONEY, Kind.MONEY),
    **dict.fromkeys(_INSTANTS, Kind.INSTANT),
    "method": Kind.CHOICE,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """`chosen_by`: values that choose the lead: the first one that is there, by its name or by what it says.
    `rows`: the values that are listed, where the notice has them. `after`: paragraphs below them (`sections._after`).
    `pays`: whether the mail links to where funds are added. `unless_zero`: rows left out at zero.
    """

    tone: Tone
    rows: tuple[str, ...]
    after: tuple[str, ...]
    chosen_by: tuple[str, ...] = ()
    pays: bool = False
    unless_zero: frozenset[str] = frozenset()


_RECEIPT: Final = ("payment", "method", "amount", "native_amount", "fee", "credited", "bonus", "balance")
_BALANCE: Final = ("balance",)
LAYOUTS: Final[Mapping[str, Layout]] = {
    NoticeType.RECEIPT: Layout(Tone.GOOD, _RECEIPT, (), unless_zero=frozenset({"fee", "bonus"})),
    NoticeType.LOW_BALANCE: Layout(Tone.WARNING, ("balance", "threshold"), ("consequence", "next.add_funds"),
                                   ("runway_hours", "threshold"), pays=True),
    NoticeType.BALANCE_ZERO: Layout(Tone.GRAVE, _BALANCE, ("consequence", "next.add_funds"), pays=True),
    NoticeType.OVERDUE: Layout(Tone.GRAVE, _BALANCE, ("kept.arrears", "next.add_funds"), pays=True),
    NoticeType.TERM_EXPIRING: Layout(Tone.WARNING, ("expires",), (), ("auto_renew",), pays=True),
    NoticeType.TERM_EXPIRED: Layout(Tone.WARNING, ("expired",), ("kept.retention",)),
    NoticeType.TERM_RENEWED: Layout(Tone.GOOD, ("until", "price"), ("next.no_action",)),
    NoticeType.RENEWAL_FAILED: Layout(Tone.GRAVE, ("price", "balance"), ("kept.retention", "next.add_funds"), pays=True),
    NoticeType.DELETION_DUE: Layout(Tone.GRAVE, ("at",), ("next.save_data",), pays=True),
    NoticeType.DATA_DELETED: Layout(Tone.PLAIN, ("deleted",), ()),
    NoticeType.RESOURCE_PAUSED: Layout(Tone.WARNING, ("balance", "needed"), ("next.add_funds",), pays=True),
    NoticeType.RESOURCE_RESUMABLE: Layout(Tone.GOOD, _BALANCE, ("next.resume",)),
    NoticeType.RESOURCE_STOPPED: Layout(Tone.WARNING, (), ("kept.retention",), ("reason",)),
    NoticeType.REFILL_REQUESTED: Layout(Tone.PLAIN, ("amount", "command"), ("next.no_action",)),
    NoticeType.REFILL_FAILED: Layout(Tone.GRAVE, ("amount", "command"), ("next.check_method",), ("reason",), pays=True),
    NoticeType.SPEND_DIGEST: Layout(Tone.PLAIN, ("spent", "from", "to"), (), ("period",)),
    NoticeType.SPEND_LIMIT: Layout(Tone.WARNING, ("spent", "limit"), ("next.check_limit",)),
}  # fmt: skip
# A type of a later release still reaches its reader.
OTHER: Final = Layout(Tone.PLAIN, (), ())
GRAVITY: Final = (Tone.GOOD, Tone.PLAIN, Tone.WARNING, Tone.GRAVE)
