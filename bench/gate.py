"""The gate: decisions a second, how long one takes at 1,000 a second, how soon a top-up opens it, memory.

Decisions are told by the clock and by the processor time of the service, which other work on the machine does not
change. Everything is asked over HTTP of the real part `http`. `python -m bench.gate` prints the figures as JSON; needs `wrk`
(`bash infra/prerequisites.sh bench`).
"""

from __future__ import annotations

import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import psutil
from confluent_kafka import Producer

from bench.broker import with_broker
from infra.settings import Settings
from infra.topics import create_topics
from schemas.topics import ACCOUNT_EVENTS, BALANCES, PAYMENT_EVENTS, USAGE_EVENTS
from schemas.values import instant_text
from tests.servers import needed, running_part

ACCOUNTS: Final = 20_000
MEMORY_ACCOUNTS: Final = 200_000
CONNECTIONS: Final = 32
_DEADLINE_S: Final = 60.0
# As many keys as there are accounts, so that answers are 200 and 402, and few are 429.
_LUA: Final = """
local n = 0
request = function()
    n = n + 1
    return wrk.format("GET", "/v1/authorize", {{["Authorization"] = "Bearer sk-" .. (n % {accounts})}})
end
{more}
"""
_UNITS_MS: Final = {"us": 0.001, "ms": 1.0, "s": 1_000.0}


def run(base: Settings, *, duration_s: int = 10, topups: int = 100) -> dict[str, float]:
    """The gate's figures of `build/bench.json`; `base` reaches a running broker."""
    with _gate_alone(base) as (settings, service):
        before_s = _cpu_s(service)
        decisions, _ = _wrk(settings, duration_s)
        worked_s = _cpu_s(service) - before_s
        # Each connection waits between two requests, so that together they make 1,000 a second.
        with _undisturbed(service):
            paced, p99_ms = _wrk(settings, duration_s, f"delay = function() return {CONNECTIONS - 1} end")
    with _pipeline(base) as settings:
        waits = [_seconds_to_open(settings, number) for number in range(topups)]
    cuts = statistics.quantiles(waits, n=100)
    return {
        "gate_decisions_per_s": round(decisions),
        "gate_decisions_per_core_s": round(decisions * duration_s / worked_s),
        "gate_paced_per_s": round(paced),
        "gate_p99_ms_at_1000": round(p99_ms, 2),
        "gate_opens_p50_s": round(cuts[49], 3),
        "gate_opens_p99_s": round(cuts[98], 3),
        "gate_bytes_per_account": _bytes_per_account("view"),
        "advice_bytes_per_account": _bytes_per_account("places"),
    }


# --- decisions -------------------------------------------------------------------------------------------


def _balance(number: int) -> tuple[str, bytes]:
    """A balance record of one account with one key, a tenth of them without credit."""
    account = f"acct-{number:07d}"
    amount = "-0.20" if number % 10 == 0 else "12.345678"
    record = {
        "id": f"bal_{account}_9_1", "account": account, "time": "2026-11-01T00:00:00.000Z",
        "cause": {"source": "bench", "id": "1"}, "profile": "flexai", "balance": amount, "currency": "USD",
        "buckets": {"paid": amount}, "flags": [], "keys": {f"sk-{number}": "paid"}, "seq": 9,
    }  # fmt: skip
    return account, msgspec.json.encode(record)


@contextmanager
def _gate_alone(base: Settings) -> Iterator[tuple[Settings, psutil.Process]]:
    """The HTTP service, with balances that nobody changes."""
    settings = base.model_copy(update={"namespace": "bench_gate"})
    create_topics(settings)
    producer = _producer(settings)
    for number in range(ACCOUNTS):
        account, value = _balance(number)
        producer.produce(settings.topic(BALANCES), value, account)
        producer.poll(0)
    producer.flush(60)
    with running_part(settings, "http") as process:
        _wait_for(settings, f"sk-{ACCOUNTS - 1}", 200)
        yield settings, psutil.Process(process.pid)


def _cpu_s(service: psutil.Process) -> float:
    """Processor time so far, the threads that read Kafka included."""
    used = service.cpu_times()
    return float(used.user + used.system)


@contextmanager
def _undisturbed(service: psutil.Process) -> Iterator[None]:
    """The service and what asks it are given the processor when they want it, so that a latency is the gate's own and
    not that of other work on the machine. Where that is not allowed it is measured as it comes.
    """
    threads = [0, *(thread.id for thread in service.threads())]
    try:
        _schedule(threads, os.SCHED_FIFO, 1)
    except PermissionError:
        print(
            "not allowed to set priorities: other work on this machine shows in the latency", file=sys.stderr
        )
    try:
        yield
    finally:
        _schedule(threads, os.SCHED_OTHER, 0)


def _schedule(threads: list[int], policy: int, priority: int) -> None:
    for thread in threads:
        with suppress(ProcessLookupError):
            os.sched_setscheduler(thread, policy, os.sched_param(priority))


def _wrk(settings: Settings, duration_s: int, more: str = "") -> tuple[float, float]:
    """(requests a second, p99 in ms) as wrk tells them; a response that is not the gate's is an error."""
    script = settings.data_dir / "wrk.lua"
    script.write_text(_LUA.format(accounts=ACCOUNTS, more=more))
    url = f"http://127.0.0.1:{settings.http_port}"
    command = [
        needed("wrk"),
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{duration_s}",
        "--latency",
        "-s",
        str(script),
        url,
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Socket errors" in said:
        raise RuntimeError(said)
    per_s = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if per_s is None or p99 is None:
        raise RuntimeError(f"wrk said: {said}")
    return float(per_s[1]), float(p99[1]) * _UNITS_MS[p99[2]]


# --- a top-up opens the gate -----------------------------------------------------------------------------


@contextmanager
def _pipeline(base: Settings) -> Iterator[Settings]:
    """Ingest, a worker and the HTTP service."""
    settings = base.model_copy(update={"namespace": "bench_opens"})
    create_topics(settings)
    with ExitStack() as stack:
        for part in ("ingest", "worker-0", "http"):
            stack.enter_context(running_part(settings, part))
        yield settings


def _seconds_to_open(settings: Settings, number: int) -> float:
    """From producing a payment of an account without credit to the first 200 for its key."""
    account, key = f"poor-{number}", f"sk-poor-{number}"
    model = {"request": "r", "model": "llama-3.3-70b", "input_tokens": 51_000_000}
    _send(settings, ACCOUNT_EVENTS, account, "account.opened", profile="flexai", email="a@example.org")
    _send(settings, ACCOUNT_EVENTS, account, "key.created", key=key)
    _wait_for(settings, key, 200)
    _send(settings, USAGE_EVENTS, account, "request.served", **model)
    _wait_for(settings, key, 402)
    started_s = time.monotonic()
    payment = {"payment": "p", "method": "card", "amount": "5.00", "currency": "USD"}
    _send(settings, PAYMENT_EVENTS, account, "payment.succeeded", **payment)
    _wait_for(settings, key, 200)
    return time.monotonic() - started_s


def _send(settings: Settings, topic: str, account: str, kind: str, **body: object) -> None:
    envelope = {
        "specversion": "1.0", "id": kind, "source": "bench", "type": kind, "subject": account,
        "time": instant_text(time.time_ns() // 1_000_000), "data": body,
    }  # fmt: skip
    producer = _producer(settings)
    producer.produce(settings.topic(topic), msgspec.json.encode(envelope), account)
    producer.flush(30)


def _producer(settings: Settings) -> Producer:
    return Producer({**settings.kafka_client_config(), "partitioner": "murmur2_random", "linger.ms": 0})


def _wait_for(settings: Settings, key: str, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", settings.http_port)
    deadline_s = time.monotonic() + _DEADLINE_S
    try:
        while time.monotonic() < deadline_s:
            connection.request("GET", "/v1/authorize", headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == status:
                return
            time.sleep(0.002)
    finally:
        connection.close()
    raise RuntimeError(f"{key} was not answered with {status} within {_DEADLINE_S:g} s")


# --- memory ----------------------------------------------------------------------------------------------


def _bytes_per_account(what: str) -> int:
    """Measured in a process of its own, whose memory nothing else grows."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.gate", what],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    return int(done.stdout)


def _grow_view() -> None:
    from infra.books import load_book
    from sinks.http.gate.policy import policies_of
    from sinks.http.gate.view import BalanceView

    view = BalanceView(policies_of(offer.profile for offer in load_book().offers.values()))
    view.take(b"", _balance(0)[1])
    before = psutil.Process().memory_info().rss
    for number in range(1, MEMORY_ACCOUNTS + 1):
        view.take(b"", _balance(number)[1])
    print((psutil.Process().memory_info().rss - before) // MEMORY_ACCOUNTS)


def _grow_places() -> None:
    from infra.http.states import Places
    from streams.codec import pack_account
    from streams.core.state import Account

    places, frame = Places(), pack_account(Account("a", journal_offset=1_000_000))
    before = psutil.Process().memory_info().rss
    for number in range(MEMORY_ACCOUNTS):
        places.note(0, number, b"acct-%07d" % number, frame)
    print((psutil.Process().memory_info().rss - before) // MEMORY_ACCOUNTS)


def main() -> None:
    """Start a broker, measure, print JSON; or grow one thing and say how many bytes an account takes."""
    grow = {"view": _grow_view, "places": _grow_places}
    if len(sys.argv) > 1:
        grow[sys.argv[1]]()
        return
    with with_broker() as settings:
        print(json.dumps(run(settings), indent=2))


if __name__ == "__main__":
    main()
