"""The engine against the naive reading of flex.ai: the same records for the same stories."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.naive_account import DAY, TOO_OLD, Event
from tests.properties.naive_flexai import FlexAI
from tests.properties.naive_stories import ZONES, account_events, gaps, ms, records, some, standing, tell_both
from tests.properties.stories import law
from tests.scenarios.telling import Told

many = settings(law, max_examples=400)
counts = some(0, 1, 7, 812, 1_200, 1_000_000, 3_333_333, 25_000_000)
DATA = account_events(("card", "card", "card", "card", "paypal"), ("4.99", "5", "6", "20")) | {
    "serve": st.fixed_dictionaries({
        "model": some("llama-3.3-70b", "llama-3.3-70b", "qwen-vl-72b", "bge-m3", "gpt-0"),
        "tokens": st.fixed_dictionaries({}, optional={"tokens_in": counts, "tokens_out": counts}),
        "resource": some(None, "a"),
        "key": some(None, "k1"),
    }),
    "key": st.fixed_dictionaries({"key": some("k1", "k2")}),
    "tier": st.fixed_dictionaries({"key": some("k1", "k2"), "tier": some("elevated", "paid")}),
}  # fmt: skip
KINDS = (
    *("serve",) * 8, *("pay",) * 3, "transfer", "give_back", "give_back", "grant", "coupon", "refund", "withdraw",
    "settings", "settings", "key", "tier", "again", "conflict",
)  # fmt: skip
zones = some(*ZONES)
backwards = some(0, 0, 0, 1, DAY, TOO_OLD, TOO_OLD + 1)


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """What happens to a flex.ai account; requests, payments and grants may be told late, anything again."""
    told: list[Event] = []
    now = 0
    for number in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(KINDS))
        of = draw(st.integers(0, number))
        if kind in ("again", "conflict"):
            fits = of < number and told[of][1] not in ("again", "conflict")
            told.append((now, kind, {"of": of}) if fits else (now, "withdraw", {}))
            continue
        now += draw(gaps)
        late = draw(backwards) if kind in ("serve", "pay", "grant") else 0
        told.append((now - late, kind, draw(DATA[kind])))
    return told


def _charges(told: Told) -> list[tuple[Any, ...]]:
    return [
        (ms(c["time"]), c.get("resource"), c["sku"], c.get("key"), c["meter"], Decimal(c["quantity"]),
         Decimal(c["unit_price"]), Decimal(c["amount"]))
        for c in told.charges()
    ]  # fmt: skip


@pytest.mark.req("FA-01", "FA-04", "FA-06", "FA-07", "FA-21", "FA-23", "FA-24", "R-FA1", "R-FA8", "X-09")
@many
@given(stories(), zones)
def test_flexai_says_what_a_naive_reading_says(story: list[Event], zone: str) -> None:
    naive = FlexAI(zone)
    told = tell_both(naive, "flexai", "USD", story, max(0, *(time for time, _, _ in story)) + 8 * DAY)
    keys = ("keys", told.line()["keys"], naive.keys())

    for what, engine, reading in (*records(told, naive, _charges(told)), *standing(told, naive), keys):
        assert engine == reading, what
