"""How stories are told: each function below is one event, `tell` runs them, `Told` holds the records as printed.

An event's id is made from what it says, so the same call twice is a redelivery; give `id` to tell two alike apart.
Times: "10:17:03" is on Sunday, 1 November 2026, UTC; "8 10:17" is on the 8th; anything else is RFC 3339.
"""

# ruff: noqa: A002  # `id` is the envelope's own word

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from infra.books import load_book
from schemas.values import instant_of, instant_text
from schemas.wire import encode
from streams.core import story
from streams.core.book import Book

Record = dict[str, Any]
BOOK = load_book()
ACCOUNT = "acme"
MONTH = "2026-11-"
PREFIXES = {
    "charge": "chg_",
    "entry": "ent_",
    "notice": "ntc_",
    "command": "cmd_",
    "rejection": "rej_",
    "balance": "bal_",
}
_SHORT = re.compile(r"(?:(\d{1,2}) )?(\d\d:\d\d)(:\d\d)?(\.\d+)?")


def at(time: str) -> str:
    """The RFC 3339 time that `time` stands for."""
    match = _SHORT.fullmatch(time)
    if match is None:
        return time
    day, minute, second, fraction = match.groups()
    return f"{MONTH}{int(day or 1):02d}T{minute}{second or ':00'}{fraction or ''}Z"


def instant(time: str) -> str:
    """`time` as records print it."""
    return instant_text(instant_of(at(time)))


# --- machines of round prices ------------------------------------------------------------------------------


def machine(
    *, gpu: str = "rtx-4090", gpus: int = 0, vcpus: int = 0, ram_gb: str = "0", disk_gb: str = "0"
) -> Record:
    """A machine's specification; without parts it costs nothing."""
    return {"gpu": gpu, "gpus": gpus, "vcpus": vcpus, "ram_gb": ram_gb, "disk_gb": disk_gb}


PER_HOUR_0_20 = machine(vcpus=50)
PER_HOUR_0_36 = machine(gpus=1, vcpus=10)
PER_HOUR_0_90 = machine(gpus=2, vcpus=65)
PER_HOUR_1_20 = machine(gpu="a100-80", gpus=1, vcpus=25)
# 360 an hour: 6.00 a minute, 0.10 a second.
TEN_CENTS_A_SECOND = machine(gpus=1125)


# --- events ------------------------------------------------------------------------------------------------


def event(
    kind: str,
    time: str,
    data: Record | None = None,
    *,
    account: str = ACCOUNT,
    id: str = "",
    source: str = "cloud",
    **envelope: object,
) -> bytes:  # the envelope's own word
    """One structured CloudEvent as a line."""
    what = (
        next(
            (str(data[name]) for name in ("resource", "payment", "request", "grant", "key") if name in data),
            "",
        )
        if data
        else ""
    )
    body = {
        "specversion": "1.0",
        "id": id or f"{kind} {what} {time}",
        "source": source,
        "type": kind,
        "subject": account,
        "time": at(time),
        "datacontenttype": "application/json",
        "data": data or {},
    } | envelope
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


def opened(
    profile: str, time: str = "00:00", *, account: str = ACCOUNT, id: str = "", **data: object
) -> bytes:
    """The account begins."""
    return event(
        "account.opened",
        time,
        {"profile": profile, "email": "owner@example.com"} | data,
        account=account,
        id=id,
    )


def paid(
    time: str,
    amount: str,
    *,
    payment: str = "",
    kind: str = "payment.succeeded",
    account: str = ACCOUNT,
    id: str = "",
    **data: object,
) -> bytes:
    """A payment, by card and in USD unless said otherwise; `kind` is its state."""
    body = {"payment": payment or f"pay {time}", "method": "card", "amount": amount, "currency": "USD"} | data
    return event(kind, time, body, account=account, id=id)


def given_back(kind: str, time: str, payment: str, amount: str, *, id: str = "", **data: object) -> bytes:
    """Money of a payment goes back: `payment.refunded` or `payment.disputed`."""
    return event(kind, time, {"payment": payment, "amount": amount, "currency": "USD"} | data, id=id)


def granted(time: str, amount: str, *, grant: str = "", bucket: str = "bonus", id: str = "") -> bytes:
    """An operator gives credit."""
    return event(
        "grant.issued", time, {"grant": grant or f"grant {time}", "amount": amount, "bucket": bucket}, id=id
    )


def settings(time: str, **data: object) -> bytes:
    """The owner changes settings."""
    return event("account.settings_changed", time, data)


def started(
    time: str,
    spec: Record,
    resource: str = "m-1",
    *,
    mode: str = "payg",
    account: str = ACCOUNT,
    id: str = "",
    **data: object,
) -> bytes:
    """A machine runs."""
    body = {"resource": resource, "sku": "machine", "mode": mode, "spec": spec} | data
    return event("instance.started", time, body, account=account, id=id)


def asked(
    time: str, spec: Record, resource: str = "m-1", *, mode: str = "payg", id: str = "", **data: object
) -> bytes:
    """May this machine start?"""
    return event(
        "instance.requested",
        time,
        {"resource": resource, "sku": "machine", "mode": mode, "spec": spec} | data,
        id=id,
    )


def beat(time: str, resource: str = "m-1", *, account: str = ACCOUNT, id: str = "") -> bytes:
    """The machine says that it runs."""
    return event("instance.heartbeat", time, {"resource": resource}, account=account, id=id)


def stopped(
    time: str, resource: str = "m-1", *, reason: str = "user", account: str = ACCOUNT, id: str = ""
) -> bytes:
    """The machine no longer runs."""
    return event("instance.stopped", time, {"resource": resource, "reason": reason}, account=account, id=id)


def released(time: str, resource: str = "m-1", *, id: str = "") -> bytes:
    """The machine is given back."""
    return event("instance.released", time, {"resource": resource}, id=id)


def served(
    time: str,
    model: str = "llama-3.3-70b",
    *,
    request: str = "",
    account: str = ACCOUNT,
    id: str = "",
    **data: object,
) -> bytes:
    """A request was answered."""
    body = {"request": request or f"req {time}", "model": model} | data
    return event("request.served", time, body, account=account, id=id)


def spent(time: str, amount: str, *, request: str = "", id: str = "") -> bytes:
    """A request whose tokens cost exactly `amount` (a multiple of 0.00000002): input of bge-m3 at 0.02 a million."""
    return served(time, "bge-m3", request=request, id=id, input_tokens=int(Decimal(amount) * 50_000_000))


def tick(time: str) -> bytes:
    """All clocks reach `time`."""
    return event("clock.tick", time, account="operator")


# --- the telling -------------------------------------------------------------------------------------------


@dataclass
class Told:
    """What came of a story: every record as `meterstream simulate` prints it, in its order."""

    records: list[Record] = field(default_factory=list)

    def of(self, kind: str, **fields: object) -> list[Record]:
        """Records of `kind` whose fields are as given."""
        return [
            r for r in self.records if r["record"] == kind and all(r.get(n) == v for n, v in fields.items())
        ]

    def charges(self, **fields: object) -> list[Record]:
        """Charges."""
        return self.of("charge", **fields)

    def entries(self, **fields: object) -> list[Record]:
        """Ledger entries."""
        return self.of("entry", **fields)

    def commands(self) -> list[tuple[str, str, str, str]]:
        """(time, type, resource, reason) of every command."""
        return [(r["time"], r["type"], r.get("resource", ""), r["reason"]) for r in self.of("command")]

    def notices(self, kind: str | None = None) -> list[str]:
        """The times of the notices of a type."""
        return [r["time"] for r in self.of("notice") if kind in (None, r["type"])]

    def reasons(self) -> list[str]:
        """Why events were refused, in order."""
        return [r["reason"] for r in self.of("rejection")]

    def cost(self, resource: str = "m-1") -> Decimal:
        """Everything charged for a resource, corrections included."""
        return sum((Decimal(r["amount"]) for r in self.charges(resource=resource)), Decimal(0))

    def amounts(self, kind: str = "charge", **fields: object) -> list[str]:
        """The amounts of charges or entries."""
        return [r["amount"] for r in self.of(kind, **fields)]

    def line(self, account: str = ACCOUNT) -> Record:
        """The account's balance line."""
        return next(r for r in self.of("balance") if r["account"] == account)

    def balance(self, account: str = ACCOUNT) -> str:
        """The account's balance."""
        balance: str = self.line(account)["balance"]
        return balance

    def buckets(self) -> dict[str, str]:
        """The buckets that hold something."""
        return {name: amount for name, amount in self.line()["buckets"].items() if Decimal(amount)}


def tell(*lines: bytes, until: str | None = None, book: Book = BOOK) -> Told:
    """Run a story through the pure engine."""
    told = story.run(lines, book, None if until is None else instant_of(at(until)))
    records = list(_printed(told))
    _are_told_in_full(records)
    return Told(records)


def _are_told_in_full(records: list[Record]) -> None:
    """What holds in every story: an id is of its kind and of one record only, and a refusal says why."""
    ids = [record["id"] for record in records]
    assert len(set(ids)) == len(ids)
    assert all(record["id"].startswith(PREFIXES[record["record"]]) for record in records)
    details = [record["detail"] for record in records if record["record"] == "rejection"]
    assert all(detail and "None" not in detail for detail in details), details


def _printed(told: story.Story) -> Iterable[Record]:
    for kind, record in story.records_in_order(told.out):
        yield {"record": kind} | json.loads(encode(record))
    for balance in told.balances():
        yield {"record": "balance"} | json.loads(encode(balance))
