"""Advice by a dry run: the pure fold on a copy of the account, advanced to now, and thrown away.

So an answer is what the pipeline would do, to the reason and the last digit. The copy is the account's latest durable
state, which a worker writes every two seconds: what was folded since is not in it, and the answer says as of when.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from infra.http.states import States
from schemas.records import Reason
from schemas.values import instant_text, money_text
from schemas.wire import Event, Unreadable, read_event
from sinks.http.ports import Row, Unavailable
from streams.codec import unpack_account
from streams.core import estimates, fold
from streams.core.book import Book, Offer
from streams.core.intake import shape_fault
from streams.core.state import Account, Outbox
from streams.core.turn import Turn

SOURCE: Final = "dry-run"
QUESTION: Final = "question"
# A name that no resource has, for a request that is about a new one.
NEW_RESOURCE: Final = "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}new"
HOUR_MS: Final = 3_600_000


class _Copy:
    """One account's state, advanced to now."""

    def __init__(self, account: Account, offer: Offer, now_ms: int) -> None:
        self.account = account
        self.offer = offer
        self.now_ms = now_ms

    def row(self) -> Row:
        """What every answer says of the account."""
        return {
            "account": self.account.id,
            "balance": money_text(self.account.balance),
            "currency": self.offer.currency,
            "as_of": instant_text(self.now_ms),
        }


class DryRun:
    """`Advice` over `states`. `now_ms`: present time; an account whose clock is ahead of it is left there."""

    def __init__(self, states: States, book: Book, now_ms: Callable[[], int]) -> None:
        self._states = states
        self._book = book
        self._now_ms = now_ms

    def admission(self, account: str, request: Mapping[str, Any]) -> Row | None:
        """Whether `request` is admitted: `instance.start` was commanded, or why it was not."""
        copy = self._copy(account)
        if copy is None:
            return None
        known = copy.row()
        out, refusal = self._try(copy, "instance.requested", {"resource": NEW_RESOURCE, **request})
        charge = money_text(estimates.total(_ours(out.charges)))
        if refusal is None:
            return {"allowed": True, "reason": "admitted", "detail": "", **known, "charge": charge}
        return {"allowed": False, **refusal, **known, "charge": "0.00"}

    def request_cost(self, account: str, request: Mapping[str, Any]) -> Row | None:
        """What a request costs: its charges, were it served now."""
        copy = self._copy(account)
        if copy is None:
            return None
        known = copy.row()
        out, refusal = self._try(copy, "request.served", {"request": QUESTION, **request})
        charges = list(_ours(out.charges))
        lines = [
            {name: getattr(each, name) for name in ("meter", "quantity", "unit", "unit_price", "amount")}
            for each in charges
        ]
        return {
            "allowed": refusal is None,
            **(refusal or {"reason": "", "detail": ""}),
            **known,
            "model": request["model"],
            "amount": money_text(estimates.total(charges)),
            "lines": lines,
        }

    def mode_change(self, account: str, change: Mapping[str, Any]) -> Row | None:
        """What changing the mode comes to: used, given back, and the hour from which nothing is."""
        copy = self._copy(account)
        if copy is None:
            return None
        known = copy.row() | {"resource": change["resource"], "mode": change["mode"]}
        figures = self._figures(copy, change)
        out, refusal = self._try(copy, "instance.mode_changed", change)
        return {
            "allowed": refusal is None,
            **(refusal or {"reason": "", "detail": ""}),
            **known,
            **figures,
            "charge": money_text(estimates.total(_ours(out.charges))),
        }

    def _figures(self, copy: _Copy, change: Mapping[str, Any]) -> Row:
        resource = copy.account.resources.get(change["resource"])
        if resource is None:
            return {"paid": "0.00", "used": "0.00", "refund": "0.00", "break_even_hours": None}
        turn = Turn(copy.account, copy.offer, Outbox(), copy.now_ms, SOURCE, QUESTION)
        found = estimates.mode_change(turn, resource, change["mode"], change.get("term"), copy.now_ms)
        return {
            "paid": money_text(found.paid),
            "used": money_text(found.used),
            "refund": money_text(found.refund),
            "break_even_hours": None if found.hours is None else f"{found.hours.normalize():f}",
        }

    def _copy(self, account_id: str) -> _Copy | None:
        frame = self._states.find(account_id)
        account = None if frame is None else unpack_account(frame)
        if account is None or not account.profile:
            return None
        offer = self._book.offers.get(account.profile)
        if offer is None:
            raise Unavailable(f"profile {account.profile!r} is not loaded here")
        now_ms = max(account.clock_ms, self._now_ms())
        fold.advance(account, now_ms, self._book, Outbox())
        return _Copy(account, offer, now_ms)

    def _try(self, copy: _Copy, kind: str, body: Mapping[str, Any]) -> tuple[Outbox, Row | None]:
        """What the event leads to, and why it was refused where it was."""
        event = _event(copy.account.id, kind, body, copy.now_ms)
        out = Outbox()
        if isinstance(event, Unreadable):
            return out, _refused(Reason.SCHEMA_INVALID, event.detail)
        if (fault := shape_fault(event, self._book.spec_skus)) is not None:
            return out, _refused(Reason.SCHEMA_INVALID, fault)
        fold.apply(copy.account, event, copy.now_ms, self._book, out)
        # An event about a resource that has not started would wait for it; here nothing comes any more.
        fold.finish(copy.account, out)
        refused = next(_ours(out.rejections), None)
        return out, None if refused is None else _refused(Reason(refused.reason), refused.detail)


def _event(account: str, kind: str, body: Mapping[str, Any], now_ms: int) -> Event | Unreadable:
    envelope = {
        "specversion": "1.0", "id": QUESTION, "source": SOURCE, "type": kind, "subject": account,
        "time": instant_text(now_ms), "data": dict(body),
    }  # fmt: skip
    return read_event(json.dumps(envelope).encode())


def _refused(reason: Reason, detail: str) -> Row:
    return {"reason": reason.value, "detail": detail}


def _ours(records: Iterable[Any]) -> Any:
    """The records that the question itself caused."""
    return (each for each in records if (each.cause.source, each.cause.id) == (SOURCE, QUESTION))
