"""Stage 3 of 6, disks: the disk that belongs to an instance, from its start until it is released. Pure.

GG-27: the selected quota is billed, not what is used of it. A restart or a sample with other gigabytes changes it from
then on. What a package pays of it is left out of the gauge (GG-25, R-NL4).
"""

from __future__ import annotations

from decimal import Decimal

from schemas.events import CapacitySampled
from schemas.records import Reason
from streams.core import gauges
from streams.core.amounts import ZERO
from streams.core.capacity import add_sample, level_at
from streams.core.state import Gauge, Resource
from streams.core.timers import DISK
from streams.core.turn import Refusal, Turn


def sampled(turn: Turn, data: CapacitySampled, time_ms: int) -> Refusal | None:
    """Stored gigabytes: of an instance's disk, which belongs to the instance, or of a thing of its own."""
    if data.sku != turn.offer.profile.sessions.disk_sku:
        return gauges.sampled(turn, data, time_ms)
    resource = turn.account.resources[data.resource]
    if resource.released_ms <= time_ms:
        return Refusal(Reason.RESOURCE_STATE, f"{data.resource} is released")
    set_size(turn, data.resource, resource, data.gb, time_ms)
    return None


def set_size(turn: Turn, name: str, resource: Resource, gb: Decimal, time_ms: int) -> None:
    """The disk has so many gigabytes from `time_ms` until it is released or changed."""
    sku = turn.offer.profile.sessions.disk_sku
    if sku is None:
        return
    disk = of(resource, sku)
    gauges.change_gauge(turn, name, disk, time_ms, lambda: add_sample(disk, time_ms, gb), DISK)


def of(resource: Resource, sku: str) -> Gauge:
    """The resource's disk; one that is heard of late has ended with its instance."""
    if resource.disk is None:
        resource.disk = Gauge(sku, deleted_ms=resource.released_ms)
    return resource.disk


def size_at(resource: Resource, time_ms: int) -> Decimal:
    """How many gigabytes it has at `time_ms`; 0 without a disk."""
    return ZERO if resource.disk is None else level_at(resource.disk, time_ms)


def end(turn: Turn, name: str, resource: Resource, time_ms: int) -> None:
    """The disk ends with its instance (GG-23); its last window is settled at its regular end."""
    disk = resource.disk
    if disk is None or disk.deleted_ms <= time_ms:
        return

    def mark() -> None:
        disk.deleted_ms = time_ms

    gauges.change_gauge(turn, name, disk, time_ms, mark, DISK)
