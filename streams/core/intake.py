"""Stage 1 of 6, intake: what only the price book can tell of an event's form. Pure."""

from __future__ import annotations

from schemas.wire import Event

ASKS_FOR_A_MACHINE = frozenset({"instance.started", "instance.requested"})


def shape_fault(event: Event, spec_skus: frozenset[str]) -> str | None:
    """Why the event is `schema_invalid`: a sku priced by its specification comes without one (contract 8.3)."""
    if event.type in ASKS_FOR_A_MACHINE and event.data.sku in spec_skus and event.data.spec is None:
        return f"data.spec: Field required for sku {event.data.sku!r}"
    return None
