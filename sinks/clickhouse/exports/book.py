"""The beancount book of a span, its rows streamed from ClickHouse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client

from sinks.clickhouse.client import translated
from sinks.clickhouse.exports.beancount import Held, Posting, book
from sinks.clickhouse.exports.stream import SETTINGS, Seller, Span, seller_parameters, statement


def lines(client: Client, span: Span, sellers: Sequence[Seller]) -> Iterator[str]:
    """The book's directives; raises `ClickHouseError`, also while rows are on their way."""
    wanted = {**span.parameters(), **seller_parameters(sellers)}
    opening, closing = (_held(client, day) for day in (span.start, span.end))
    postings = (Posting(*row) for row in _rows(client, "beancount_postings", wanted))
    return book(span.start, span.end, opening, postings, closing)


def _held(client: Client, day: date) -> Iterator[Held]:
    return (Held(*row) for row in _rows(client, "beancount_balances", {"day": f"{day} 00:00:00"}))


def _rows(client: Client, name: str, parameters: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    with (
        translated(),
        client.query_rows_stream(
            statement(name), parameters=dict(parameters), settings=dict(SETTINGS)
        ) as rows,
    ):
        yield from rows
