"""What a machine lacks is said in one line, before anything is started."""

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.errors import CommandFailed
from infra.host import check_directory, check_port, find_program
from infra.kafka import broker, jars


def test_a_port_in_use_names_the_variable_to_change() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(
            CommandFailed, match=f"port {port} on 127.0.0.1 is in use; .*METERSTREAM_HTTP_PORT"
        ):
            check_port("127.0.0.1", port, "METERSTREAM_HTTP_PORT")


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CommandFailed, match="file/data cannot be written: Not a directory"):
        check_directory(tmp_path / "file" / "data")


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100 << 20))

    with pytest.raises(CommandFailed, match="has 100 MB left; at least 256 MB are needed"):
        check_directory(tmp_path)


def test_a_missing_program_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(CommandFailed, match="java is not installed; install Java 17"):
        broker._java()
    with pytest.raises(CommandFailed, match="frobnicate is not installed; do this"):
        find_program("frobnicate", "do this")


def test_maven_is_asked_for_only_when_the_jars_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.prefix", str(tmp_path))

    with pytest.raises(CommandFailed, match="mvn is not installed; install Maven"):
        jars.fetch_jars()
    jars.jars_dir().mkdir(parents=True)
    assert jars.fetch_jars() == jars.jars_dir()


def test_an_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    with pytest.raises(CommandFailed, match="is not Java 17 or later"):
        broker._java()


def test_a_maven_that_fails_leaves_no_jars_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] no network' \nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "env"))

    with pytest.raises(CommandFailed, match=r"Maven could not fetch the broker's jars: \[ERROR\] no network"):
        jars.fetch_jars()
    assert list(jars.jars_dir().parent.iterdir()) == []
