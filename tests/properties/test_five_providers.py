"""Laws over the plays of all five profiles: sensible stories, told with duplicates, ticks, restarts, shuffled (X-01 … X-07).

A play is sensible: what starts was not running, what is deleted was stored. So every event of it takes effect, and what
it comes to may not depend on how it is told.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events
from streams.core import story
from tests.properties.stories import few, moment, printed, run, run_with_restarts, steps, totals
from tests.scenarios.telling import BOOK, event, machine, opened, tick

PROFILES = sorted(BOOK.offers)
# What runs, what is stored, what answers requests: one of each kind that a profile has.
RUNS: dict[str, list[tuple[str, str]]] = {
    "fluxedge": [("machine", "payg")],
    "puredocs": [("gpu-s", "payg"), ("gpu-l", "payg")],
    "gpugeek": [("rtx-4090", "payg"), ("a100", "spot"), ("my-private", "payg"), ("my-deployment", "payg")],
    "neolink": [("rtx-4090", "payg")],
    "flexai": [],
}
STORES = {"gpugeek": ["cloud-disk", "image-store"], "neolink": ["shared-fs", "image-store"]}
ASKED = {
    "flexai": ["llama-3.3-70b", "bge-m3"],
    "gpugeek": ["chat-base", "image-gen", "my-public"],
    "neolink": ["BGE-M3"],
    "puredocs": ["any-7b"],
}
METHOD = {"fluxedge": "paypal", "puredocs": "card", "gpugeek": "qr", "neolink": "alipay", "flexai": "card"}
PACKAGES = ("gpugeek", "neolink")


class Play:
    """What a story has come to so far, so that the next event makes sense."""

    def __init__(self, draw: st.DrawFn, profile: str, *, money: str, quiet: bool) -> None:
        self.draw = draw
        self.profile = profile
        self.quiet = quiet
        self.now = 10
        self.number = 0
        self.running: dict[str, str] = {}
        self.stored: dict[str, str] = {}
        self.lines = [opened(profile, moment(0))]
        self.pay(money)

    def tell(self, kind: str, **data: Any) -> None:
        """One more event, now."""
        self.number += 1
        self.lines.append(event(kind, moment(self.now), data, id=f"e{self.number}"))

    def pay(self, amount: str) -> None:
        """Money comes in."""
        currency = BOOK.offers[self.profile].currency
        data = {
            "payment": f"p{self.number}",
            "method": METHOD[self.profile],
            "amount": amount,
            "currency": currency,
        }
        self.tell("payment.succeeded", **data)

    def step(self) -> None:
        """Something happens, a while later."""
        self.now += self.draw(st.one_of(steps, st.integers(0, 90_000_000)))
        moves = [self.start, self.stop, self.sample, self.serve]
        if not self.quiet:
            moves += [self.package, self.renew, self.change, self.release, self.grant]
        self.draw(st.sampled_from(moves))()

    def start(self) -> None:
        """Something starts that did not run."""
        if not RUNS[self.profile]:
            return self.serve()
        sku, mode = self.draw(st.sampled_from(RUNS[self.profile]))
        name = f"{sku}-{self.draw(st.integers(0, 1))}"
        if name in self.running:
            return self.alive(name)
        data: dict[str, Any] = {"resource": name, "sku": sku, "mode": mode}
        if sku == "machine":
            data["spec"] = machine(gpus=self.draw(st.integers(1, 9)), ram_gb="0.3")
        elif sku in ("rtx-4090", "a100"):
            data["disk_gb"] = self.draw(st.sampled_from(["10", "333"]))
        self.running[name] = sku
        return self.tell("instance.started", **data)

    def alive(self, name: str) -> None:
        """It says so, changes its replicas or its state."""
        sku = self.running[name]
        if sku == "my-deployment":
            return self.tell(
                "deployment.replicas_changed", resource=name, replicas=self.draw(st.integers(0, 5))
            )
        if sku == "my-private":
            states = ["running", "cold"] if self.quiet else ["starting", "running", "idle", "cold"]
            return self.tell("model.state_changed", resource=name, state=self.draw(st.sampled_from(states)))
        return self.tell("instance.heartbeat", resource=name)

    def stop(self) -> None:
        """One of those that run stops."""
        if self.running:
            name = self.draw(st.sampled_from(sorted(self.running)))
            del self.running[name]
            self.tell("instance.stopped", resource=name, reason="user")

    def sample(self) -> None:
        """Something is stored, or deleted for good."""
        skus = STORES.get(self.profile)
        if skus is None:
            return self.stop()
        sku = self.draw(st.sampled_from(skus))
        name = f"{sku}-{self.draw(st.integers(0, 1))}"
        if self.stored.get(name) == "deleted":
            return None
        if name in self.stored and self.draw(st.integers(0, 4)) == 0:
            self.stored[name] = "deleted"
            return self.tell("capacity.deleted", resource=name)
        self.stored[name] = "stored"
        gb = self.draw(st.sampled_from(["0", "0.4", "7", "31", "2500"]))
        return self.tell("capacity.sampled", resource=name, sku=sku, gb=gb)

    def serve(self) -> None:
        """A request is answered."""
        models = ASKED.get(self.profile)
        if models is None:
            return self.start()
        used = {"input_tokens": self.draw(st.integers(0, 3_000_000)), "images": 1, "seconds": "17"}
        return self.tell(
            "request.served", request=f"r{self.number}", model=self.draw(st.sampled_from(models)), **used
        )

    def package(self) -> None:
        """A package is asked for, and may start."""
        if self.profile not in PACKAGES:
            return self.start()
        term = self.draw(st.sampled_from(["daily", "daily", "weekly"]))
        data: dict[str, Any] = {
            "resource": "pack",
            "sku": "rtx-4090",
            "mode": "package",
            "term": term,
            "disk_gb": "40",
        }
        if self.profile == "gpugeek":
            data["auto_renew"] = self.draw(st.booleans())
        self.tell("instance.requested", **data)
        return self.tell("instance.started", resource="pack", sku="rtx-4090", mode="package")

    def renew(self) -> None:
        """One more period."""
        self.tell("term.renewed", resource="pack")

    def change(self) -> None:
        """Another way to pay."""
        mode = self.draw(st.sampled_from(["payg", "spot", "package"]))
        name = self.draw(st.sampled_from(["pack", "rtx-4090-0"]))
        self.tell(
            "instance.mode_changed",
            resource=name,
            mode=mode,
            **({"term": "daily"} if mode == "package" else {}),
        )

    def release(self) -> None:
        """Something is given back."""
        name = self.draw(st.sampled_from(["pack", *sorted(self.running)]))
        self.running.pop(name, None)
        self.tell("instance.released", resource=name)

    def grant(self) -> None:
        """Bonus credit, or money."""
        if self.draw(st.booleans()):
            return self.pay(self.draw(st.sampled_from(["5", "70"])))
        return self.tell("grant.issued", grant=f"g{self.number}", amount="3.21", bucket="bonus")


@st.composite
def plays(draw: st.DrawFn, *, money: str | None = None, quiet: bool = False) -> list[bytes]:
    """What an account of any provider does; `quiet`: only what leads to no command of our own."""
    play = Play(
        draw,
        draw(st.sampled_from(PROFILES)),
        money=money or draw(st.sampled_from(["5", "60", "10000"])),
        quiet=quiet,
    )
    if play.profile == "puredocs" and draw(st.booleans()):
        play.tell(
            "account.settings_changed",
            auto_refill={"enabled": True, "threshold": "300", "amount": "200"},
            digest="daily",
        )
    for _ in range(draw(st.integers(3, 22))):
        play.step()
    if quiet:
        # What still runs at the end has lines that only the next minute writes.
        play.now += 1
        while play.running:
            play.stop()
    return [*play.lines, tick(moment(play.now + draw(st.sampled_from([1, 4_000_000, 2_000_000_000]))))]


# --- money -----------------------------------------------------------------------------------------------------


@pytest.mark.req("X-05", "PD-39", "FX-09")
@few
@given(plays())
def test_entries_come_to_the_balance_and_to_what_was_charged(lines: list[bytes]) -> None:
    told = run(lines)

    (balance,) = told.balances()
    assert sum((Decimal(e.amount) for e in told.out.entries), Decimal(0)) == Decimal(balance.balance)
    moved: dict[str, Decimal] = defaultdict(Decimal)
    for entry in told.out.entries:
        if entry.charge is not None:
            moved[entry.charge] += Decimal(entry.amount)
    assert moved == {c.id: -Decimal(c.amount) for c in told.out.charges if Decimal(c.amount)}
    if balance.profile == "puredocs":
        assert all(Decimal(e.balance) >= 0 for e in told.out.entries)


@few
@given(plays())
def test_told_in_order_nothing_is_corrected_but_what_silence_takes_back(lines: list[bytes]) -> None:
    told = run(lines)

    silent = {n.time for n in told.out.notices if n.values and n.values.get("reason") == "heartbeat_lost"}
    beaten = any(b"instance.heartbeat" in line for line in lines)
    assert {c.time for c in told.out.charges if c.corrects} <= silent or beaten


# --- delivery --------------------------------------------------------------------------------------------------


@pytest.mark.req("X-01")
@few
@given(plays(), st.data())
def test_duplicates_change_nothing(lines: list[bytes], data: st.DataObject) -> None:
    again = list(lines)
    for line in data.draw(st.lists(st.sampled_from(lines[:-1]), max_size=6)):
        again.insert(data.draw(st.integers(again.index(line) + 1, len(again))), line)

    assert printed(run(again)) == printed(run(lines))


@pytest.mark.req("X-07", "X-10")
@few
@given(plays(), st.lists(st.integers(0, 400_000_000), max_size=10))
def test_ticks_change_nothing(lines: list[bytes], at: list[int]) -> None:
    ticked: list[bytes] = []
    times = sorted(at)
    for line in lines:
        began = _time_of(line)
        while times and moment(times[0]) < began:
            ticked.append(tick(moment(times.pop(0))))
        ticked.append(line)

    assert printed(run(ticked)) == printed(run(lines))


def _time_of(line: bytes) -> str:
    import json

    time: str = json.loads(line)["time"]
    return time


@pytest.mark.req("X-04")
@few
@given(plays())
def test_a_restart_between_any_two_events_changes_nothing(lines: list[bytes]) -> None:
    assert printed(run_with_restarts(lines)) == printed(run(lines))


@pytest.mark.req("X-02", "X-03")
@few
@given(plays(money="1000000000", quiet=True), st.data())
def test_shuffled_delivery_comes_to_the_same(lines: list[bytes], data: st.DataObject) -> None:
    settings = event("account.settings_changed", moment(1), {"instance_quota": 99})
    body = lines[2:-1]
    shuffled = [lines[0], settings, lines[1], *data.draw(st.permutations(body)), lines[-1]]

    told, in_order = run(shuffled), run([lines[0], settings, *lines[1:]])

    if not _within_the_horizon(lines) or _waited_too_long(told):
        return
    assert _sums(told) == _sums(in_order)


def _within_the_horizon(lines: list[bytes]) -> bool:
    return _time_of(lines[-2]) < moment(30 * 86_400_000)


def _waited_too_long(told: story.Story) -> bool:
    """An event whose start came more than an hour after it by the account's clock is refused: that is the contract."""
    return any(r.reason == "unknown_resource" for r in told.out.rejections)


def _sums(told: story.Story) -> dict[str, Any]:
    found = totals(told)
    # Requests carry their remainder in order of arrival (contract 8.1).
    cost = {
        key: amount
        for key, amount in found["cost"].items()
        if key[3] in ("duration", "replica_duration", "capacity")
    }
    return {"cost": cost, "seconds": found["seconds"]}


# --- every type at every state -----------------------------------------------------------------------------------

SAMPLES: dict[str, dict[str, Any]] = {
    "account.opened": {"profile": "neolink", "email": "x@example.com"},
    "account.settings_changed": {
        "auto_refill": {"enabled": True, "threshold": "5000", "amount": "200", "monthly_cap": "500"},
        "low_balance": "10",
        "digest": "weekly",
        "spend_limits": {"i": "1"},
        "instance_quota": 1,
        "runway_alert": True,
    },
    "key.created": {"key": "k"},
    "key.tier_changed": {"key": "k", "tier": "elevated"},
    "grant.issued": {"grant": "g", "amount": "1", "bucket": "trial"},
    "coupon.redeemed": {"code": "WELCOME250"},
    "refund.requested": {"refund": "r", "payment": "p1", "amount": "1"},
    "withdrawal.requested": {"amount": "1"},
    "clock.tick": {},
    "instance.requested": {"resource": "i", "mode": "payg"},
    "instance.started": {"resource": "i", "mode": "payg", "disk_gb": "5", "replicas": 2},
    "instance.heartbeat": {"resource": "i"},
    "instance.stopped": {"resource": "i", "reason": "failed"},
    "instance.released": {"resource": "i"},
    "instance.mode_changed": {"resource": "i", "mode": "package", "term": "monthly"},
    "term.renewed": {"resource": "i", "term": "weekly"},
    "term.auto_renew_set": {"resource": "i", "enabled": True},
    "deployment.replicas_changed": {"resource": "i", "replicas": 3},
    "deployment.limits_set": {"resource": "i", "min_replicas": 1, "max_replicas": 4, "target_requests": 2},
    "model.state_changed": {"resource": "i", "state": "idle"},
    "capacity.sampled": {"resource": "i", "sku": "image-store", "gb": "50"},
    "capacity.deleted": {"resource": "i"},
    "request.served": {"request": "q", "model": "chat-base", "resource": "i", "input_tokens": 5},
}
PAYMENT = {"payment": "p1", "amount": "5"}


def _sample(kind: str, profile: str, sku: str, time: int) -> bytes:
    currency = BOOK.offers[profile].currency
    data = dict(SAMPLES.get(kind, PAYMENT))
    if kind.startswith("payment."):
        data |= {"currency": currency} | (
            {} if kind.endswith(("refunded", "disputed")) else {"method": METHOD[profile]}
        )
    if kind.startswith("transfer."):
        data |= {"currency": currency, "voucher": "v"}
    if kind in ("instance.requested", "instance.started"):
        data |= {"sku": sku, "spec": machine(gpus=1)} if sku == "machine" else {"sku": sku}
    return event(kind, moment(time), data, id=f"{kind} {time}")


def _states(profile: str, sku: str, mode: str) -> dict[str, list[bytes]]:
    hour = 3_600_000
    spec = {"spec": machine(gpus=1)} if sku == "machine" else {}
    started = event(
        "instance.started", moment(1000), {"resource": "i", "sku": sku, "mode": mode, "disk_gb": "7"} | spec
    )
    stopped = event("instance.stopped", moment(hour), {"resource": "i", "reason": "user"})
    asked = event(
        "instance.requested",
        moment(900),
        {"resource": "i", "sku": sku, "mode": "package", "term": "daily", "disk_gb": "9"},
    )
    found = {
        "never": [],
        "running": [started],
        "beating": [started, event("instance.heartbeat", moment(2000), {"resource": "i"})],
        "stopped": [started, stopped],
        "released": [started, event("instance.released", moment(hour), {"resource": "i"})],
        "stored": [
            event(
                "capacity.sampled",
                moment(1000),
                {"resource": "i", "sku": STORES.get(profile, ["none"])[0], "gb": "50"},
            )
        ],
        "broke": [
            started,
            event("request.served", moment(2000), {"request": "x", "model": "video-gen", "videos": 900}),
        ],
    }
    if profile in PACKAGES and sku == "rtx-4090":
        term = event("instance.started", moment(1000), {"resource": "i", "sku": sku, "mode": "package"})
        found |= {
            "approved": [asked],
            "term": [asked, term],
            "expired": [asked, term, tick(moment(25 * hour))],
        }
    return found


@pytest.mark.req("X-11")
@pytest.mark.parametrize("profile", PROFILES)
def test_every_type_is_taken_at_every_state(profile: str) -> None:
    for sku, mode in RUNS[profile] or [("machine", "payg")]:
        for before in _states(profile, sku, mode).values():
            for kind in sorted(events.TYPES):
                for late in (0, 1):
                    hour = 3_600_000
                    paid_ = _sample("payment.succeeded", profile, sku, 500)
                    lines = [opened(profile, moment(0)), paid_, *before, tick(moment(26 * hour))]
                    lines += [
                        _sample(kind, profile, sku, (2 if late else 27) * hour),
                        tick(moment(40 * hour)),
                    ]

                    told = run(lines)

                    (balance,) = told.balances()
                    assert sum((Decimal(e.amount) for e in told.out.entries), Decimal(0)) == Decimal(
                        balance.balance
                    )
