"""Neolink.AI: three accounts in yuan. Storage settled at midnight in Shanghai, prepaid disks, fifteen days of grace.

Shown: NL-01 (no withdrawal), NL-05 (one cent at least), NL-06/10 (data cleared after 15 days), NL-07 (hourly, to the
second), NL-08/11/17 (packages with their disk, renewed before and after the end), NL-13/18/19 (the day's highest), NL-20/21
(images above 30 GB), NL-24/26 (free models, coming soon), R-NL10 (out of money), X-02 (a stop told late).
"""

from __future__ import annotations

from typing import Final

from infra.demo.script import DAYS, HOUR_MS, MINUTE_MS, SECOND_MS, Script
from infra.demo.stories import words

HARBOR, SCHOOL, NOTES = "harbor-ai", "lantern-edu", "tide-notes"
RTX: Final = "rtx-4090"


def tell(script: Script) -> None:
    """All three accounts."""
    _harbor(script)
    _school(script)
    _notes(script)


def _paid(
    script: Script, account: str, payment: str, amount: str, time_ms: int, method: str = "alipay"
) -> None:
    words.paid(script, account, payment, amount, time_ms, method=method, currency="CNY")


# --- a harbor: machines by day, shared files, images, free models ------------------------------------------


def _harbor(script: Script) -> None:
    script.open(HARBOR, "neolink", script.at(0, 1), locale="zh")
    _paid(script, HARBOR, "harbor-1", "600.00", script.at(0, 1.3))
    for day in words.workdays(0, DAYS):
        start_ms = script.at(day, 1.5) + script.random.randrange(1_800) * SECOND_MS
        words.begun(script, HARBOR, "crane", RTX, start_ms)
        words.stopped(script, HARBOR, "crane", script.at(day, 9) + script.random.randrange(3_600) * SECOND_MS)
        for _ in range(15):
            time_ms, tokens = (
                script.at(day, 2 + 7 * script.random.random()),
                script.random.randrange(1_000, 9_000),
            )
            words.served(
                script, HARBOR, "Qwen2-7B-Instruct", time_ms, input_tokens=tokens, output_tokens=tokens // 3
            )
    words.served(script, HARBOR, "DeepSeek-V2-Chat", script.at(1, 5), input_tokens=4_000, output_tokens=900)
    script.remark(
        script.at(1, 5), f"{HARBOR}: one model is free and recorded at 0.00; one is coming soon and refused"
    )
    # On at 13:00, off five seconds later: a cent.
    words.begun(script, HARBOR, "blink", RTX, script.at(3, 5))
    words.stopped(script, HARBOR, "blink", script.at(3, 5) + 5 * SECOND_MS)
    words.released(script, HARBOR, "blink", script.at(3, 6))
    _stored(script)
    _no_way_back(script)


def _stored(script: Script) -> None:
    for hour, gb in ((2, "80"), (6, "120"), (11, "60")):
        words.sampled(script, HARBOR, "port-files", "shared-fs", script.at(2, hour), gb)
    words.sampled(script, HARBOR, "port-files", "shared-fs", script.at(15, 4), "240")
    for day, name, gb in ((1, "img-base", "12"), (4, "img-vision", "15"), (8, "img-speech", "10")):
        words.sampled(script, HARBOR, name, "image-store", script.at(day, 3), gb)
    script.event(HARBOR, "capacity.deleted", script.at(22, 3), {"resource": "img-vision"})
    script.remark(
        script.at(8, 3), f"{HARBOR}: the third image makes 37 GB; the 7 above 30 are billed at midnight"
    )


def _no_way_back(script: Script) -> None:
    script.event(HARBOR, "withdrawal.requested", script.at(10, 3), {"amount": "100.00"})
    back = {"payment": "harbor-1", "amount": "100.00", "currency": "CNY"}
    script.event(HARBOR, "payment.refunded", script.at(10, 4), back)
    refill = {"enabled": True, "threshold": "50", "amount": "100"}
    script.event(HARBOR, "account.settings_changed", script.at(10, 5), {"auto_refill": refill})
    script.remark(
        script.at(10, 3), f"{HARBOR}: no withdrawal, no refund and no auto-refill here: all three are refused"
    )


# --- a school: weeks paid in advance -----------------------------------------------------------------------


def _school(script: Script) -> None:
    script.open(SCHOOL, "neolink", script.at(1, 1))
    voucher = {"payment": "school-1", "voucher": "school-v1", "amount": "1200.00", "currency": "CNY"}
    script.event(SCHOOL, "transfer.uploaded", script.at(1, 2), voucher)
    script.event(SCHOOL, "transfer.approved", script.at(1, 6), voucher)
    bought_ms = script.at(2, 1)
    words.asked(script, SCHOOL, "class", RTX, bought_ms, mode="package", term="weekly", disk_gb="100")
    words.started(script, SCHOOL, "class", RTX, bought_ms + MINUTE_MS, mode="package")
    script.event(SCHOOL, "term.auto_renew_set", script.at(3, 2), {"resource": "class", "enabled": True})
    script.event(SCHOOL, "term.renewed", script.at(7, 8), {"resource": "class"})
    script.remark(
        script.at(7, 8),
        f"{SCHOOL}: renewed before its end, the week goes on from there; the disk is paid with it",
    )
    # The second week ends on day 16; holidays; on day 20 the class begins again.
    words.stopped(script, SCHOOL, "class", script.at(16, 1) + 20 * SECOND_MS, reason="expired")
    again_ms = script.at(20, 1)
    script.event(SCHOOL, "term.renewed", again_ms, {"resource": "class"})
    words.started(script, SCHOOL, "class", RTX, again_ms + MINUTE_MS, mode="package")
    script.remark(
        again_ms, f"{SCHOOL}: renewed after its end, within 15 days: a new week begins now and the data stay"
    )
    words.stopped(script, SCHOOL, "class", script.at(27, 1) + 20 * SECOND_MS, reason="expired")
    words.begun(script, SCHOOL, "lab-hour", RTX, script.at(21, 2))
    told_ms = script.at(22, 2)
    words.stopped(script, SCHOOL, "lab-hour", script.at(21, 4) + 610 * SECOND_MS, arrives_ms=told_ms)
    script.remark(
        told_ms,
        f"{SCHOOL}: lab-hour stopped after 2 h 10 min, we hear of it next day: its lines since then are corrected",
    )
    words.released(script, SCHOOL, "lab-hour", script.at(22, 3))


# --- notes that nobody came back for -----------------------------------------------------------------------


def _notes(script: Script) -> None:
    script.open(NOTES, "neolink", script.at(3, 1))
    _paid(script, NOTES, "notes-1", "20.00", script.at(3, 1.2), method="wechat")
    start_ms = script.at(3, 2)
    words.begun(script, NOTES, "notes", RTX, start_ms, disk_gb="50")
    # 20.00 are ten hours; at the eleventh the balance is below zero.
    words.stopped(script, NOTES, "notes", start_ms + 11 * HOUR_MS + 15 * SECOND_MS, reason="unpaid")
    script.remark(
        start_ms + 11 * HOUR_MS, f"{NOTES}: out of money and stopped; its data are kept for 15 days"
    )
    words.asked(script, NOTES, "notes", RTX, script.at(4, 2))
    script.remark(
        script.at(18, 13),
        f"{NOTES}: nobody came back: the data are deleted, and with them the disk's daily fee",
    )
