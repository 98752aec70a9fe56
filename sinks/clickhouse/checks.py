"""Whether a record is what its topic holds, checked in Python before the engine sees it. Pure.

The engine parses decimal strings exactly, but it cuts a 13th decimal without a word, takes `1e5`, and reads
many things as a time; so the contract's form is checked here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from schemas.wire import output_struct
from sinks.clickhouse import tables
from sinks.clickhouse.tables import Table

DECIMAL_LINES: Final = re.compile(r"(?:-?\d{1,26}(?:\.\d{1,12})?\n)*", re.ASCII)
INSTANT_LINES: Final = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n)*", re.ASCII)


class BadRecord(Exception):
    """A record that is not what its topic holds, with the reason in words."""


def _attributes(names: Sequence[str]) -> tuple[Callable[[Any], str | None], ...]:
    return tuple(attrgetter(name) for name in names)


DECIMALS: Final = {table.name: _attributes(table.decimals) for table in tables.TABLES}
INSTANTS: Final = {table.name: _attributes(table.instants) for table in tables.TABLES}


def _decoder(table: Table) -> msgspec.json.Decoder[Any]:
    record: Any = output_struct(table.model)
    return msgspec.json.Decoder(list[record] if table.packed else record)


_DECODERS: Final = {table.name: _decoder(table) for table in tables.TABLES}


def decode(table: Table, value: bytes) -> Any:
    """The struct (a list of them in a packed topic) in `value`. Raises `BadRecord`."""
    try:
        return _DECODERS[table.name].decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRecord(str(error)) from None


def check(table: Table, records: Sequence[Any]) -> None:
    """Raises `BadRecord` where a decimal or a time of `records` has not the contract's form."""
    # One match over all values of a field: a match for each costs five times as much.
    for kind, form, fields in (("decimal", DECIMAL_LINES, DECIMALS), ("time", INSTANT_LINES, INSTANTS)):
        for field in fields[table.name]:
            texts = [text for text in map(field, records) if text is not None]
            check_texts(kind, form, texts)


def check_texts(kind: str, form: re.Pattern[str], texts: Sequence[str]) -> None:
    """As `check`, for texts of one `kind` that a struct does not hold as fields."""
    joined = "\n".join(texts) + "\n"
    # A line end inside a text would pass for two texts.
    if texts and (form.fullmatch(joined) is None or joined.count("\n") != len(texts)):
        bad = next((text for text in texts if "\n" in text or form.fullmatch(text + "\n") is None), "")
        raise BadRecord(f"{bad[:60]!r} is no {kind} of the contract")
