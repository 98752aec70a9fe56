"""The engine against the naive reading of Neolink: the same records for the same stories."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.naive_account import DAY, HOUR, MINUTE, Event
from tests.properties.naive_neolink import Neolink
from tests.properties.naive_stories import (
    account_events,
    events,
    gaps,
    money,
    records,
    rented,
    some,
    standing,
    tell_both,
)
from tests.properties.stories import law

many = settings(law, max_examples=300)
names = some("a", "b")
# An instance keeps the size of its disk.
DISKS = {"a": Decimal(50), "b": None}
DATA = account_events(("alipay", "alipay", "wechat", "card"), ("0.50", "3", "60", "300")) | {
    "request": st.fixed_dictionaries({
        "name": names, "mode": some("payg", "package", "package", "spot"), "term": some("daily", "daily", "weekly", "monthly"),
    }),
    "start": st.fixed_dictionaries({"name": names, "mode": some("payg", "payg", "package", "package", "spot")}),
    "stop": st.fixed_dictionaries({"name": names, "reason": some("user", "user", "failed")}),
    "release": st.fixed_dictionaries({"name": names}),
    "beat": st.fixed_dictionaries({"name": names}),
    "renew": st.fixed_dictionaries({"name": names, "term": some(None, "daily")}),
    "auto_renew": st.fixed_dictionaries({"name": names, "enabled": st.booleans()}),
    "change": st.fixed_dictionaries({"name": names, "mode": st.just("payg")}),
    "sample": st.one_of(
        st.fixed_dictionaries({"name": some("fs1", "fs2"), "sku": st.just("shared-fs"), "gb": money("0", "0.4", "80", "120.55")}),
        st.fixed_dictionaries({"name": some("i1", "i2"), "sku": st.just("image-store"), "gb": money("12", "18", "30.5")}),
    ),
    "delete": st.fixed_dictionaries({"name": some("fs1", "fs2", "i1", "i2")}),
    "serve": st.fixed_dictionaries({
        "model": some("BGE-M3", "Meta-Llama-3-8B", "Meta-Llama-3-70B", "gpt-0"),
        "tokens": st.fixed_dictionaries({}, optional={"tokens_in": some(0, 7), "tokens_out": some(1_000_000)}),
        "resource": some(None, "a"),
    }),
}  # fmt: skip
KINDS = (
    *("pay",) * 4, "transfer", "transfer", "give_back", "give_back", "grant", "coupon", "settings", "settings",
    *("request",) * 4, *("start",) * 5, *("stop",) * 3, "release", *("beat",) * 5,
    "renew", "renew", "auto_renew", "change",
    *("sample",) * 4, "delete", "serve",
)  # fmt: skip
zones = some("Asia/Shanghai", "Asia/Shanghai", "America/New_York", "UTC")
steps = st.one_of(gaps, some(9_000, 5 * MINUTE, 15 * MINUTE, HOUR - 1, HOUR + 1, 8 * HOUR))


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """What happens to a Neolink account: little money, many coincidences."""
    told = draw(events(KINDS, DATA, steps, "alipay"))
    for _, kind, data in told:
        if kind in ("request", "start"):
            data["disk_gb"] = DISKS[data["name"]]
        if kind == "request" and data["mode"] != "package":
            data["term"] = None
    return [*told, (told[-1][0] + draw(some(0, HOUR, DAY, 3 * DAY, 17 * DAY)), "withdraw", {})]


@pytest.mark.req(
    "NL-05", "NL-07", "NL-08", "NL-10", "NL-11", "NL-16", "NL-18", "NL-20", "NL-21", "NL-26", "R-NL4"
)
@many
@given(stories(), zones)
def test_neolink_says_what_a_naive_reading_says(story: list[Event], zone: str) -> None:
    naive = Neolink(zone)
    told = tell_both(naive, "neolink", "CNY", story, max(time for time, _, _ in story))

    for what, engine, reading in (*records(told, naive, rented(told)), *standing(told, naive)):
        assert engine == reading, what
