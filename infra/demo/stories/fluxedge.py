"""FluxEdge: three accounts that rent machines. Heartbeats, money that runs out, a stop that is told two days late.

Shown: FX-02 (continuous deduction), FX-05 (rate from the specification), FX-06/07/08 (methods, no withdrawal, no
refund), R-FX2 (stopped before the balance is overdrawn), X-02/X-03 (late events are corrected), X-12 (silence).
"""

from __future__ import annotations

from typing import Final

from infra.demo.script import DAYS, HOUR_MS, MINUTE_MS, SECOND_MS, Script
from infra.demo.stories import words

FARM, OWL, NODE = "render-farm", "night-owl", "silent-node"
RTX: Final = {"gpu": "rtx-4090", "gpus": 1, "vcpus": 8, "ram_gb": 32, "disk_gb": 200}
A100: Final = {"gpu": "a100-80", "gpus": 1, "vcpus": 16, "ram_gb": 64, "disk_gb": 500}
H100: Final = {"gpu": "h100-80", "gpus": 2, "vcpus": 32, "ram_gb": 128, "disk_gb": 1000}


def tell(script: Script) -> None:
    """All three accounts."""
    _farm(script)
    _owl(script)
    _node(script)


def _paid(script: Script, account: str, time_ms: int, body: dict[str, str]) -> None:
    script.event(account, "payment.created", time_ms, body)
    script.event(account, "payment.succeeded", time_ms + 30 * SECOND_MS, body)


def _start(
    script: Script, account: str, resource: str, time_ms: int, spec: dict[str, object], *, asks: bool = True
) -> None:
    body = {"resource": resource, "sku": "machine", "mode": "payg", "spec": spec}
    if asks:
        script.event(account, "instance.requested", time_ms - 30 * SECOND_MS, body)
    script.event(account, "instance.started", time_ms, {**body, "launch": "quick"})


def _beats(script: Script, account: str, resource: str, start_ms: int, end_ms: int, every_ms: int) -> None:
    for time_ms in range(start_ms + every_ms, end_ms, every_ms):
        script.event(account, "instance.heartbeat", time_ms, {"resource": resource})


# --- a farm with three machines ----------------------------------------------------------------------------


def _farm(script: Script) -> None:
    script.open(FARM, "fluxedge", script.at(0, 6))
    script.event(FARM, "account.settings_changed", script.at(0, 6.1), {"runway_alert": True})
    _farm_money(script)
    for day in range(DAYS):
        if day % 7 not in (5, 6):
            _farm_day(script, day)
    # Ten days without a heartbeat: nothing times it out, lines fall due by the clock alone.
    _start(script, FARM, "rtx-long", script.at(3, 10), RTX)
    words.stopped(script, FARM, "rtx-long", script.at(13, 16.5))


def _farm_money(script: Script) -> None:
    body = {"payment": "farm-1", "method": "alipay", "amount": "300.00", "currency": "USD"}
    script.event(FARM, "payment.created", script.at(0, 6.2), body)
    script.remark(script.at(0, 6.2), f"{FARM}: alipay is not taken by this provider, paypal and FLUX are")
    _paid(script, FARM, script.at(0, 6.3), body | {"payment": "farm-2", "method": "paypal", "fee": "3.00"})
    flux = {"payment": "farm-3", "method": "flux", "amount": "80.00", "currency": "USD"}
    _paid(script, FARM, script.at(12, 9), flux | {"native_amount": "1230.5", "native_currency": "FLUX"})
    script.event(FARM, "withdrawal.requested", script.at(20, 15), {"amount": "50.00"})
    back = {"payment": "farm-2", "amount": "20.00", "currency": "USD"}
    script.event(FARM, "payment.refunded", script.at(21, 15), back)
    script.remark(
        script.at(20, 15), f"{FARM}: a withdrawal, and next day a refund, are asked for and refused"
    )


def _farm_day(script: Script, day: int) -> None:
    start_ms, end_ms = script.at(day, 8), script.at(day, 19.5)
    _start(script, FARM, f"rtx-{day:02d}", start_ms, RTX)
    _beats(script, FARM, f"rtx-{day:02d}", start_ms, end_ms, 5 * MINUTE_MS)
    words.stopped(script, FARM, f"rtx-{day:02d}", end_ms)
    if day % 3 == 0:
        start_ms = script.at(day, 13)
        end_ms = start_ms + script.random.randrange(3 * HOUR_MS, 5 * HOUR_MS)
        _start(script, FARM, f"a100-{day:02d}", start_ms, A100)
        _beats(script, FARM, f"a100-{day:02d}", start_ms, end_ms, 2 * MINUTE_MS)
        words.stopped(script, FARM, f"a100-{day:02d}", end_ms)


# --- an owl that runs out of money at night ----------------------------------------------------------------


def _owl(script: Script) -> None:
    script.open(OWL, "fluxedge", script.at(7, 20))
    body = {"payment": "owl-1", "method": "card", "amount": "40.00", "currency": "USD"}
    _paid(script, OWL, script.at(7, 20.2), body)
    script.event(OWL, "account.settings_changed", script.at(7, 20.5), {"low_balance": "10.00"})
    start_ms = script.at(7, 22)
    _start(script, OWL, "h100", start_ms, H100)
    # 40.00 USD last for some 8 hours; the machine knows nothing of that and goes on for a while.
    stopped_ms = start_ms + 8 * HOUR_MS + 30 * MINUTE_MS
    _beats(script, OWL, "h100", start_ms, stopped_ms, 5 * MINUTE_MS)
    words.stopped(script, OWL, "h100", stopped_ms, reason="unpaid")
    script.remark(
        stopped_ms, f"{OWL}: the lease is stopped before the balance is overdrawn, a new one is not admitted"
    )
    asked = {"resource": "h100-again", "sku": "machine", "mode": "payg", "spec": H100}
    script.event(OWL, "instance.requested", script.at(8, 9), asked)


# --- a node that falls silent, and one whose stop comes late -----------------------------------------------


def _node(script: Script) -> None:
    script.open(NODE, "fluxedge", script.at(10, 8))
    _paid(
        script,
        NODE,
        script.at(10, 8.1),
        {"payment": "node-1", "method": "card", "amount": "120.00", "currency": "USD"},
    )
    start_ms = script.at(10, 9)
    _start(script, NODE, "edge-1", start_ms, RTX)
    _beats(script, NODE, "edge-1", start_ms, script.at(11, 3.7), 2 * MINUTE_MS)
    script.remark(script.at(11, 4), f"{NODE}: edge-1 falls silent and is closed at its last heartbeat")
    _start(script, NODE, "edge-2", script.at(18, 9), RTX)
    told_ms = script.at(22, 10)
    words.stopped(script, NODE, "edge-2", script.at(20, 14), arrives_ms=told_ms)
    script.remark(
        told_ms, f"{NODE}: edge-2 stopped 44 hours ago, we hear of it now: its lines since then are corrected"
    )
