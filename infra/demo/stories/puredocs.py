"""PureDocs: three accounts that deploy models in credits. Started hours, an auto-refill, a pause, a refund on request.

Shown: PD-10 … PD-12 (started hours in advance, rounded up), PD-13 … PD-16 (auto-refill, declined, then through), PD-17
(coupons), PD-28 (limit of a deployment), PD-30 (dollars only), PD-38 (unused credit back), PD-39/40 (paused, resumed),
PD-41 (trial credit by sales), X-02 (a stop told late).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from infra.demo.script import DAYS, HOUR_MS, MINUTE_MS, SECOND_MS, Script
from infra.demo.stories import words

CHAT, RIG, ARCHIVE = "corner-chat", "night-rig", "deed-archive"
HOURLY_S: Final = Decimal("0.60")
# In dollars; the settings say it in credits, 100 each.
THRESHOLD: Final = Decimal(5)
REFILL: Final = Decimal(20)
# The second refill meets a card that has expired.
DECLINED_REFILL: Final = 2


def tell(script: Script) -> None:
    """All three accounts."""
    _chat(script)
    _rig(script)
    _archive(script)


def _card(script: Script, account: str, payment: str, amount: str, time_ms: int) -> None:
    words.paid(script, account, payment, amount, time_ms, method="card", currency="USD")


# --- a chat that refills itself ----------------------------------------------------------------------------


def _chat(script: Script) -> None:
    script.open(CHAT, "puredocs", script.at(0, 7))
    _card(script, CHAT, "chat-1", "20.00", script.at(0, 7.2))
    for hour, code in ((7.3, "WELCOME250"), (7.4, "WELCOME250"), (7.5, "FREE-LUNCH")):
        script.event(CHAT, "coupon.redeemed", script.at(0, hour), {"code": code})
    script.remark(
        script.at(0, 7.3),
        f"{CHAT}: a coupon of 250 credits counts once; a second try is refused, so is FREE-LUNCH",
    )
    refill = {"enabled": True, "threshold": "500", "amount": "2000"}
    script.event(
        CHAT, "account.settings_changed", script.at(0, 7.6), {"auto_refill": refill, "digest": "weekly"}
    )
    balance, refills = Decimal("22.50"), 0
    for day in words.workdays(0, DAYS):
        start_ms = script.at(day, 8)
        _chat_day(script, day)
        # 8:00 to 17:20 are ten started hours, each charged as it begins.
        for hour in range(10):
            balance -= HOURLY_S
            if balance < THRESHOLD:
                refills += 1
                balance += REFILL
                _refilled(script, refills, start_ms + hour * HOUR_MS)


def _chat_day(script: Script, day: int) -> None:
    words.begun(script, CHAT, "chat-s", "gpu-s", script.at(day, 8))
    for _ in range(12):
        time_ms = script.at(day, 8.1 + 9 * script.random.random())
        tokens = script.random.randrange(500, 6_000)
        words.served(
            script,
            CHAT,
            "mistral-7b",
            time_ms,
            resource="chat-s",
            input_tokens=tokens,
            output_tokens=tokens // 4,
        )
    words.stopped(script, CHAT, "chat-s", script.at(day, 17) + 20 * MINUTE_MS)


def _refilled(script: Script, number: int, time_ms: int) -> None:
    """The payment that answers the refill commanded at `time_ms`: its amount says which."""
    payment, amount = f"chat-refill-{number}", str(REFILL)
    if number != DECLINED_REFILL:
        _card(script, CHAT, payment, amount, time_ms + 10 * SECOND_MS)
        return
    body = {"payment": payment, "method": "card", "amount": amount, "currency": "USD"}
    script.event(CHAT, "payment.created", time_ms + 10 * SECOND_MS, body)
    script.event(CHAT, "payment.failed", time_ms + 30 * SECOND_MS, body)
    script.event(CHAT, "payment.succeeded", time_ms + 25 * MINUTE_MS, body)
    script.remark(
        time_ms,
        f"{CHAT}: the auto-refill is declined and goes through 25 minutes later; the next ones at once",
    )


# --- a rig that runs out of credits at night ---------------------------------------------------------------


def _rig(script: Script) -> None:
    script.open(RIG, "puredocs", script.at(4, 18))
    trial = {"grant": "rig-trial", "amount": "3.00", "bucket": "trial", "reason": "granted by sales"}
    script.event(RIG, "grant.issued", script.at(4, 18.2), trial)
    _card(script, RIG, "rig-1", "12.00", script.at(4, 18.5))
    settings = {"low_balance": "300", "spend_limits": {"rig-m": "2000"}, "digest": "daily"}
    script.event(RIG, "account.settings_changed", script.at(4, 18.6), settings)
    start_ms = script.at(4, 20)
    words.begun(script, RIG, "rig-m", "gpu-m", start_ms)
    # 15.00 are eight hours of 1.80 and 0.60 that do not pay a ninth.
    paused_ms = start_ms + 8 * HOUR_MS
    words.stopped(script, RIG, "rig-m", paused_ms + 40 * SECOND_MS, reason="unpaid")
    script.remark(paused_ms, f"{RIG}: the next hour cannot be paid in full: paused, 60 credits stay")
    words.asked(script, RIG, "rig-m", "gpu-m", paused_ms + 2 * HOUR_MS)
    _card(script, RIG, "rig-2", "50.00", script.at(5, 8))
    script.remark(
        script.at(5, 8), f"{RIG}: credits are added, the owner is told that it can resume, and resumes it"
    )
    words.begun(script, RIG, "rig-m", "gpu-m", script.at(5, 8.5))
    words.stopped(script, RIG, "rig-m", script.at(5, 9.6))
    for day in range(6, DAYS, 2):
        start_ms = script.at(day, 21)
        words.begun(script, RIG, "rig-m", "gpu-m", start_ms)
        words.stopped(script, RIG, "rig-m", start_ms + HOUR_MS + script.random.randrange(2, 50) * MINUTE_MS)


# --- an archive that wants its money back ------------------------------------------------------------------


def _archive(script: Script) -> None:
    script.open(ARCHIVE, "puredocs", script.at(9, 9))
    euro = {"payment": "deed-0", "method": "card", "amount": "100.00", "currency": "EUR"}
    script.event(ARCHIVE, "payment.succeeded", script.at(9, 9.1), euro)
    _card(script, ARCHIVE, "deed-1", "100.00", script.at(9, 9.2))
    words.begun(script, ARCHIVE, "scan-l", "gpu-l", script.at(9, 10))
    told_ms = script.at(10, 7.5)
    words.stopped(script, ARCHIVE, "scan-l", script.at(9, 14.1), arrives_ms=told_ms)
    script.remark(
        told_ms,
        f"{ARCHIVE}: scan-l stopped at 14:06, we hear of it next morning: its hours since then are given back",
    )
    much = {"refund": "deed-r1", "payment": "deed-1", "amount": "99.00"}
    script.event(ARCHIVE, "refund.requested", script.at(14, 10), much)
    script.event(
        ARCHIVE,
        "refund.requested",
        script.at(14, 11),
        {"refund": "deed-r2", "payment": "deed-1", "amount": "40.00"},
    )
    back = {"payment": "deed-1", "amount": "40.00", "currency": "USD"}
    script.event(ARCHIVE, "payment.refunded", script.at(16, 9), back)
    script.remark(
        script.at(14, 10), f"{ARCHIVE}: more than the unused credit is not given back; 40.00 of it are, once"
    )
