"""Parquet, made of the same rows as CSV, a row group at a time: no more is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BufferedReader, BytesIO, RawIOBase
from typing import IO, Any, Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from pyarrow import csv, parquet

from sinks.clickhouse.exports.stream import Export, Form

READ_BYTES: Final = 1 << 20
# A group's description of its columns is held to the end of the file: few groups, and none too large.
ROWS_A_GROUP: Final = 25_000


def write(client: Client, exports: Sequence[Export], target: IO[bytes]) -> None:
    """The rows of all `exports`, which have the same columns, into `target`. Raises `ClickHouseError`.

    Types are those that ClickHouse has for Parquet: amounts stay exact decimals.
    """
    types = parquet.read_schema(BytesIO(exports[0].empty(client, Form.TYPES)))
    # What the first export always has the next may lack.
    schema = pa.schema([field.with_nullable(nullable=True) for field in types])
    with parquet.ParquetWriter(target, schema) as writer:
        for export in exports:
            for group in _groups(_batches(export.rows(client), schema)):
                writer.write_table(pa.Table.from_batches(group))


def _groups(batches: Iterator[Any]) -> Iterator[list[Any]]:
    group: list[Any] = []
    for batch in batches:
        group.append(batch)
        if sum(each.num_rows for each in group) >= ROWS_A_GROUP:
            yield group
            group = []
    if group:
        yield group


def _batches(rows: Iterator[bytes], schema: Any) -> Iterator[Any]:
    reader = BufferedReader(_Pieces(rows))
    if not reader.peek(1):
        return
    # Arrow's reader of CSV knows no decimals of 256 bits; its cast from text does.
    types = {
        field.name: pa.string() if pa.types.is_decimal256(field.type) else field.type for field in schema
    }
    batches = csv.open_csv(
        reader,
        # In this thread: what ClickHouse refuses on the way is raised here.
        read_options=csv.ReadOptions(column_names=schema.names, block_size=READ_BYTES, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=types,
            # ClickHouse quotes every text, also an empty one; what has no value is nothing at all.
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    for batch in batches:
        yield batch.cast(schema)


class _Pieces(RawIOBase):
    """Pieces of bytes as a file that is read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, b""

    def readable(self) -> bool:
        """Nothing else can be done with it."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As much as is at hand; 0 at the end."""
        self._left = self._left or next(self._pieces, b"")
        taken = min(len(buffer), len(self._left))
        buffer[:taken], self._left = self._left[:taken], self._left[taken:]
        return taken
