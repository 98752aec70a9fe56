"""flex.ai: three accounts that call models. Credit that runs out, cards that are declined, records sent twice.

Shown: FA-01 (free credit), FA-06/07 (tokens), FA-20/21 (card, minimum), FA-23/24 (mails below 5.00 and at 0), X-01
(identities), and the load under which the worker is killed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from infra.demo.script import DAYS, MINUTE_MS, SECOND_MS, Script
from schemas.topics import USAGE_EVENTS

STUDIO, BOT, MILL = "aurora-labs", "tiny-bot", "paper-mill"
RUSH_DAY: Final = 16
RUSH_REQUESTS: Final = 7_000
FREE_CREDIT: Final = Decimal(10)
MILLION: Final = 1_000_000


def tell(script: Script) -> None:
    """All three accounts."""
    _studio(script)
    _bot(script)
    _mill(script)


def _paid(
    script: Script, account: str, payment: str, amount: str, time_ms: int, *, method: str = "card"
) -> None:
    body = {"payment": payment, "method": method, "amount": amount, "currency": "USD"}
    script.event(account, "payment.created", time_ms, body)
    script.event(account, "payment.succeeded", time_ms + 20 * SECOND_MS, body)


def _request(
    script: Script, account: str, time_ms: int, model: str, key: str, tokens: tuple[int, int]
) -> None:
    number = f"{account}-r{time_ms}-{script.random.randrange(10**6)}"
    body: dict[str, object] = {
        "request": number,
        "model": model,
        "key": key,
        "input_tokens": tokens[0],
        "finish": "stop",
    }
    if tokens[1]:
        body["output_tokens"] = tokens[1]
    script.event(account, "request.served", time_ms, body)


# --- a studio with three keys and two models, and a rush ---------------------------------------------------


def _studio(script: Script) -> None:
    script.open(STUDIO, "flexai", script.at(0, 8), locale="en")
    for key in ("web", "batch", "notebook"):
        script.event(STUDIO, "key.created", script.at(0, 8.1), {"key": f"{STUDIO}-{key}"})
    _paid(script, STUDIO, "aurora-1", "25.00", script.at(0, 8.5))
    for day in range(DAYS):
        weekend = day % 7 in (5, 6)
        for _ in range(40 if weekend else 150):
            _studio_request(script, script.at(day, 8 + 12 * script.random.random()))
    _declined(script, 9)
    _rush(script)


def _studio_request(script: Script, time_ms: int) -> None:
    draw = script.random
    model = draw.choices(("llama-3.3-70b", "qwen-vl-72b"), (4, 1))[0]
    key = draw.choices(("web", "batch", "notebook"), (6, 3, 1))[0]
    _request(
        script,
        STUDIO,
        time_ms,
        model,
        f"{STUDIO}-{key}",
        (draw.randrange(2_000, 20_000), draw.randrange(200, 3_000)),
    )


def _declined(script: Script, day: int) -> None:
    body = {"payment": "aurora-2", "method": "card", "amount": "60.00", "currency": "USD"}
    script.event(STUDIO, "payment.created", script.at(day, 10), body)
    script.event(STUDIO, "payment.failed", script.at(day, 10.01), body)
    script.event(STUDIO, "payment.succeeded", script.at(day, 10.2), body)
    script.remark(
        script.at(day, 10), f"{STUDIO}: the card is declined, then accepted: credited once, when it succeeds"
    )


def _rush(script: Script) -> None:
    begin_ms = script.at(RUSH_DAY, 12)
    for number in range(RUSH_REQUESTS):
        _studio_request(script, begin_ms + number * 250)
    script.kill_worker(RUSH_DAY)
    script.remark(begin_ms, f"{STUDIO}: a rush of {RUSH_REQUESTS:,} requests in half an hour")


# --- a bot that lives on its free credit -------------------------------------------------------------------


def _bot(script: Script) -> None:
    script.open(BOT, "flexai", script.at(0, 9))
    script.event(BOT, "key.created", script.at(0, 9.1), {"key": "tiny"})
    spent, ended_ms = Decimal(0), script.at(DAYS)
    for time_ms in _bot_times(script, 0, 22):
        tokens = (script.random.randrange(30_000, 50_000), script.random.randrange(1_000, 3_000))
        _request(script, BOT, time_ms, "llama-3.3-70b", "tiny", tokens)
        spent += (tokens[0] * Decimal("0.20") + tokens[1] * Decimal("0.60")) / MILLION
        if spent >= FREE_CREDIT:
            ended_ms = time_ms
            break
    script.remark(ended_ms, f"{BOT}: the free credit is used up; the gate would now answer 402")
    _bot_pays(script, ended_ms)


def _bot_times(script: Script, first: int, last: int) -> list[int]:
    times = [script.at(day, 24 * script.random.random()) for day in range(first, last) for _ in range(55)]
    return sorted(time_ms for time_ms in times if time_ms > script.at(0, 9.2))


def _bot_pays(script: Script, ended_ms: int) -> None:
    small = {"payment": "tiny-1", "method": "card", "amount": "4.99", "currency": "USD"}
    script.event(BOT, "payment.succeeded", ended_ms + 30 * MINUTE_MS, small)
    _paid(script, BOT, "tiny-2", "10.00", ended_ms + 40 * MINUTE_MS, method="paypal")
    _paid(script, BOT, "tiny-3", "20.00", ended_ms + 50 * MINUTE_MS)
    script.remark(
        ended_ms + 30 * MINUTE_MS,
        f"{BOT}: 4.99 is below the minimum, paypal is not taken here, 20.00 by card is",
    )
    for time_ms in _bot_times(script, 0, DAYS):
        if time_ms > ended_ms + 60 * MINUTE_MS:
            _request(
                script,
                BOT,
                time_ms,
                "llama-3.3-70b",
                "tiny",
                (script.random.randrange(30_000, 50_000), 1_500),
            )


# --- a mill that embeds, with an unreliable producer -------------------------------------------------------


def _mill(script: Script) -> None:
    script.open(MILL, "flexai", script.at(1, 7))
    _paid(script, MILL, "mill-1", "15.00", script.at(1, 7.5))
    for day in range(1, DAYS):
        for _ in range(70):
            time_ms = script.at(day, 8 + 15 * script.random.random())
            _request(script, MILL, time_ms, "bge-m3", "mill", (script.random.randrange(100_000, 400_000), 0))
    _sent_twice(script, 5)
    script.garbage(MILL, USAGE_EVENTS, b'{"specversion": "1.0", "type": "request.ser', script.at(6, 11))
    script.remark(
        script.at(6, 11), f"{MILL}: half a record arrives; it is kept among the rejections, nothing stops"
    )


def _sent_twice(script: Script, day: int) -> None:
    time_ms = script.at(day, 9)
    body = {"request": "mill-twice", "model": "bge-m3", "key": "mill", "input_tokens": 250_000}
    for delay_ms in (0, 5 * SECOND_MS, 7 * SECOND_MS):
        script.event(
            MILL, "request.served", time_ms, body, event_id="mill-twice", arrives_ms=time_ms + delay_ms
        )
    other = {**body, "input_tokens": 999_000}
    script.event(
        MILL, "request.served", time_ms, other, event_id="mill-twice", arrives_ms=time_ms + MINUTE_MS
    )
    script.remark(
        time_ms,
        f"{MILL}: one event comes three times (billed once) and once more with other content (refused)",
    )
