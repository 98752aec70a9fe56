"""Events over HTTP: how many a second one process of the service takes, in batches of 100, each acknowledged by Kafka.

The service runs as it does in a pipeline, a process of its own; clients are kept cheap (raw sockets, bodies made
before) because they share its cores. `python -m bench.http_events` prints the figures as JSON.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence

import psutil

from bench import load
from bench.broker import with_broker
from infra.settings import Settings
from infra.topics import create_topics
from tests.servers import running_part

BATCH = 100
CLIENTS = 8
ACCOUNTS = 1_000


def run(base: Settings, *, events: int = 200_000) -> dict[str, float]:
    """Events a second, by the clock and by the processor time of the service; `base` reaches a running broker."""
    settings = base.model_copy(update={"namespace": "bench_http", "clickhouse_database": "bench_http"})
    create_topics(settings)
    made = [raw for _, raw in load.requests(events, ACCOUNTS, start_ms=time.time_ns() // 1_000_000 - 60_000)]
    requests = [_request(made[start : start + BATCH]) for start in range(0, events, BATCH)]
    with running_part(settings, "http") as process:
        service = psutil.Process(process.pid)
        _send(settings, requests[: len(requests) // 10])
        before, started = sum(service.cpu_times()[:2]), time.monotonic()
        _send(settings, requests)
        took, worked = time.monotonic() - started, sum(service.cpu_times()[:2]) - before
    return {
        "http_events_per_s": round(events / took),
        "http_events_per_core_s": round(events / worked),
    }


def _request(events: Sequence[bytes]) -> bytes:
    body = b"[" + b",".join(events) + b"]"
    head = (
        "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/cloudevents-batch+json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _send(settings: Settings, requests: Sequence[bytes]) -> None:
    async def send_all() -> None:
        await asyncio.gather(*(_client(settings, requests[number::CLIENTS]) for number in range(CLIENTS)))

    asyncio.run(send_all())


async def _client(settings: Settings, requests: Sequence[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.http_port)
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(head.decode())
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(int(length.partition(b":")[2]))
    writer.close()
    await writer.wait_closed()


def main() -> None:
    """Start a broker, measure, print JSON."""
    with with_broker() as settings:
        print(json.dumps(run(settings), indent=2))


if __name__ == "__main__":
    main()
