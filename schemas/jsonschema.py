"""The published JSON Schemas: one file for each event type and each record, made from the pydantic models.

`python -m schemas.jsonschema` writes `schemas/json/*.json`; a test compares them with the models. An event's
schema is that of the whole structured CloudEvent. What a JSON Schema cannot say (identity, state, precedence of
reasons) is in the contract.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas import events, records

FOLDER = Path(__file__).parent / "json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
RECORDS: dict[str, type[BaseModel]] = {
    "charge": records.Charge,
    "entry": records.Entry,
    "balance": records.Balance,
    "window_costs": records.WindowCosts,
    "notice": records.Notice,
    "delivery": records.Delivery,
    "command": records.Command,
    "rejection": records.Rejection,
}


def schema_of_event(kind: str) -> dict[str, Any]:
    """The schema of a structured CloudEvent of type `kind`."""
    data = _without_nulls(events.TYPES[kind].model_json_schema())
    definitions = data.pop("$defs", {})
    envelope = events.CloudEvent.model_json_schema()
    properties = envelope["properties"] | {"type": {"const": kind}, "data": data}
    properties["datacontenttype"] = {"type": "string", "pattern": "^application/json"}
    return {
        "$schema": DIALECT,
        "$id": f"urn:meterstream:event:{kind}",
        "title": kind,
        "description": events.TYPES[kind].__doc__,
        "type": "object",
        "properties": properties,
        # A type without fields needs no data.
        "required": [
            name for name in envelope["required"] if name != "data" or events.TYPES[kind].model_fields
        ],
        **({"$defs": definitions} if definitions else {}),
    }


def schema_of_record(name: str) -> dict[str, Any]:
    """The schema of an output record; absent rather than null where a field is optional."""
    schema = _without_nulls(RECORDS[name].model_json_schema(), keep={"Rejection"})
    return {"$schema": DIALECT, "$id": f"urn:meterstream:record:{name}", **schema}


def _without_nulls(schema: Any, keep: frozenset[str] | set[str] = frozenset()) -> Any:
    """Optional fields are left out, never null: `anyOf [x, null]` becomes x. Kept as they are in models of `keep`."""
    if isinstance(schema, list):
        return [_without_nulls(each, keep) for each in schema]
    if not isinstance(schema, dict) or schema.get("title") in keep:
        return schema
    cleaned = {
        name: _without_nulls(value, keep)
        for name, value in schema.items()
        if (name, value) != ("default", None)
    }
    options = cleaned.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        rest = [option for option in options if option != {"type": "null"}]
        del cleaned["anyOf"]
        cleaned = {**(rest[0] if len(rest) == 1 else {"anyOf": rest}), **cleaned}
    return cleaned


def documents() -> Iterator[tuple[str, str]]:
    """(file name, content) of every schema."""
    named = {f"event.{kind}.json": schema_of_event(kind) for kind in events.TYPES}
    named |= {f"record.{name}.json": schema_of_record(name) for name in RECORDS}
    for name, schema in sorted(named.items()):
        yield name, json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path = FOLDER) -> None:
    """Write every schema, and remove those of types that are no more."""
    folder.mkdir(exist_ok=True)
    wanted = dict(documents())
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
