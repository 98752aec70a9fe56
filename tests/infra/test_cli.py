"""The command line: quick help, bad use is 2, a failed run is 1, each in one line on stderr."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.cli import main
from infra.errors import CommandFailed, in_one_line
from tests.command import meterstream
from tests.servers import free_port, own_settings


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["up", "--frobnicate"], "No such option: --frobnicate"),
        (["run"], "Missing argument"),
        (["status", "extra"], "extra"),
        (["token"], "Missing command"),
        (["pay"], "Missing command"),
        (["notices"], "Missing argument 'account'"),
        (["report", "acme", "--days", "9"], "Invalid value for '--days': '9' is not one of"),
    ],
)
def test_bad_use_is_one_line_and_exit_code_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(arguments)

    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert says in printed.err
    assert printed.err.startswith("meterstream: ")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["--help"], ["up", "--help"], ["down", "--help"], ["status", "--help"], ["notices", "--help"]],
)
def test_help_is_printed_on_stdout(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = main(arguments)

    assert code == 0
    assert "Usage: meterstream" in capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    heavy = (
        "{'pydantic', 'rich', 'confluent_kafka', 'clickhouse_connect', 'faust', 'fastapi', 'chdb', 'aiohttp'}"
    )
    code = (
        f"import sys; from infra.cli import main; main(['--help']); print(sorted({heavy} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_a_known_failure_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("METERSTREAM_HTTP_PORT", "no")

    code = main(["down"])

    assert (code, capsys.readouterr().err.count("\n")) == (1, 1)


def test_an_unknown_part_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["run", "frobnicate"])

    printed = capsys.readouterr().err
    assert code == 1
    assert "kafka, clickhouse, smtp, ingest, worker-0" in printed


def test_a_port_in_use_ends_up_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = own_settings(tmp_path, kafka_bootstrap=f"127.0.0.1:{taken.getsockname()[1]}")
        done = meterstream(settings, "up")

    assert done.returncode == 1
    assert "is in use; choose another one with METERSTREAM_KAFKA_BOOTSTRAP" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_java_up_ends_in_one_line(tmp_path: Path) -> None:
    done = meterstream(own_settings(tmp_path), "up", PATH="/nowhere")

    assert done.returncode == 1
    assert "java is not installed" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unwritable_data_directory_ends_up_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = meterstream(own_settings(tmp_path / "file" / "data"), "up")

    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert done.stderr.count("\n") == 1


def test_down_without_anything_up_is_harmless(tmp_path: Path) -> None:
    done = meterstream(own_settings(tmp_path), "down")

    assert (done.returncode, done.stderr) == (0, "")


def test_an_unreachable_kafka_is_told_without_a_traceback() -> None:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{free_port()}", "log_level": 0})
    with pytest.raises(KafkaException) as failed:
        admin.list_topics(timeout=0.2)

    assert in_one_line(failed.value).startswith("Kafka does not answer")
    assert "KafkaError" not in in_one_line(failed.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["balance", "acme"], "is it up (meterstream status)?"),
        (["notices", "acme"], "is it up (meterstream status)?"),
        (["token", "list"], "is the pipeline up (meterstream up)?"),
    ],
)
def test_before_anything_is_up_a_command_says_so_in_one_line(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = meterstream(own_settings(tmp_path), *arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unreachable_clickhouse_is_told_without_a_traceback() -> None:
    import clickhouse_connect
    from clickhouse_connect.driver.exceptions import OperationalError

    with pytest.raises(OperationalError) as failed:
        clickhouse_connect.get_client(dsn=f"http://127.0.0.1:{free_port()}")

    assert in_one_line(failed.value).startswith("ClickHouse does not answer")
    assert "\n" not in in_one_line(failed.value)


def test_a_message_is_one_line_whatever_was_raised() -> None:
    assert str(CommandFailed("a\n b\tc")) == "a b c"
    assert (
        in_one_line(FileNotFoundError(2, "No such file or directory", "x.jsonl"))
        == "x.jsonl: No such file or directory"
    )
    assert len(in_one_line(CommandFailed("x" * 1_000))) == 300
