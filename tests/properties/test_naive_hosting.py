"""The engine against the naive reading of GPUGEEK's models: the same records for the same stories."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.naive_account import DAY, HOUR, MINUTE, Event
from tests.properties.naive_hosting import Hosting
from tests.properties.naive_stories import account_events, events, money, records, rented, some, tell_both
from tests.properties.stories import law

many = settings(law, max_examples=200)
# Names of private models, and of a deployment.
SKUS = {"p": "my-private", "q": "my-private", "dep": "my-deployment"}
names = some("p", "p", "q", "dep", "dep")
DATA = account_events(("alipay",), ("6", "12", "65")) | {
    "start": st.fixed_dictionaries({"name": names, "replicas": some(1, 1, 2, 0)}),
    "stop": st.fixed_dictionaries({"name": names, "reason": some("user", "failed")}),
    "release": st.fixed_dictionaries({"name": names}),
    "state": st.fixed_dictionaries({"name": names, "state": some("starting", "running", "idle", "idle", "idle", "cold")}),
    "replicas": st.fixed_dictionaries({"name": st.just("dep"), "replicas": some(0, 1, 3, 4)}),
    "limits_set": st.fixed_dictionaries({
        "name": st.just("dep"), "min_replicas": some(0, 1), "max_replicas": some(1, 3), "target_requests": some(1, 2, 300),
    }),
    "serve": st.fixed_dictionaries({
        "model": some("my-private", "my-deployment"), "tokens": st.just({"tokens_in": 5}), "resource": names,
    }),
    "sample": st.fixed_dictionaries({"name": some("disk"), "sku": st.just("cloud-disk"), "gb": money("400")}),
}  # fmt: skip
KINDS = (
    *("pay",) * 3, "settings", "give_back", *("start",) * 5, *("stop",) * 2, "release", *("state",) * 6,
    *("replicas",) * 3, *("limits_set",) * 2, *("serve",) * 5, "sample",
)  # fmt: skip
steps = some(
    *(0, 0, 1, 400, 9_000, MINUTE, 3 * MINUTE, 5 * MINUTE, 10 * MINUTE, 10 * MINUTE, 10 * MINUTE - 1),
    *(20 * MINUTE, HOUR, HOUR + 1, 3 * HOUR),
)
zones = some("Asia/Shanghai", "UTC")


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """What happens to an account with hosted models: little money, many coincidences."""
    told = draw(events(KINDS, DATA, steps, "alipay"))
    for _, kind, data in told:
        if kind == "start":
            data |= {"sku": SKUS[data["name"]], "mode": "payg"}
            if data["name"] != "dep":
                del data["replicas"]
        if kind == "serve":
            data["model"] = SKUS[data["resource"]]
        if kind in ("replicas", "limits_set"):
            data["name"] = "dep"
    return [*told, (told[-1][0] + draw(some(0, HOUR, DAY, 8 * DAY)), "withdraw", {})]


@pytest.mark.req("GG-35", "GG-36", "GG-37", "GG-38", "GG-39", "GG-41")
@many
@given(stories(), zones)
def test_hosted_models_say_what_a_naive_reading_says(story: list[Event], zone: str) -> None:
    naive = Hosting(zone)
    told = tell_both(naive, "gpugeek", "CNY", story, max(time for time, _, _ in story))

    for what, engine, reading in records(told, naive, rented(told)):
        assert engine == reading, what
