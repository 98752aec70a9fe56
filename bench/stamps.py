"""How fast a worker is, told from outside by the timestamps of what it writes: the same measure for ours and the peers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from subprocess import Popen
from typing import Any, NamedTuple

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

_IDLE_S = 60.0


class Speed(NamedTuple):
    """How fast, and at what cost: the processor time of the whole process, its network threads included."""

    events_per_s: float
    cpu_us_per_event: float


def speed(
    config: Mapping[str, Any], topic: str, partitions: int, charges: int, events: int, process: Popen[bytes]
) -> Speed:
    """`events`, which come to `charges` records in `topic`, over first to last timestamp.

    A message holds one record, or an array of them. Raises RuntimeError where `process` ends or stands still.
    """
    consumer = Consumer({**config, "group.id": "bench", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    seen, first, last, quiet_since = 0, 1 << 62, 0, time.monotonic()
    cpu_s = 0.0
    while seen < charges:
        messages = consumer.consume(500, 1.0)
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            cpu_s = cpu_s or _cpu_s(process)
            seen += (message.value() or b"").count(b'"meter":')
            stamp = message.timestamp()[1]
            first, last = min(first, stamp), max(last, stamp)
        if messages:
            quiet_since = time.monotonic()
        elif process.poll() is not None or time.monotonic() - quiet_since > _IDLE_S:
            raise RuntimeError(f"{process.args!r} gave {seen} of {charges} charges and no more")
    cpu_s = _cpu_s(process) - cpu_s
    consumer.close()
    return Speed(events / max(0.001, (last - first) / 1000), cpu_s / events * 1e6)


def _cpu_s(process: Popen[bytes]) -> float:
    used = psutil.Process(process.pid).cpu_times()
    return used.user + used.system
