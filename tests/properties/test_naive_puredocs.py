"""The engine against the naive reading of PureDocs: the same records for the same stories."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.naive_puredocs import HOUR, PureDocs
from tests.properties.stories import RECORDS, law, moment, said
from tests.scenarios.telling import event, opened, tell

MINUTE = 60_000
# A story takes a hundredth of a second; the rarer coincidences need hundreds.
many = settings(law, max_examples=250)
NAMES = ("a", "b")


@st.composite
def deployments(draw: st.DrawFn) -> list[tuple[int, str, dict[str, Any]]]:
    """What happens to a PureDocs account: little money, many coincidences."""
    told: list[tuple[int, str, dict[str, Any]]] = []
    now = 0
    known: set[str] = set()
    for number in range(draw(st.integers(1, 25))):
        now += draw(
            st.sampled_from([0, 0, 1, 5 * MINUTE, 15 * MINUTE, 15 * MINUTE, HOUR, HOUR, 7 * HOUR, HOUR - 1])
        )
        kind = draw(st.sampled_from(["pay", "pay", "grant", "coupon", "refund", "settings", "request", "start", "start",
                                     "start", "stop", "stop", "release", "beat", "beat", "beat"]))  # fmt: skip
        name = draw(st.sampled_from(NAMES))
        if kind in ("stop", "release", "beat") and name not in known:
            continue
        data = _data(draw, kind, name, number)
        if kind == "start":
            known.add(name)
        told.append((now, kind, data))
    return told


def _data(draw: st.DrawFn, kind: str, name: str, number: int) -> dict[str, Any]:
    sku = draw(st.sampled_from(["gpu-s", "gpu-s", "gpu-m", "gpu-l"]))
    match kind:
        case "pay":
            amount = draw(st.sampled_from(["0.99", "1", "1.20", "2", "5"]))
            state = draw(st.sampled_from(["succeeded", "succeeded", "failed", "expired", "created"]))
            return {"state": state, "payment": f"p{draw(st.integers(0, number))}", "amount": Decimal(amount)}
        case "grant":
            return {"amount": Decimal(draw(st.sampled_from(["0.30", "0.60", "2"]))), "bucket": draw(st.sampled_from(["trial", "bonus"]))}  # fmt: skip
        case "coupon":
            return {"code": draw(st.sampled_from(["WELCOME250", "LAUNCH1000", "NOPE"]))}
        case "refund":
            return {"amount": draw(st.sampled_from([None, Decimal("0.40"), Decimal(3)]))}
        case "settings":
            return _settings(draw, name)
        case "request" | "start":
            return {"name": name, "sku": sku}
        case "stop":
            return {"name": name, "reason": draw(st.sampled_from(["user", "failed"]))}
    return {"name": name}


def _settings(draw: st.DrawFn, name: str) -> dict[str, Any]:
    amount = draw(st.sampled_from([Decimal(60), Decimal(100), Decimal(120), Decimal(200), Decimal(500)]))
    match draw(
        st.sampled_from(["low_balance", "daily", "spend_limits", "off", "refill", "refill", "capped"])
    ):
        case "low_balance":
            return {"low_balance": draw(st.sampled_from([Decimal(0), amount]))}
        case "daily":
            return {"daily": draw(st.booleans())}
        case "spend_limits":
            return {"spend_limits": {name: amount}}
        case "off":
            return {"auto_refill": {"enabled": False}}
        case kind:
            setting = {
                "enabled": True,
                "threshold": draw(st.sampled_from([Decimal(120), Decimal(200), Decimal(500)])),
            }
            cap = {"monthly_cap": Decimal(500)} if kind == "capped" else {}
            return {"auto_refill": setting | {"amount": amount} | cap}


# --- the same story as events ------------------------------------------------------------------------------

KINDS = {
    "grant": "grant.issued", "coupon": "coupon.redeemed", "refund": "refund.requested",
    "settings": "account.settings_changed", "request": "instance.requested", "start": "instance.started",
    "stop": "instance.stopped", "release": "instance.released", "beat": "instance.heartbeat",
}  # fmt: skip


def _as_event(number: int, time_ms: int, kind: str, data: dict[str, Any]) -> bytes:
    body: dict[str, Any] = {name: value for name, value in data.items() if value is not None}
    if kind == "pay":
        kind = f"payment.{body.pop('state')}"
        body |= {"method": "card", "currency": "USD"}
    elif kind == "settings" and "daily" in body:
        body = {"digest": "daily" if body["daily"] else "off"}
    if "name" in body:
        body["resource"] = body.pop("name")
    if "sku" in body:
        body["mode"] = "payg"
    if kind in ("grant", "refund"):
        body[kind] = f"{kind} {number}"
    plain = json.loads(json.dumps(body, default=str))
    return event(KINDS.get(kind, kind), moment(time_ms), plain, id=f"e{number}")


@pytest.mark.req("PD-10", "PD-11", "PD-12", "PD-15", "PD-16", "PD-39", "PD-40", "X-09", "X-12")
@many
@given(deployments())
def test_puredocs_says_what_a_naive_reading_says(story: list[tuple[int, str, dict[str, Any]]]) -> None:
    end = max((time for time, _, _ in story), default=0) + 50 * HOUR
    naive = PureDocs()
    naive.tell(story, end)

    told = tell(opened("puredocs"), *(_as_event(n, *each) for n, each in enumerate(story)), until=moment(end))

    found = said(told)
    for what in RECORDS:
        assert found[what] == getattr(naive, what), what
    assert Decimal(told.balance()) == naive.balance
