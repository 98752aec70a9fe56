"""CSV: a heading, and the rows of one export after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.exports.stream import Export, Form


def pieces(client: Client, exports: Sequence[Export]) -> Iterator[bytes]:
    """The bytes of the file; all `exports` have the same columns. Raises `ClickHouseError`."""
    yield exports[0].empty(client, Form.NAMES)
    for export in exports:
        yield from export.rows(client)
