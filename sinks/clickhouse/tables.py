"""Which topic lands in which table. Pure.

A table's columns are the fields of the record (schemas.records), by the same names, and Kafka's coordinates;
the few that differ are made in `rows`. The SQL is in `migrations/`. The journal lands too: the requests and the
events of resources in it (`accepted`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, get_type_hints

from pydantic import BaseModel

from schemas import events, records, topics
from schemas.values import DecimalText, InstantText

COORDINATES: Final = ("kafka_partition", "kafka_offset")


@dataclass(frozen=True, slots=True)
class Table:
    """Where the records of one topic go."""

    topic: str
    name: str
    model: type[BaseModel]
    packed: bool
    columns: tuple[str, ...]
    decimals: tuple[str, ...]
    instants: tuple[str, ...]


def fields_of(model: type[BaseModel], kind: Any) -> tuple[str, ...]:
    """Names of the fields of `model` that are of the annotated type `kind`, optional ones included."""
    hints = get_type_hints(model, include_extras=True)
    return tuple(name for name, hint in hints.items() if hint in (kind, kind | None))


def _table(topic: str, name: str, model: type[BaseModel], *, without: tuple[str, ...] = ()) -> Table:
    return Table(
        topic=topic,
        name=name,
        model=model,
        packed=topics.BY_NAME[topic].packing == "array of records",
        columns=(*COORDINATES, *(field for field in model.model_fields if field not in without)),
        decimals=fields_of(model, DecimalText),
        instants=fields_of(model, InstantText),
    )


def _windows(topic: str, name: str, *more: str) -> Table:
    head = ("account", "time", "profile", "currency", "start", "end", "version", "zone", *more)
    columns = (*COORDINATES, *head, *records.CostLine.model_fields)
    decimals, instants = fields_of(records.CostLine, DecimalText), fields_of(records.WindowCosts, InstantText)
    return Table(
        topic, name, records.WindowCosts, packed=False, columns=columns, decimals=decimals, instants=instants
    )


CHARGES: Final = _table(topics.CHARGES, "charges", records.Charge)
ENTRIES: Final = _table(topics.LEDGER, "entries", records.Entry)
BALANCES: Final = _table(topics.BALANCES, "balances", records.Balance)
HOURLY: Final = _windows(topics.HOURLY, "hourly_costs")
DAILY: Final = _windows(topics.DAILY, "daily_costs", "day")
# The address is personal and nothing here needs it.
NOTICES: Final = _table(topics.NOTICES, "notices", records.Notice, without=("email",))
# Currency and end of a refill are for whoever carries it out.
COMMANDS: Final = _table(topics.COMMANDS, "commands", records.Command, without=("currency", "until"))
REJECTIONS: Final = _table(topics.REJECTIONS, "rejections", records.Rejection)
DELIVERIES: Final = _table(topics.DELIVERIES, "deliveries", records.Delivery)

# In the order in which a batch is inserted: what explains a balance is there before the balance.
TABLES: Final = (CHARGES, ENTRIES, HOURLY, DAILY, BALANCES, NOTICES, COMMANDS, REJECTIONS, DELIVERIES)
BY_TOPIC: Final = {table.topic: table for table in TABLES}
# What the sink reads: every output topic, and the journal.
TOPICS: Final = (*BY_TOPIC, topics.JOURNAL_TOPIC)

# Tables without a record of their own, with the columns that are written, in the order of a batch.
REQUESTS: Final = "requests"
RESOURCE_EVENTS: Final = "resource_events"
CLOCKS: Final = "clocks"
LANDINGS: Final = "landings"
DEAD_LETTERS: Final = "dead_letters"
_EVENT: Final = (*COORDINATES, "account", "time", "source", "id")
REQUEST_COLUMNS: Final = (*_EVENT, *events.RequestServed.model_fields)
RESOURCE_EVENT_COLUMNS: Final = (
    *_EVENT,
    "type",
    "resource",
    "sku",
    "mode",
    "model",
    "replicas",
    "detail",
    "position",
)
DEAD_LETTER_COLUMNS: Final = ("topic", *COORDINATES, "position", "time", "reason", "value")
# What journal records give, by account: with TABLES it is all that can be made anew from the journal.
JOURNALED: Final = {REQUESTS: REQUEST_COLUMNS, RESOURCE_EVENTS: RESOURCE_EVENT_COLUMNS}
# Made by the engine itself as rows come in.
DERIVED: Final = ("last_lines", "account_zones")
# Every table that can be emptied and comes back from the journal.
REBUILT: Final = (*(table.name for table in TABLES), *JOURNALED, *DERIVED)
COLUMNS: Final = {
    **{table.name: table.columns for table in TABLES},
    **JOURNALED,
    CLOCKS: (*COORDINATES, "time"),
    # After the charges: what it says of them holds when it is there.
    LANDINGS: ("charges", "oldest", "newest", "sent"),
    DEAD_LETTERS: DEAD_LETTER_COLUMNS,
}
