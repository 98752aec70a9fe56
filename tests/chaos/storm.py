"""A storm for a whole pipeline: days of events from unreliable producers, a kill in each, and what should be left.

Deterministic from its seed, but for the moments of the kills, which fall where the sending has come so far.
"""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from infra.audit.topics import Topics
from infra.books import load_book
from infra.demo.script import DAY_MS, Script, Step
from infra.emit.sender import Sender
from schemas.envelope import OutgoingEvent
from schemas.topics import CHARGES, USAGE_EVENTS
from schemas.values import instant_text, plain
from streams.core.story import Story
from tests.integration.running import START_MS, Pipeline, event
from tests.waiting import wait_until

PARTS = ("worker-0", "ingest", "sink-clickhouse", "clickhouse", "kafka")
ACCOUNTS = 24


def rounds_of(draw: random.Random, rounds: int, seed: int) -> list[list[Step]]:
    """`rounds` days of a few hundred events each: requests, leases, payments, and what unreliable producers send."""
    script = Script(START_MS, seed)
    for number in range(ACCOUNTS):
        _opened(script, f"acc-{number}", number)
    for day in range(rounds):
        for number in range(ACCOUNTS):
            _day(script, f"acc-{number}", number, day, draw)
    return [_unreliable(day.steps, draw) for day in script.days()[:rounds]]


def _opened(script: Script, account: str, number: int) -> None:
    profile = "fluxedge" if number % 3 == 0 else "flexai"
    script.open(account, profile, START_MS + number)
    body = {"payment": "p", "method": "card", "amount": "60.00", "currency": "USD"}
    script.event(account, "payment.succeeded", START_MS + 1_000 + number, body)


def _day(script: Script, account: str, number: int, day: int, draw: random.Random) -> None:
    begin_ms = script.at(day, 1) + number
    if number % 3:
        for each in range(30):
            body = {
                "request": f"{day}-{each}",
                "model": "llama-3.3-70b",
                "input_tokens": draw.randrange(1, 90_000),
            }
            script.event(account, "request.served", begin_ms + draw.randrange(DAY_MS - 8 * 3_600_000), body)
        return
    spec = {"gpu": "rtx-4090", "gpus": 1, "vcpus": 4, "ram_gb": 16, "disk_gb": 100}
    lease = {"resource": f"vm-{day}", "sku": "machine", "mode": "payg", "spec": spec}
    script.event(account, "instance.started", begin_ms, lease)
    for beat in range(1, 25):
        script.event(account, "instance.heartbeat", begin_ms + beat * 300_000, {"resource": f"vm-{day}"})
    # Some stops are told a few hours late, some next day.
    late_ms = draw.choice((0, 0, 3 * 3_600_000, DAY_MS))
    stopped_ms = begin_ms + 121 * 60_000
    script.event(
        account,
        "instance.stopped",
        stopped_ms,
        {"resource": f"vm-{day}", "reason": "user"},
        arrives_ms=stopped_ms + late_ms,
    )


def _unreliable(steps: Sequence[Step], draw: random.Random) -> list[Step]:
    """Some events come twice, some again with other content, and some records are garbage."""
    sent: list[Step] = []
    for step in steps:
        sent.append(step)
        chance = draw.random()
        if chance < 0.05:
            sent.append(step)
        elif chance < 0.07 and step.type == "request.served":
            sent.append(step._replace(raw=step.raw.replace(b'"llama-3.3-70b"', b'"bge-m3"')))
        elif chance < 0.08:
            sent.append(step._replace(type="", raw=step.raw[: len(step.raw) // 2], topic=USAGE_EVENTS))
    return sent


def send(sender: Sender, steps: Sequence[Step]) -> None:
    """Send `steps` in their order, garbage as it is."""
    run: list[OutgoingEvent] = []
    for step in steps:
        if step.type:
            run.append(OutgoingEvent(step.account, step.type, step.raw))
        else:
            sender.send(run)
            run = []
            sender.send_raw(step.topic, step.account, step.raw)
    sender.send(run)


def simulated(rounds: Sequence[Sequence[Step]]) -> Story:
    """The same input through the pure engine."""
    story = Story(load_book())
    for number, steps in enumerate(rounds, start=1):
        for step in steps:
            story.feed(step.raw)
        end_ms = START_MS + number * DAY_MS
        story.feed(event("clock.tick", "clock", f"tick-{instant_text(end_ms)}", end_ms))
    story.finish()
    return story


def kill_at(pipeline: Pipeline, sender: Sender, events: int, part: str) -> None:
    """Kill `part` once so many events were sent; a worker when it has just written charges, so before it saves."""
    wait_until(lambda: sender.events >= events, f"{events} events are sent", timeout_s=120, every_s=0.002)
    if part.startswith("worker"):
        topics = Topics(pipeline.settings)
        before = topics.ends([CHARGES], pipeline.settings.partitions)
        wait_until(
            lambda: topics.ends([CHARGES], pipeline.settings.partitions) != before, "charges are written",
            timeout_s=60, every_s=0.002,
        )  # fmt: skip
    pipeline.kill(part)


def counts(pipeline: Pipeline, sql: str) -> dict[str, int]:
    """A query's first column → its second."""
    return {str(row[0]): int(row[1]) for row in pipeline.query(sql)}


def stored(pipeline: Pipeline, table: str) -> Counter[tuple[str, str]]:
    """(id, amount) of every row that counts."""
    rows = pipeline.query(f"SELECT id, toString(amount) FROM {table} FINAL")
    return Counter((str(name), number_of(str(amount))) for name, amount in rows)


def number_of(text: str) -> str:
    """One form for equal numbers."""
    return plain(Decimal(text))


def expected(told: Story, table: str) -> Counter[tuple[str, str]]:
    """(id, amount) of what the pure engine says."""
    records = told.out.charges if table == "charges" else told.out.entries
    return Counter((record.id, number_of(record.amount)) for record in records)


def weather(
    pipeline: Pipeline, rounds: Sequence[Sequence[Step]], kills: Sequence[str], draw: random.Random
) -> None:
    """Send the rounds, a day each; in each one part is killed somewhere into the sending."""
    sender = Sender(pipeline.settings, ticks=True)
    for number, (steps, part) in enumerate(zip(rounds, kills, strict=True), start=1):
        at = sender.events + draw.randrange(len(steps) // 4, len(steps))
        killer = threading.Thread(target=kill_at, args=(pipeline, sender, at, part))
        killer.start()
        for start in range(0, len(steps), 50):
            send(sender, steps[start : start + 50])
        sender.tick(START_MS + number * DAY_MS)
        killer.join()
