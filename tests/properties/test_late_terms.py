"""X-02 over instances with packages: one event of a sensible story told late comes to the same money.

Sensible: what was refused in order is left out. Excepted is what the contract lets differ: a purchase is a question, which
a later answer may have made pointless, and what was refused in the meantime stays refused.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.core.state import NEVER, Account
from tests.properties.stories import few, moment, run
from tests.scenarios.telling import ACCOUNT, event, opened, tick

MINUTE_MS = 60_000
gaps = st.one_of(st.integers(1, 90), st.integers(60, 600), st.integers(600, 2_600))


@st.composite
def rentals(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """(minute, event) of what two instances of one account go through."""
    profile = draw(st.sampled_from(["gpugeek", "neolink"]))
    lines = [
        (0, opened(profile, moment(0))),
        (0, event("account.settings_changed", moment(0), {"instance_quota": 99})),
        (0, _paid(moment(1))),
    ]
    now = 60
    for number in range(draw(st.integers(2, 9))):
        now += draw(gaps)
        kind, data = draw(st.sampled_from(_moves(profile)))
        name = draw(st.sampled_from(["i-1", "i-1", "i-2"]))
        lines.append((now, event(kind, moment(now * MINUTE_MS), {"resource": name} | data, id=f"e{number}")))
    return _accepted(lines)


def _paid(time: str) -> bytes:
    body = {"payment": "p", "method": "alipay", "amount": "100000000", "currency": "CNY"}
    return event("payment.succeeded", time, body)


def _moves(profile: str) -> list[tuple[str, dict[str, Any]]]:
    gpu: dict[str, Any] = {"sku": "rtx-4090"}
    package = gpu | {"mode": "package", "term": "daily"}
    moves: list[tuple[str, dict[str, Any]]] = [
        ("instance.requested", package),
        ("instance.requested", package | {"disk_gb": "40"}),
        ("instance.started", gpu | {"mode": "payg", "disk_gb": "333"}),
        ("instance.started", gpu | {"mode": "package"}),
        ("instance.stopped", {"reason": "user"}),
        ("term.renewed", {}),
        ("instance.released", {}),
        ("capacity.sampled", {"sku": "instance-disk", "gb": "77"}),
    ]
    if profile == "neolink":
        return moves
    return [
        *moves,
        ("instance.requested", package | {"auto_renew": True}),
        ("term.auto_renew_set", {"enabled": True}),
        ("term.auto_renew_set", {"enabled": False}),
        ("instance.mode_changed", {"mode": "spot"}),
        ("instance.mode_changed", {"mode": "package", "term": "daily"}),
    ]


def _accepted(lines: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """What is left when whatever is refused is left out, until nothing is."""
    while refused := {r.cause.id for r in run([line for _, line in lines]).out.rejections}:
        lines = [
            (at, line) for at, line in lines if not any(f'"{name}"'.encode() in line for name in refused)
        ]
    return lines


def _cost(told: Any) -> dict[tuple[str, str], Decimal]:
    cost: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for charge in told.out.charges:
        cost[charge.resource, charge.sku] += Decimal(charge.amount)
    return {what: amount for what, amount in cost.items() if amount}


@pytest.mark.req("X-02", "X-03", "GG-14", "GG-16", "NL-11")
@few
@given(rentals(), st.data(), st.sampled_from([30, 3_000, 9_000]))
def test_what_is_told_late_comes_to_the_same_money(
    lines: list[tuple[int, bytes]], data: st.DataObject, after: int
) -> None:
    assume(len(lines) > 4)
    which = data.draw(st.integers(3, len(lines) - 2))
    until = data.draw(st.integers(which + 1, len(lines) - 1))
    late = lines[which][1]
    end = tick(moment((lines[-1][0] + after) * MINUTE_MS))
    begun = [line for _, line in lines[:which]]
    between, rest = (
        [line for _, line in part] for part in (lines[which + 1 : until + 1], lines[until + 1 :])
    )

    in_time = run([*begun, late, *between, *rest, end])
    told = run([*begun, *between, late, *rest, end])

    _assert_nothing_is_left_over(told.accounts[ACCOUNT])
    if not told.out.rejections:
        assert _cost(told) == _cost(in_time)


def _assert_nothing_is_left_over(account: Account) -> None:
    """What runs is neither to be deleted nor released, and no package runs without its term."""
    for resource in account.resources.values():
        if resource.runs and resource.runs[-1].end_ms == NEVER:
            assert resource.retained_ms == resource.released_ms == NEVER
            in_term = resource.package is not None and resource.package.expired_ms == NEVER
            assert in_term or resource.runs[-1].mode != "package"
