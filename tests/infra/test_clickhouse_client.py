"""The engine behind ClickHouse's HTTP interface, asked by clickhouse-connect as the sink and the reports ask."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from infra.settings import Settings

pytestmark = pytest.mark.clickhouse

COLUMNS = ["id", "name", "amount", "at"]
NOON = datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=UTC)


def connect(settings: Settings, *, compress: bool | str = True) -> Client:
    dsn = settings.clickhouse_dsn.get_secret_value()
    return clickhouse_connect.get_client(dsn=dsn, compress=compress, tz_mode="aware")


@pytest.fixture
def client(engine: Settings) -> Iterator[Client]:
    found = connect(engine)
    found.command("DROP TABLE IF EXISTS entries")
    found.command(
        "CREATE TABLE entries (id UInt64, name String, amount Decimal(38, 12), at DateTime64(3, 'UTC'))"
        " ENGINE = MergeTree ORDER BY id"
    )
    yield found
    found.close()


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_rows_come_back_as_they_were_inserted_in_every_compression(
    engine: Settings, client: Client, compress: bool | str
) -> None:
    rows = [
        [number, f"n'{number}\\", Decimal("-12345678901234567890123456.000000000001"), NOON]
        for number in range(70_000)
    ]

    summary = connect(engine, compress=compress).insert("entries", rows, column_names=COLUMNS)

    found = client.query("SELECT * FROM entries ORDER BY id").result_rows
    assert summary.written_rows == 70_000
    assert found == [tuple(row) for row in rows]


@pytest.mark.parametrize("compress", [None, "gzip", "lz4", "zstd"])
def test_raw_inserts_carry_their_statement_in_body_or_url(client: Client, compress: str | None) -> None:
    from tests.infra.test_encoding import COMPRESS

    body = COMPRESS[compress or ""](b"1\ta\n2\tb\n")

    client.raw_insert("entries", ["id", "name"], body, fmt="TSV", compression=compress)

    assert client.query("SELECT id, name FROM entries ORDER BY id").result_rows == [(1, "a"), (2, "b")]


def test_a_refused_insert_leaves_nothing(client: Client) -> None:
    with pytest.raises(DatabaseError) as refused:
        client.raw_insert("entries", ["id", "name"], b"1\ta\nnot-a-number\tb\n", fmt="TSV")

    assert refused.value.code == 27
    assert client.command("SELECT count() FROM entries") == 0


def test_parameters_are_bound_by_the_server(client: Client) -> None:
    nasty = "it's \\ \n\t'; DROP TABLE entries; --"
    parameters = {"s": nasty, "a": [1, 2], "d": Decimal("1.5"), "t": NOON, "long": "x" * 100_000}

    row = client.query(
        "SELECT {s:String}, {a:Array(UInt8)}, {d:Decimal(38, 12)}, {t:DateTime64(3, 'UTC')}, {long:String}",
        parameters=parameters,
    ).result_rows[0]

    assert tuple(row) == (nasty, [1, 2], Decimal("1.5"), NOON, "x" * 100_000)


def test_arrow_dataframes_and_row_streams_are_served(client: Client) -> None:
    table = client.query_arrow("SELECT number FROM numbers(100000)")
    with client.query_rows_stream("SELECT number FROM numbers(500000)") as stream:
        numbers = [row[0] for row in stream]

    assert table.num_rows == 100_000
    assert len(numbers) == 500_000
    assert all(after == before + 1 for before, after in pairwise(numbers))


def test_an_empty_result_is_empty_and_a_probe_names_its_columns(client: Client) -> None:
    assert client.query("SELECT * FROM entries").result_rows == []
    assert client.query("SELECT * FROM entries LIMIT 0").column_names == tuple(COLUMNS)


def test_an_error_carries_the_code_of_clickhouse(client: Client) -> None:
    with pytest.raises(DatabaseError) as missing:
        client.query("SELECT * FROM nowhere")

    assert missing.value.code == 60


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_error_in_the_middle_of_a_stream_is_not_taken_for_its_end(client: Client) -> None:
    sql = "SELECT throwIf(number = 2900000), toString(number) FROM numbers(3000000) SETTINGS max_block_size = 1000"

    with pytest.raises(StreamFailureError, match="395"), client.query_row_block_stream(sql) as blocks:
        assert all(block for block in blocks)


def test_settings_of_a_query_do_not_reach_the_next(client: Client) -> None:
    sql = "SELECT getSetting('max_threads')"
    before = client.query(sql).first_row

    within = client.query(sql, settings={"max_threads": 17}).result_rows

    assert within == [(17,)]
    assert client.query(sql).first_row == before


def test_reads_go_on_while_inserts_run_and_see_whole_blocks(engine: Settings, client: Client) -> None:
    rows = [[number, "x", Decimal(1), NOON] for number in range(20_000)]
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        reader = connect(engine)
        while not done.is_set():
            seen.append(int(reader.command("SELECT count() FROM entries")))  # type: ignore[arg-type]

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(15):
        client.insert("entries", rows, column_names=COLUMNS)
    done.set()
    for reader in readers:
        reader.join()

    assert client.command("SELECT count() FROM entries") == 300_000
    assert len(seen) > 15
    assert {count % 20_000 for count in seen} == {0}
