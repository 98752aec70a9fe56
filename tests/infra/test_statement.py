"""Statements are told apart by their words, never by what stands in quotes, names or comments."""

import pytest

from infra.clickhouse.statement import DataInsert, Rows, StatementRefusedError, read_statement


@pytest.mark.parametrize(
    ("text", "verb", "named"),
    [
        (b"SELECT 1", "SELECT", None),
        (b"  -- why\n/* a; b */ select 1 format JSON", "SELECT", "JSON"),
        (b"select 'FORMAT CSV; select 2' as format from t", "SELECT", None),
        (b"select format from t;", "SELECT", None),
        (b"select `a;b`, \"c;d\", 'it''s; \\'x' FORMAT Native;", "SELECT", "Native"),
        (b"select $x$ ; format CSV $x$", "SELECT", None),
        (b"select 1 format TSV settings max_threads = 1", "SELECT", "TSV"),
        (b"(select 1) union all (select 2)", "SELECT", None),
        (b"with 1 as x select x", "WITH", None),
        (b"create table t (a Int8) engine = Memory", "CREATE", None),
        (b"insert into t select * from s format Null", "INSERT", "Null"),
        (b"insert into t with 1 as x select x", "INSERT", None),
    ],
)
def test_a_statement_without_data_is_known_by_verb_and_format(
    text: bytes, verb: str, named: str | None
) -> None:
    assert read_statement(text) == Rows(verb, named)


@pytest.mark.parametrize(
    ("text", "head", "named", "data"),
    [
        (b"INSERT INTO t FORMAT Native\n\x01\x02;", b"INSERT INTO t ", "Native", b"\x01\x02;"),
        (
            b"insert into t (a, `format`) format JSONEachRow \r\n{}",
            b"insert into t (a, `format`) ",
            "JSONEachRow",
            b"{}",
        ),
        (b"insert into t values (1), (';')", b"insert into t ", "Values", b" (1), (';')"),
        (
            b"insert into t settings async_insert=0 format CSV\n\n1",
            b"insert into t settings async_insert=0 ",
            "CSV",
            b"\n1",
        ),
        (b"insert into `format values` (a) format TSV\n", b"insert into `format values` (a) ", "TSV", b""),
        (
            b"/* select */ insert into t -- format CSV\n format TSV\n1",
            b"/* select */ insert into t -- format CSV\n ",
            "TSV",
            b"1",
        ),
    ],
)
def test_an_insert_is_split_where_its_data_begin(text: bytes, head: bytes, named: str, data: bytes) -> None:
    statement = read_statement(text)

    assert isinstance(statement, DataInsert)
    assert (statement.head, statement.format) == (head, named)
    assert text[statement.data_start :] == data


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "Empty query"),
        (b" -- nothing\n", "Empty query"),
        (b"select 1; drop table t", "Multi-statements"),
        (b"insert into t select 1; drop table t", "Multi-statements"),
        (b"select 1 into outfile '/etc/x'", "INTO OUTFILE"),
        (b"insert into t from infile '/etc/passwd' format CSV", "INFILE"),
        (b"insert into function file('/tmp/x', 'CSV') select 1", "INSERT INTO FUNCTION"),
        (b"insert into table function file('/tmp/x', 'CSV') values (1)", "INSERT INTO FUNCTION"),
        (b"insert into t (a)", "neither"),
    ],
)
def test_what_a_server_does_not_run_over_http_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(StatementRefusedError, match=says):
        read_statement(text)


@pytest.mark.parametrize(
    ("text", "streams"),
    [
        (b"select 1 format Native", True),
        (b"select 1", True),
        (b"select 1 format JSON", False),
        (b"select 1 format Parquet", False),
        (b"show tables format Native", False),
    ],
)
def test_only_formats_without_head_and_foot_are_streamed(text: bytes, streams: bool) -> None:
    statement = read_statement(text)

    assert isinstance(statement, Rows)
    assert statement.streams_as("TabSeparated") is streams
