"""How soon a mail leaves: from producing the usage event that crosses a threshold to handing the mail to the mail server.

The whole pipeline runs (ingest, one worker, the mailer) under a load of requests of other accounts; a probe is a request
of an account of its own that takes its free ten dollars below five. `python -m bench.mails` prints the figures as JSON.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from contextlib import ExitStack
from typing import Any

import msgspec
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from confluent_kafka import Producer

from bench import load
from bench.broker import with_broker
from infra.settings import Settings
from infra.topics import create_topics
from schemas.values import instant_text
from tests.servers import running_part

ACCOUNTS = 1_000
PROBES_PER_S = 20
WARM_S = 5.0
_DEADLINE_S = 120.0
# 30,000,000 tokens at 0.20 a million are six dollars.
_TOKENS = 30_000_000


class _Server:
    """Takes mails and notes when, by recipient."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        now_s = time.monotonic()
        for recipient in envelope.rcpt_tos:
            self.came.setdefault(recipient, now_s)
        return "250 OK"


def run(base: Settings, *, rate: int = 1_000, duration_s: float = 30.0) -> dict[str, float]:
    """The mails' figures of `build/bench.json` at `rate` events a second; `base` reaches a running broker."""
    settings = base.model_copy(update={"namespace": "bench_mails"})
    create_topics(settings)
    probes = int((WARM_S + duration_s) * PROBES_PER_S)
    server = _Server()
    controller = Controller(server, hostname=settings.smtp_host, port=settings.smtp_port)
    controller.start()
    try:
        with ExitStack() as stack:
            for part in ("ingest", "worker-0", "sink-email"):
                stack.enter_context(running_part(settings, part))
            _open(settings, probes)
            # Each top-up has its receipt: when the last is out, everything is warm and idle.
            _wait(lambda: len(server.came) >= ACCOUNTS, "the receipts")
            server.came.clear()
            sent = _send(settings, rate, WARM_S + duration_s, probes)
            _wait(lambda: len(server.came) >= probes, "the mails of all probes")
    finally:
        controller.stop()
    latencies = [
        server.came[_mailbox(probe)] - at_s for probe, at_s in sent if probe >= WARM_S * PROBES_PER_S
    ]
    cuts = statistics.quantiles(latencies, n=100)
    return {"mail_p50_s": round(cuts[49], 3), "mail_p99_s": round(cuts[98], 3)}


def _mailbox(probe: int) -> str:
    return f"probe-{probe}@example.org"


def _wait(condition: Any, what: str) -> None:
    deadline_s = time.monotonic() + _DEADLINE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"not within {_DEADLINE_S:.0f} s: {what}")
        time.sleep(0.05)


def _open(settings: Settings, probes: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    openings = list(load.openings(ACCOUNTS, now_ms))
    accounts = openings[0::2] + [
        _event("account.opened", f"o{probe}", probe, now_ms, {"profile": "flexai", "email": _mailbox(probe)})
        for probe in range(probes)
    ]
    load.write_single(settings.kafka_client_config(), settings.topic("account.events"), accounts)
    load.write_single(settings.kafka_client_config(), settings.topic("payment.events"), openings[1::2])


def _event(kind: str, event_id: str, probe: int, time_ms: int, data: dict[str, Any]) -> load.Sent:
    account = f"probe-{probe}"
    envelope = {
        "specversion": "1.0", "id": event_id, "source": "probe", "type": kind, "subject": account,
        "time": instant_text(time_ms), "datacontenttype": "application/json", "data": data,
    }  # fmt: skip
    return account, msgspec.json.encode(envelope)


def _send(settings: Settings, rate: int, duration_s: float, probes: int) -> list[tuple[int, float]]:
    """Send `rate` requests a second, one in `rate / PROBES_PER_S` of them a probe; which probe was sent when."""
    own = {"linger.ms": 5, "partitioner": "murmur2_random", "enable.idempotence": True}
    producer = Producer({**settings.kafka_client_config(), **own})
    topic, every = settings.topic("usage.events"), rate // PROBES_PER_S
    start_ms = time.time_ns() // 1_000_000
    others = list(load.requests(int(rate * duration_s), ACCOUNTS, start_ms=start_ms))
    # Not in step with anything that goes on once in so many milliseconds.
    draw = random.Random(1)
    places = {number * every + draw.randrange(every): number for number in range(probes)}
    sent, started_s = [], time.monotonic()
    for number, (account, raw) in enumerate(others):
        if (ahead_s := started_s + number / rate - time.monotonic()) > 0.002:
            producer.poll(0)
            time.sleep(ahead_s)
        if (probe := places.get(number)) is None:
            producer.produce(topic, raw, account)
            continue
        data = {"request": "r", "model": "llama-3.3-70b", "input_tokens": _TOKENS}
        name, crossing = _event("request.served", "r", probe, time.time_ns() // 1_000_000, data)
        sent.append((probe, time.monotonic()))
        producer.produce(topic, crossing, name)
    producer.flush(30)
    return sent


def main() -> None:
    """Start a broker, measure, print JSON."""
    with with_broker() as settings:
        print(json.dumps(run(settings), indent=2))


if __name__ == "__main__":
    main()
