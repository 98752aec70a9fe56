"""Random stories for the laws, and how much time a law may take."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from schemas.values import instant_of
from schemas.wire import encode
from streams.core import story
from streams.core.state import Account
from tests.scenarios.telling import (
    ACCOUNT,
    BOOK,
    Record,
    Told,
    beat,
    event,
    given_back,
    machine,
    opened,
    paid,
    released,
    served,
    started,
    stopped,
    tick,
)

# Derandomized: the same stories in every run; `make` and CI see what a developer sees.
law = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
few = settings(law, max_examples=20)

DAWN = datetime(2026, 11, 1, tzinfo=UTC)
MACHINES = (machine(gpus=1125), machine(vcpus=7, ram_gb="0.3"), machine(gpu="h100-80", gpus=3, disk_gb="17"))


def moment(ms: int) -> str:
    """RFC 3339 for so many milliseconds after the dawn of the story."""
    return (DAWN + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Steps of all sizes that matter: within a second, a line, a silence, an hour, a day.
steps = st.one_of(
    st.integers(1, 2_000),
    st.integers(1_000, 120_000),
    st.integers(600_000, 1_200_000),
    st.integers(1, 4_000_000),
)


@st.composite
def leases(draw: st.DrawFn, *, beats: bool = True, most: int = 16) -> list[bytes]:
    """What two FluxEdge machines of one account do, in order of time, no two events at one instant."""
    kinds = ["start", "start", "stop", *(["beat", "beat", "beat"] if beats else [])]
    lines = [opened("fluxedge", moment(0)), paid(moment(1), "1" + "0" * 12)]
    now = 1_000
    for number in range(draw(st.integers(1, most))):
        now += draw(steps)
        kind, name = draw(st.sampled_from(kinds)), draw(st.sampled_from(["a", "b"]))
        lines.append(_lease_event(kind, name, moment(now), draw(st.integers(0, 2)), number))
    if draw(st.booleans()):
        lines.append(released(moment(now + 1), "a"))
    # Both end stopped, so that no second is left unsettled.
    lines += [stopped(moment(now + 60_000), name, id=f"end {name}") for name in ("a", "b")]
    return [*lines, tick(moment(now + 3_600_000))]


def _lease_event(kind: str, name: str, time: str, spec: int, number: int) -> bytes:
    if kind == "start":
        return started(time, MACHINES[spec], name, id=f"e{number}")
    if kind == "beat":
        return beat(time, name, id=f"e{number}")
    return stopped(time, name, id=f"e{number}")


@st.composite
def requests(draw: st.DrawFn, account: str = ACCOUNT, most: int = 20) -> list[bytes]:
    """What a flex.ai account does: requests of any size, payments and grants in between."""
    lines = [opened("flexai", moment(0), account=account)]
    now = 0
    for number in range(draw(st.integers(1, most))):
        now += draw(steps)
        lines.append(draw(_spending(moment(now), number, account)))
    return lines


@st.composite
def _spending(draw: st.DrawFn, time: str, number: int, account: str) -> bytes:
    kind = draw(st.sampled_from(["serve", "serve", "serve", "pay", "grant"]))
    if kind == "pay":
        cents = draw(st.integers(400, 3_000))
        return paid(
            time, str(Decimal(cents).scaleb(-2)), payment=f"p{number}", id=f"e{number}", account=account
        )
    if kind == "grant":
        data = {
            "grant": f"g{number}",
            "amount": draw(st.integers(1, 9)),
            "bucket": draw(st.sampled_from(["trial", "bonus"])),
        }
        return event("grant.issued", time, data, id=f"e{number}", account=account)
    tokens = draw(st.one_of(st.integers(0, 5_000), st.integers(1_000_000, 100_000_000)))
    model = draw(st.sampled_from(["llama-3.3-70b", "qwen-vl-72b", "bge-m3"]))
    return served(
        time,
        model,
        request=f"r{number}",
        id=f"e{number}",
        input_tokens=tokens,
        output_tokens=tokens // 3,
        account=account,
    )


def mixed() -> st.SearchStrategy[list[bytes]]:
    """Either kind of story, and disputes of a payment that may not exist."""
    dispute = given_back("payment.disputed", moment(2), "p0", "5", id="dispute")
    return st.one_of(leases(), requests(), requests().map(lambda lines: [*lines, dispute]))


# --- what came of it -------------------------------------------------------------------------------------


def run(lines: list[bytes]) -> story.Story:
    """The story, told to its end."""
    return story.run(lines, BOOK)


def printed(told: story.Story) -> list[bytes]:
    """Every record as printed."""
    return [kind.encode() + encode(record) for kind, record in story.records_in_order(told.out)] + [
        encode(balance) for balance in told.balances()
    ]


def totals(told: story.Story) -> dict[str, Any]:
    """What must not depend on the order of arrival: balances, cost and seconds of each resource."""
    cost: dict[Any, Decimal] = defaultdict(Decimal)
    seconds: dict[Any, int] = defaultdict(int)
    for charge in told.out.charges:
        where = (charge.account, charge.resource, charge.sku, charge.meter, charge.unit_price)
        cost[where] += Decimal(charge.amount)
        per_unit = 3600 if charge.unit == "hour" else 1_000_000
        seconds[where] += round(Decimal(charge.quantity) * per_unit)
    return {
        "balances": {b.account: b.balance for b in told.balances()},
        "cost": {where: amount for where, amount in cost.items() if amount},
        "seconds": {where: amount for where, amount in seconds.items() if amount},
    }


def records_of(told: story.Story, account: str) -> list[Record]:
    """An account's records, as objects."""
    found = [json.loads(encode(r)) | {"record": kind} for kind, r in story.records_in_order(told.out)]
    return [record for record in found if record["account"] == account]


_packed = msgspec.msgpack.Encoder()
_unpacked = msgspec.msgpack.Decoder(Account)


def forget(account: Account) -> Account:
    """The account as a worker reads it back after a restart."""
    return _unpacked.decode(_packed.encode(account))


def run_with_restarts(lines: list[bytes]) -> story.Story:
    """The story of `lines`, told to a worker that restarts after each of them."""
    restarted = story.Story(BOOK)
    for line in lines:
        restarted.feed(line)
        restarted.accounts = {name: forget(account) for name, account in restarted.accounts.items()}
    restarted.finish()
    return restarted


RECORDS = ("refused", "charges", "entries", "notices", "commands")


def _ms(time: str) -> int:
    return instant_of(time) - instant_of(moment(0))


def said(told: Told) -> dict[str, list[tuple[Any, ...]]]:
    """What a story says, as the naive readings tell it: milliseconds since the dawn, Decimals."""
    return {
        "charges": [
            (_ms(c["time"]), c["resource"], _ms(c["start"]), _ms(c["end"]), Decimal(c["amount"]))
            for c in told.charges()
        ],
        "entries": [
            (_ms(e["time"]), e["type"], Decimal(e["amount"]), e["bucket"], Decimal(e["balance"]))
            for e in told.entries()
        ],
        "notices": [(_ms(n["time"]), n["type"], n.get("resource")) for n in told.of("notice")],
        "commands": [
            (_ms(c["time"]), c["type"], c.get("resource"), Decimal(c["amount"]) if "amount" in c else None)
            for c in told.of("command")
        ],
        "refused": [(_ms(r["time"]), r["reason"]) for r in told.of("rejection")],
    }
