"""The engine behind ClickHouse's HTTP interface, asked as `curl`, browsers and BI tools ask."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.settings import Settings
from tests.servers import own_settings, running_part

pytestmark = pytest.mark.clickhouse


@pytest.fixture
def http(engine: Settings) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=engine.clickhouse_url, timeout=30) as client:
        yield client


def test_a_statement_may_stand_in_the_body_or_in_the_url(http: httpx.Client) -> None:
    in_body = http.post("/", content="SELECT 1")
    in_url = http.get("/", params={"query": "SELECT 2"})
    in_both = http.post("/", params={"query": "SELECT"}, content="3")

    assert (in_body.text, in_url.text, in_both.text) == ("1\n", "2\n", "3\n")


def test_ping_and_an_empty_get_answer_ok(http: httpx.Client) -> None:
    assert http.get("/ping").text == "Ok.\n"
    assert http.get("/").text == "Ok.\n"


@pytest.mark.parametrize(
    ("sql", "url", "headers", "expected"),
    [
        ("SELECT 1 AS a FORMAT JSONEachRow", {}, {}, '{"a":1}\n'),
        ("SELECT 1 AS a", {"default_format": "JSONEachRow"}, {}, '{"a":1}\n'),
        ("SELECT 1 AS a", {}, {"X-ClickHouse-Format": "CSVWithNames"}, '"a"\n1\n'),
        ("SELECT 1 AS a WHERE 0", {}, {"X-ClickHouse-Format": "CSVWithNames"}, '"a"\n'),
    ],
)
def test_the_format_comes_from_statement_header_or_url(
    http: httpx.Client, sql: str, url: dict[str, str], headers: dict[str, str], expected: str
) -> None:
    assert http.post("/", content=sql, params=url, headers=headers).text == expected


def test_json_says_what_it_is_and_counts(http: httpx.Client) -> None:
    answer = http.post("/", params={"query_id": "q-1"}, content="SELECT number FROM numbers(3) FORMAT JSON")

    assert answer.json()["rows"] == 3
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-clickhouse-format"] == "JSON"
    assert answer.headers["x-clickhouse-query-id"] == "q-1"
    assert '"result_rows": "3"' in answer.headers["x-clickhouse-summary"]


@pytest.mark.parametrize(
    ("sql", "status", "code", "name"),
    [
        ("SELECT * FROM nowhere", 404, "60", "UNKNOWN_TABLE"),
        ("SELECT FROM WHERE", 400, "62", "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 400, "62", "SYNTAX_ERROR"),
        ("SELECT throwIf(1)", 500, "395", "FUNCTION_THROW_IF"),
        ("SELECT {x:UInt8}", 400, "456", "UNKNOWN_QUERY_PARAMETER"),
        ("INSERT INTO FUNCTION file('/tmp/x', 'CSV') SELECT 1", 501, "48", "NOT_IMPLEMENTED"),
    ],
)
def test_an_error_has_status_code_and_text_of_clickhouse(
    http: httpx.Client, sql: str, status: int, code: str, name: str
) -> None:
    answer = http.post("/", content=sql)

    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (status, code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert name in answer.text


def test_a_get_may_read_but_not_write(http: httpx.Client) -> None:
    http.post("/", content="CREATE TABLE IF NOT EXISTS written (a UInt8) ENGINE = Memory")

    created = http.get("/", params={"query": "CREATE TABLE no (a UInt8) ENGINE = Memory"})
    inserted = http.get("/", params={"query": "INSERT INTO written VALUES (1)"})
    read = http.get("/", params={"query": "SELECT getSetting('max_threads')", "max_threads": "1"})

    assert "READONLY" in created.text
    assert "READONLY" in inserted.text
    assert read.text == "1\n"


def test_settings_database_and_parameters_end_with_their_request(http: httpx.Client) -> None:
    http.post("/", content="CREATE DATABASE IF NOT EXISTS other")
    sql = "SELECT currentDatabase(), getSetting('max_block_size')"
    changed = {"database": "other", "max_block_size": "7", "param_x": "1"}

    first = [http.post("/", params=changed, content=sql).text for _ in range(20)]
    then = [http.post("/", content=sql).text for _ in range(20)]
    unbound = http.post("/", content="SELECT {x:UInt8}")

    assert set(first) == {"other\t7\n"}
    assert len(set(then)) == 1
    assert "7\n" not in then[0]
    assert unbound.status_code == 400


@pytest.mark.parametrize(
    "value", ["x", "'; DROP TABLE t; --", "\\' OR 1", "`", "a\\\\'b", "{y:String}", "ユーロ €"]
)
def test_a_parameter_is_a_value_and_never_sql(http: httpx.Client, value: str) -> None:
    escaped = value.replace("\\", "\\\\")  # parameters come in ClickHouse's escaped form

    answer = http.post("/", params={"param_x": escaped}, content="SELECT {x:String} FORMAT TSVRaw")

    assert answer.text == f"{value}\n"


@pytest.mark.parametrize("name", ["max_threads = 1, readonly", "max_threads'", "no such"])
def test_the_name_of_a_setting_is_no_way_in(http: httpx.Client, name: str) -> None:
    answer = http.post("/", params={name: "1"}, content="SELECT 1")

    assert answer.headers["x-clickhouse-exception-code"] == "115"


def test_a_database_name_is_no_way_in(http: httpx.Client) -> None:
    answer = http.post("/", params={"database": "x`; CREATE DATABASE sneaked; --"}, content="SELECT 1")

    assert answer.headers["x-clickhouse-exception-code"] == "81"
    assert "sneaked" not in http.post("/", content="SHOW DATABASES").text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_web_page_of_another_site_is_refused(http: httpx.Client, headers: dict[str, str]) -> None:
    answer = http.post("/", content="SELECT 1", headers=headers)

    assert answer.status_code == 403


def test_an_error_in_the_middle_of_a_stream_cuts_it(http: httpx.Client) -> None:
    sql = "SELECT throwIf(number = 1900000), repeat('x', 50) FROM numbers(2000000) SETTINGS max_block_size = 1000"

    with http.stream("POST", "/", content=sql) as answer, pytest.raises(httpx.RemoteProtocolError):
        answer.read()

    assert answer.status_code == 200


def test_a_whole_answer_was_asked_for_so_an_error_in_the_middle_has_a_status(http: httpx.Client) -> None:
    sql = "SELECT throwIf(number = 1900000), repeat('x', 50) FROM numbers(2000000) SETTINGS max_block_size = 1000"

    answer = http.post("/", params={"wait_end_of_query": "1"}, content=sql)

    assert answer.status_code == 500
    assert answer.headers["x-clickhouse-exception-code"] == "395"


def test_one_greedy_query_is_ended_and_the_engine_lives(http: httpx.Client) -> None:
    greedy = http.post("/", content="SELECT groupArray(number) FROM numbers(1000000000) FORMAT Null")

    assert greedy.headers["x-clickhouse-exception-code"] == "241"
    assert http.post("/", content="SELECT 1").text == "1\n"


def test_with_a_password_in_the_dsn_only_its_owner_gets_in(tmp_path: Path) -> None:
    settings = own_settings(tmp_path)
    port = settings.clickhouse_port
    settings = own_settings(tmp_path, clickhouse_dsn=f"http://boss:p%40ss@127.0.0.1:{port}")

    with running_part(settings, "clickhouse"), httpx.Client(base_url=settings.clickhouse_url) as client:
        wrong = client.post("/", content="SELECT 1", auth=("boss", "pass"))
        nobody = client.post("/", content="SELECT 1")
        basic = client.post("/", content="SELECT 1", auth=("boss", "p@ss"))
        headers = {"X-ClickHouse-User": "boss", "X-ClickHouse-Key": "p@ss"}
        by_header = client.post("/", content="SELECT 1", headers=headers)
        in_url = client.post("/", content="SELECT 1", params={"user": "boss", "password": "p@ss"})

    assert (wrong.status_code, nobody.status_code) == (403, 403)
    assert wrong.headers["x-clickhouse-exception-code"] == "516"
    assert (basic.text, by_header.text, in_url.text) == ("1\n", "1\n", "1\n")
