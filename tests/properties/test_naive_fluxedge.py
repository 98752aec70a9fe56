"""The engine against the naive reading of FluxEdge: the same records for the same stories."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.naive_fluxedge import MINUTE, FluxEdge
from tests.properties.stories import RECORDS, law, moment, said
from tests.scenarios.telling import (
    PER_HOUR_0_36,
    PER_HOUR_1_20,
    TEN_CENTS_A_SECOND,
    event,
    opened,
    tell,
)

MACHINES = {Decimal("0.36"): PER_HOUR_0_36, Decimal("1.20"): PER_HOUR_1_20, Decimal(360): TEN_CENTS_A_SECOND}
Story = list[tuple[int, str, dict[str, Any]]]
many = settings(law, max_examples=150)
gaps = st.sampled_from(
    [0, 0, 1, 400, 1_000, 7_000, 30_000, MINUTE, MINUTE, MINUTE - 1, 5 * MINUTE, 15 * MINUTE, 20 * MINUTE]
)
rates = st.sampled_from(list(MACHINES))
names = st.sampled_from(["a", "b"])
DATA: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "pay": st.fixed_dictionaries({"amount": st.sampled_from(["1", "6", "7", "20", "500"]).map(Decimal)}),
    "grant": st.fixed_dictionaries({"amount": st.sampled_from(["0.01", "3", "5"]).map(Decimal)}),
    "settings": st.one_of(
        st.fixed_dictionaries({"runway": st.booleans()}),
        st.fixed_dictionaries({"low_balance": st.sampled_from([0, 5, 10]).map(Decimal)}),
    ),
    "request": st.fixed_dictionaries({"name": names, "rate": rates}),
    "start": st.fixed_dictionaries({"name": names, "rate": rates}),
    "stop": st.fixed_dictionaries({"name": names, "reason": st.sampled_from(["user", "failed"])}),
    "release": st.fixed_dictionaries({"name": names}),
    "beat": st.fixed_dictionaries({"name": names}),
}
KINDS = ("pay", "pay", "grant", "settings", "request", *("start", "stop") * 3, "release", *("beat",) * 4)
TYPES = {
    "pay": "payment.succeeded", "grant": "grant.issued", "settings": "account.settings_changed",
    "request": "instance.requested", "start": "instance.started", "stop": "instance.stopped",
    "release": "instance.released", "beat": "instance.heartbeat",
}  # fmt: skip


@st.composite
def leases(draw: st.DrawFn) -> Story:
    """What happens to a FluxEdge account: little money, many coincidences; nothing happens to a lease before it starts."""
    told: Story = []
    now, known = 0, set()
    for _ in range(draw(st.integers(1, 25))):
        now += draw(gaps)
        kind = draw(st.sampled_from(KINDS))
        data = draw(DATA[kind])
        if kind == "start":
            known.add(data["name"])
        if kind not in ("stop", "release", "beat") or data["name"] in known:
            told.append((now, kind, data))
    return told


def _as_event(number: int, time_ms: int, kind: str, data: dict[str, Any]) -> bytes:
    body = {name: str(value) if isinstance(value, Decimal) else value for name, value in data.items()}
    if "name" in body:
        body["resource"] = body.pop("name")
    if "rate" in body:
        del body["rate"]
        body |= {"sku": "machine", "mode": "payg", "spec": MACHINES[data["rate"]]}
    if "runway" in body:
        body["runway_alert"] = body.pop("runway")
    if kind == "pay":
        body |= {"payment": f"p{number}", "method": "card", "currency": "USD"}
    if kind == "grant":
        body |= {"grant": f"g{number}", "bucket": "bonus"}
    return event(TYPES[kind], moment(time_ms), body, id=f"e{number}")


@pytest.mark.req("FX-02", "R-FX1", "R-FX2", "R-FX5", "X-09", "X-12")
@many
@given(leases())
def test_fluxedge_says_what_a_naive_reading_says(story: Story) -> None:
    end = max((time for time, _, _ in story), default=0) + 60 * MINUTE
    naive = FluxEdge()
    naive.tell(story, end)

    told = tell(opened("fluxedge"), *(_as_event(n, *each) for n, each in enumerate(story)), until=moment(end))

    found = said(told)
    for what in RECORDS:
        assert found[what] == getattr(naive, what), what
    assert Decimal(told.balance()) == naive.balance
