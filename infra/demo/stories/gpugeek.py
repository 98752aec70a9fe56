"""GPUGEEK: four accounts that rent and serve in yuan. Packages, spot, disks by the hour, arrears, models of one's own.

Shown: GG-03 (transfers), GG-08 (by the second), GG-12 … GG-14 (reminder, renewal, expiry), GG-16 (change of mode), GG-19
(preempted), GG-20 (quota), GG-22/27 (disks at night), GG-31/32 (models by task), GG-36 (cold), GG-39 (scaling), GG-41 …
GG-43 (arrears), X-02 (a stop told late).
"""

from __future__ import annotations

from typing import Final

from infra.demo.script import DAYS, HOUR_MS, MINUTE_MS, SECOND_MS, Script
from infra.demo.stories import words

LAB, STUDIO, RENDER, MODELS = "jade-lab", "bamboo-vfx", "dune-render", "mist-models"
RTX: Final = "rtx-4090"
PRIVATE, DEPLOYMENT = "tea-expert", "tea-chat"


def tell(script: Script) -> None:
    """All four accounts."""
    _lab(script)
    _studio(script)
    _render(script)
    _models(script)


def _scanned(
    script: Script, account: str, payment: str, amount: str, time_ms: int, method: str = "wechat"
) -> None:
    words.paid(script, account, payment, amount, time_ms, method=method, currency="CNY")


# --- a lab: a package that renews itself, a machine by day whose disk stays at night, spot -----------------


def _lab(script: Script) -> None:
    script.open(LAB, "gpugeek", script.at(0, 1), locale="zh")
    _scanned(script, LAB, "lab-1", "800.00", script.at(0, 1.2))
    voucher = {"payment": "lab-2", "voucher": "v-2", "amount": "2000.00", "currency": "CNY"}
    script.event(LAB, "transfer.uploaded", script.at(0, 2), voucher)
    script.event(LAB, "transfer.approved", script.at(0, 7), voucher)
    script.remark(
        script.at(0, 2), f"{LAB}: a bank transfer is credited when its voucher is approved, not before"
    )
    _lab_package(script)
    for day in words.workdays(0, DAYS):
        start_ms = script.at(day, 2)
        words.begun(script, LAB, "lab-day", RTX, start_ms, disk_gb="100")
        words.beats(script, LAB, "lab-day", start_ms, script.at(day, 9.7), 12 * MINUTE_MS)
        words.stopped(script, LAB, "lab-day", script.at(day, 9.7) + script.random.randrange(500) * SECOND_MS)
    _spot(script)


def _lab_package(script: Script) -> None:
    bought_ms = script.at(1, 3)
    words.asked(
        script, LAB, "lab-week", RTX, bought_ms, mode="package", term="weekly", auto_renew=True, disk_gb="200"
    )
    words.started(script, LAB, "lab-week", RTX, bought_ms + MINUTE_MS, mode="package", disk_gb="200")
    script.event(LAB, "term.auto_renew_set", script.at(24, 3), {"resource": "lab-week", "enabled": False})
    script.remark(script.at(8, 3), f"{LAB}: the week is over and renews itself, as it will twice more")
    script.remark(
        script.at(29, 3), f"{LAB}: no more renewal: the week's end stops the machine and frees its GPU"
    )


def _spot(script: Script) -> None:
    script.event(LAB, "account.settings_changed", script.at(5, 11), {"instance_quota": 2})
    start_ms = script.at(5, 12)
    words.begun(script, LAB, "lab-spot", "a100", start_ms, mode="spot")
    words.asked(script, LAB, "lab-third", RTX, start_ms + MINUTE_MS)
    preempted_ms = start_ms + 3 * HOUR_MS + 17 * MINUTE_MS + 41 * SECOND_MS
    words.beats(script, LAB, "lab-spot", start_ms, preempted_ms, 10 * MINUTE_MS)
    words.stopped(script, LAB, "lab-spot", preempted_ms, reason="preempted")
    script.remark(
        preempted_ms,
        f"{LAB}: the spot machine is preempted and paid to the second; a third one is over the quota",
    )
    words.begun(script, LAB, "lab-spot", "a100", preempted_ms + HOUR_MS, mode="spot")
    words.stopped(script, LAB, "lab-spot", preempted_ms + 4 * HOUR_MS)
    words.released(script, LAB, "lab-spot", preempted_ms + 5 * HOUR_MS)


# --- a studio that changes its mind ------------------------------------------------------------------------


def _studio(script: Script) -> None:
    script.open(STUDIO, "gpugeek", script.at(2, 1))
    _scanned(script, STUDIO, "vfx-1", "1800.00", script.at(2, 1.5), method="alipay")
    bought_ms = script.at(3, 1)
    words.asked(script, STUDIO, "vfx-1", RTX, bought_ms, mode="package", term="monthly", disk_gb="50")
    words.started(script, STUDIO, "vfx-1", RTX, bought_ms + MINUTE_MS, mode="package", disk_gb="50")
    changed_ms = bought_ms + 100 * HOUR_MS
    script.event(STUDIO, "instance.mode_changed", changed_ms, {"resource": "vfx-1", "mode": "payg"})
    script.remark(
        changed_ms,
        f"{STUDIO}: a month was paid; after 100 hours it is changed to pay as you go, what is left comes back",
    )
    # The clock has passed midnight when the stop is told: what it billed since is taken back.
    told_ms = script.at(10, 1)
    words.stopped(script, STUDIO, "vfx-1", script.at(9, 11.5), arrives_ms=told_ms)
    script.remark(
        told_ms,
        f"{STUDIO}: vfx-1 stopped at 11:30, we hear of it next morning: its lines since then are corrected",
    )
    words.released(script, STUDIO, "vfx-1", script.at(12, 2))
    rejected = {"payment": "vfx-2", "voucher": "v-9", "amount": "500.00", "currency": "CNY"}
    script.event(STUDIO, "transfer.uploaded", script.at(13, 2), rejected)
    script.event(STUDIO, "transfer.rejected", script.at(13, 6), rejected)
    script.event(STUDIO, "transfer.approved", script.at(13, 7), rejected)


# --- a render house in arrears -----------------------------------------------------------------------------


def _render(script: Script) -> None:
    script.open(RENDER, "gpugeek", script.at(6, 1))
    _scanned(script, RENDER, "dune-1", "30.00", script.at(6, 1.2), method="qr")
    words.begun(script, RENDER, "dune", RTX, script.at(6, 2), disk_gb="400")
    # 30.00 last for 8 hours; below zero at 11:00 it is stopped, its disk goes on costing.
    words.stopped(script, RENDER, "dune", script.at(6, 11) + 30 * SECOND_MS, reason="unpaid")
    script.remark(
        script.at(6, 11), f"{RENDER}: in arrears: the machine is stopped, the disk is kept for seven days"
    )
    words.asked(script, RENDER, "dune", RTX, script.at(7, 2))
    saved_ms = script.at(12, 18)
    _scanned(script, RENDER, "dune-2", "120.00", saved_ms, method="alipay")
    script.remark(
        saved_ms,
        f"{RENDER}: told a day ahead that the disk will be deleted, it pays on the sixth day: the debt is settled",
    )
    words.begun(script, RENDER, "dune", RTX, saved_ms + HOUR_MS)
    words.stopped(script, RENDER, "dune", saved_ms + 12 * HOUR_MS + 5_025 * SECOND_MS)
    words.released(script, RENDER, "dune", script.at(14, 3))


# --- models: by task, of one's own, deployed ---------------------------------------------------------------


def _models(script: Script) -> None:
    script.open(MODELS, "gpugeek", script.at(1, 1), locale="zh")
    _scanned(script, MODELS, "mist-1", "500.00", script.at(1, 1.5))
    for day in range(1, DAYS):
        _tasks(script, day)
    for day in (4, 11, 18):
        _private(script, script.at(day, 3))
    _deployment(script, script.at(20, 2))


def _tasks(script: Script, day: int) -> None:
    draw = script.random
    for _ in range(20):
        tokens = {"input_tokens": draw.randrange(3_000, 60_000), "output_tokens": draw.randrange(500, 6_000)}
        words.served(script, MODELS, "chat-base", script.at(day, 2 + 12 * draw.random()), **tokens)
    for _ in range(4):
        words.served(
            script, MODELS, "image-gen", script.at(day, 2 + 12 * draw.random()), images=draw.randrange(1, 5)
        )
    words.served(script, MODELS, "video-gen", script.at(day, 9), videos=1)
    words.served(script, MODELS, "my-public", script.at(day, 10), seconds=300)


def _private(script: Script, start_ms: int) -> None:
    """Ninety seconds to start, five minutes of work, ten idle ones: then it is cold, and nobody has to say so."""
    if start_ms == script.at(4, 3):
        words.started(script, MODELS, PRIVATE, "my-private", start_ms, model="tea-7b")
        script.remark(start_ms, f"{MODELS}: a private model goes cold ten minutes after its last request")
    else:
        script.event(MODELS, "model.state_changed", start_ms, {"resource": PRIVATE, "state": "starting"})
    running_ms = start_ms + 90 * SECOND_MS
    script.event(MODELS, "model.state_changed", running_ms, {"resource": PRIVATE, "state": "running"})
    for minute in range(5):
        words.served(script, MODELS, "my-private", running_ms + minute * MINUTE_MS, resource=PRIVATE)
    script.event(
        MODELS, "model.state_changed", running_ms + 5 * MINUTE_MS, {"resource": PRIVATE, "state": "idle"}
    )


def _deployment(script: Script, start_ms: int) -> None:
    """An hour and a half with a wave of requests; the replicas follow each command a minute later."""
    words.started(script, MODELS, DEPLOYMENT, "my-deployment", start_ms, replicas=1)
    bounds = {"resource": DEPLOYMENT, "min_replicas": 1, "max_replicas": 4, "target_requests": 20}
    script.event(MODELS, "deployment.limits_set", start_ms, bounds)
    for window, requests in enumerate((12, 45, 95, 50, 15, 5, 5, 5, 5)):
        window_ms = start_ms + window * 10 * MINUTE_MS
        for number in range(requests):
            time_ms = window_ms + 5 * SECOND_MS + number * (590 * SECOND_MS // requests)
            words.served(script, MODELS, "my-deployment", time_ms, resource=DEPLOYMENT)
    script.remark(
        start_ms, f"{MODELS}: a deployment is told to scale with its requests, from 1 to 4 replicas and back"
    )
    for minutes, replicas in ((21, 3), (31, 4), (41, 3), (51, 1)):
        body = {"resource": DEPLOYMENT, "replicas": replicas}
        script.event(MODELS, "deployment.replicas_changed", start_ms + minutes * MINUTE_MS, body)
    words.released(script, MODELS, DEPLOYMENT, start_ms + 90 * MINUTE_MS)
