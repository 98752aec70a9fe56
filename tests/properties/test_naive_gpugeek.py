"""The engine against the naive reading of GPUGEEK: the same records for the same stories."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.naive_account import DAY, HOUR, MINUTE, Event
from tests.properties.naive_gpugeek import Gpugeek
from tests.properties.naive_stories import (
    account_events,
    events,
    money,
    records,
    rented,
    some,
    standing,
    tell_both,
)
from tests.properties.stories import law

many = settings(law, max_examples=200)
names = some("a", "b", "c", "d")
# An instance keeps its machine and the size of its disk.
DISKS = {"a": Decimal(200), "b": None, "c": Decimal(50), "d": None}
SKUS = {"a": "rtx-4090", "b": "rtx-4090", "c": "a100", "d": "rtx-4090"}
terms = some("daily", "daily", "weekly", "monthly")
modes = some("payg", "payg", "spot", "package", "package")
DATA = account_events(("alipay", "alipay", "qr", "card"), ("0.50", "3.20", "3.21", "12", "65", "400", "2000")) | {
    "request": st.fixed_dictionaries({"name": names, "mode": modes, "term": terms, "auto_renew": some(False, False, True)}),
    "start": st.fixed_dictionaries({"name": names, "mode": modes}),
    "stop": st.fixed_dictionaries({"name": names, "reason": some("user", "user", "failed", "preempted")}),
    "release": st.fixed_dictionaries({"name": names}),
    "beat": st.fixed_dictionaries({"name": names}),
    "renew": st.fixed_dictionaries({"name": names, "term": some(None, "daily")}),
    "auto_renew": st.fixed_dictionaries({"name": names, "enabled": st.booleans()}),
    "change": st.fixed_dictionaries({"name": names, "mode": some("payg", "payg", "package", "spot"), "term": terms}),
    "sample": st.one_of(
        st.fixed_dictionaries({"name": some("disk"), "sku": st.just("cloud-disk"), "gb": money("0", "10", "30.5", "400")}),
        st.fixed_dictionaries({"name": some("image"), "sku": st.just("image-store"), "gb": money("7", "100")}),
    ),
    "delete": st.fixed_dictionaries({"name": some("disk", "image")}),
    "serve": st.fixed_dictionaries({
        "model": some("chat-base", "chat-base", "image-gen", "video-gen", "my-public", "gpt-0"),
        "tokens": st.fixed_dictionaries({}, optional={
            "tokens_in": some(0, 1_000, 2_400), "tokens_out": some(7, 650), "images": some(3), "videos": some(2), "seconds": some(3, 300),
        }),
        "resource": st.none(),
    }),
}  # fmt: skip
KINDS = (
    *("pay",) * 5, "transfer", "transfer", "give_back", "give_back", "grant", "settings", "settings",
    *("request",) * 5, *("start",) * 6, *("stop",) * 3, "release", *("beat",) * 5, "renew", "renew", "auto_renew",
    *("change",) * 3, *("sample",) * 3, "delete", "serve", "serve",
)  # fmt: skip
zones = some("Asia/Shanghai", "Asia/Shanghai", "UTC")
steps = some(
    *(0, 0, 1, 400, 9_000, MINUTE, 5 * MINUTE, 15 * MINUTE, 10 * MINUTE, 20 * MINUTE),
    *(HOUR - 1, HOUR, HOUR, HOUR + 1, 3 * HOUR, DAY, DAY, 7 * DAY),
)


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """What happens to a GPUGEEK account: little money, many coincidences."""
    told = draw(events(KINDS, DATA, steps, "alipay"))
    for _, kind, data in told:
        if kind in ("request", "start"):
            data["sku"] = SKUS[data["name"]]
        if kind == "start":
            data["disk_gb"] = DISKS[data["name"]]
        if kind in ("request", "change") and data["mode"] != "package":
            data["term"] = None
    return [*told, (told[-1][0] + draw(some(0, HOUR, DAY, 8 * DAY)), "withdraw", {})]


@pytest.mark.req(
    "GG-06", "GG-07", "GG-08", "GG-10", "GG-12", "GG-16", "GG-20", "GG-28", "GG-31", "GG-41", "GG-42"
)
@many
@given(stories(), zones)
def test_gpugeek_says_what_a_naive_reading_says(story: list[Event], zone: str) -> None:
    naive = Gpugeek(zone)
    told = tell_both(naive, "gpugeek", "CNY", story, max(time for time, _, _ in story))

    for what, engine, reading in (*records(told, naive, rented(told)), *standing(told, naive)):
        assert engine == reading, what
