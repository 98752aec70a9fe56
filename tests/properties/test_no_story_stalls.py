"""Whatever a producer sends, in whatever order, to whatever profile: the stream goes on and the books close (X-11)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events
from schemas.wire import encode
from streams.core import fold, story
from tests.properties.stories import few, moment, printed, run, run_with_restarts, steps
from tests.scenarios.telling import BOOK, event, machine, opened, tick

# Few names, so that events meet; values that profiles know, and some that none does.
WORDS: dict[str, list[Any]] = {
    "resource": ["a", "b"],
    "payment": ["p", "q"],
    "grant": ["g", "h"],
    "refund": ["r", "s"],
    "key": ["k", "l"],
    "sku": [
        "machine", "gpu-s", "gpu-l", "rtx-4090", "a100", "instance-disk", "cloud-disk", "image-store", "shared-fs",
        "my-public", "my-private", "my-deployment", "nothing",
    ],
    "model": ["llama-3.3-70b", "bge-m3", "chat-base", "image-gen", "video-gen", "my-public", "my-private", "BGE-M3", "nothing"],
    "mode": ["payg", "payg", "spot", "package"],
    "term": ["daily", "weekly", "monthly"],
    "method": ["card", "paypal", "alipay", "wechat", "qr"],
    "currency": ["USD", "CNY", "CNY"],
    "amount": ["5", "20.55", "1000", "100000"],
    "fee": ["0", "1"],
    "bonus": ["0", "3"],
    "code": ["WELCOME250", "LAUNCH1000", "NOTHING"],
    "gb": ["0", "12.5", "200"],
    "disk_gb": ["0", "50"],
    "replicas": [0, 1, 4],
    "min_replicas": [0, 1],
    "max_replicas": [2, 9],
    "target_requests": [1, 300],
    "input_tokens": [0, 999, 2_000_000],
    "output_tokens": [0, 10_000_001],
    "images": [0, 3],
    "videos": [2],
    "seconds": ["0.5", "300"],
    "characters": [7],
    "spec": [machine(gpus=1125), machine(vcpus=7)],
    "low_balance": ["0", "50"],
    "digest": ["off", "daily", "weekly"],
    "spend_limits": [{"a": "1", "b": "100"}],
    "instance_quota": [1, 9],
    "auto_refill": [{"enabled": True, "threshold": "50", "amount": "20", "monthly_cap": "45"}, {"enabled": False}],
    "tier": ["free", "paid"],
    "bucket": ["trial", "bonus"],
    "state": ["starting", "running", "idle", "cold"],
    "reason": ["user", "preempted", "unpaid"],
}  # fmt: skip
# Text fields that decide nothing.
WORDS |= {name: ["x"] for name in ("voucher", "request", "refill", "native_currency")}
FLAGS = ["enabled", "auto_renew", "runway_alert"]
SKIPPED = {"account.opened", "clock.tick"}
KINDS = sorted(set(events.TYPES) - SKIPPED)
# Twice as likely: what makes the others meaningful.
FREQUENT = [
    "instance.requested",
    "instance.started",
    "payment.succeeded",
    "capacity.sampled",
    "request.served",
    "instance.stopped",
]


@st.composite
def _anything(draw: st.DrawFn) -> list[bytes]:
    profile = draw(st.sampled_from(sorted(BOOK.offers)))
    currency = BOOK.offers[profile].currency
    lines = [opened(profile, moment(0))]
    if draw(st.booleans()):
        lines.append(
            event("grant.issued", moment(1), {"grant": "start", "amount": "5000", "bucket": "bonus"})
        )
    now = 10
    for number in range(draw(st.integers(1, 14))):
        now += draw(st.one_of(steps, st.integers(0, 90_000_000)))
        kind = draw(st.sampled_from(KINDS + FREQUENT * 3))
        lines.append(event(kind, moment(now), draw(_data(kind, currency)), id=f"e{number}"))
    return lines


@st.composite
def _data(draw: st.DrawFn, kind: str, currency: str) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, info in events.TYPES[kind].model_fields.items():
        if not info.is_required() and draw(st.integers(0, 2)) == 0:
            continue
        if name in FLAGS:
            data[name] = draw(st.booleans())
        elif name in WORDS:
            data[name] = draw(st.sampled_from(WORDS[name]))
        if name == "currency":
            data[name] = draw(st.sampled_from([currency, currency, data[name]]))
    if kind.startswith("instance.") and data.get("sku") == "machine":
        data["spec"] = machine(gpus=1125)
    return data


def _books_close(told: story.Story) -> None:
    for balance in told.balances():
        mine = [e for e in told.out.entries if e.account == balance.account]
        assert sum((Decimal(e.amount) for e in mine), Decimal(0)) == Decimal(balance.balance)
        assert all(Decimal(amount) >= 0 for bucket, amount in balance.buckets.items() if bucket != "paid")
        assert [e.seq for e in mine] == list(range(1, len(mine) + 1))
    for kind in ("charges", "entries", "notices", "commands", "rejections"):
        ids = [record.id for record in getattr(told.out, kind)]
        assert len(set(ids)) == len(ids), kind
    moved: dict[str, Decimal] = {}
    for entry in told.out.entries:
        if entry.charge:
            moved[entry.charge] = moved.get(entry.charge, Decimal(0)) + Decimal(entry.amount)
    assert moved == {c.id: -Decimal(c.amount) for c in told.out.charges if Decimal(c.amount)}


@pytest.mark.req("X-11", "X-04")
@few
@given(_anything(), st.data())
def test_any_events_in_any_order_are_billed_or_refused_and_the_books_close(
    lines: list[bytes], data: st.DataObject
) -> None:
    ordered = run([*lines, tick(moment(3_000_000_000))])
    shuffled = [lines[0], *data.draw(st.permutations(lines[1:])), tick(moment(3_000_000_000))]

    told, again = run(shuffled), run(shuffled)
    _books_close(ordered)
    _books_close(told)
    assert printed(told) == printed(again) == printed(run_with_restarts(shuffled))
    for account in told.accounts.values():
        hour, day = fold.open_windows(account, BOOK)
        assert encode([*hour, *day])
