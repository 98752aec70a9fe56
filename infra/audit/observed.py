"""What the others hold: the worker's states, the balances topic, ClickHouse, ingest's counters. Reads, writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from infra.audit.running import Mark
from infra.audit.topics import Place, Topics
from infra.errors import CommandFailed
from infra.settings import Settings
from infra.store import store_errors
from schemas.topics import ACCOUNTS, BALANCES, INPUTS
from sinks.clickhouse.client import ClickHouseError, connect, translated
from streams.codec import is_newer
from streams.ingest.counters import Counters, counters_of

STORED_CHARGES: Final = "ClickHouse charges"
STORED_ENTRIES: Final = "ClickHouse entries"
STORED_HOURS: Final = "ClickHouse hourly_costs"
STORED_DAYS: Final = "ClickHouse daily_costs"
# Sums as Decimal256: Decimal(38, 12) overflows without a word.
_LINES: Final = (
    "SELECT account, count(), toString(sum(toDecimal256(amount, 12))) FROM {} FINAL GROUP BY account"
)
# A window's version is the number of the account's charges so far, and each charge is in one window.
_WINDOWS: Final = (
    "SELECT account, max(version), toString(sum(toDecimal256(amount, 12))) FROM {} FINAL GROUP BY account"
)
_BALANCES: Final = "SELECT account, seq, toString(balance), mapApply((k, v) -> (k, toString(v)), buckets) FROM balances FINAL"


@dataclass
class Stored:
    """What ClickHouse holds, by account."""

    charges: dict[str, list[Mark]] = field(default_factory=dict)
    entries: dict[str, list[Mark]] = field(default_factory=dict)
    balances: dict[str, tuple[int, Decimal, Mapping[str, Decimal]]] = field(default_factory=dict)
    dead_letters: int = 0
    gaps: int = 0


def open_client(settings: Settings) -> Client:
    """A client of this namespace's database; raises CommandFailed where it does not answer."""
    with store_errors(settings):
        return connect(settings.clickhouse_dsn.get_secret_value(), settings.clickhouse_database)


def ask(client: Client, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
    """The rows of an answer; raises CommandFailed where there is none."""
    try:
        with translated():
            return [tuple(row) for row in client.query(sql, parameters=parameters).result_rows]
    except ClickHouseError as error:
        raise CommandFailed(f"ClickHouse: {error}") from None


def stored(client: Client) -> Stored:
    """All sums of ClickHouse."""
    found = Stored()
    for where, sql, marks in (
        (STORED_CHARGES, _LINES.format("charges"), found.charges),
        (STORED_HOURS, _WINDOWS.format("hourly_costs"), found.charges),
        (STORED_DAYS, _WINDOWS.format("daily_costs"), found.charges),
        (STORED_ENTRIES, _LINES.format("entries"), found.entries),
    ):
        for account, count, total in ask(client, sql):
            marks.setdefault(account, []).append(Mark(where, int(count), Decimal(total)))
    for account, seq, balance, buckets in ask(client, _BALANCES):
        found.balances[account] = (
            int(seq),
            Decimal(balance),
            {name: Decimal(text) for name, text in buckets.items()},
        )
    found.dead_letters = int(ask(client, "SELECT count() FROM dead_letters FINAL")[0][0])
    found.gaps = int(ask(client, "SELECT count() FROM gaps")[0][0])
    return found


def frames(topics: Topics, partition: int, end: int) -> dict[str, bytes]:
    """The newest frame of each account in one partition of the worker's changelog."""
    newest: dict[str, bytes] = {}
    for record in topics.read(ACCOUNTS, partition, end):
        name = record.key.decode()
        if not record.value:
            newest.pop(name, None)
        elif (known := newest.get(name)) is None or is_newer(record.value, known):
            newest[name] = record.value
    return newest


def balances(topics: Topics, partition: int, end: int) -> dict[str, bytes]:
    """The last balance record of each account in one partition."""
    return {record.key.decode(): record.value for record in topics.read(BALANCES, partition, end)}


def counters(topics: Topics, partitions: int) -> dict[Place, Counters]:
    """What ingest has counted, by input and partition."""
    found = topics.committed("ingest", INPUTS, partitions)
    return {place: counters_of(committed.metadata) for place, committed in found.items()}


def of_partition(marks: Mapping[str, list[Mark]], accounts: Iterable[str]) -> dict[str, list[Mark]]:
    """The claims about `accounts`."""
    return {name: list(marks[name]) for name in accounts if name in marks}
