"""A real broker and a real ClickHouse for tests: containers where a Docker engine answers, our own parts otherwise."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.docker import docker_answers
from infra.parts.ready import ready_path
from infra.processes import dies_with_parent
from infra.settings import Settings
from tests.waiting import wait_until

KAFKA_IMAGE = "confluentinc/cp-kafka:8.1.0"
CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:25.8"


def free_port() -> int:
    """A port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def own_settings(directory: Path, **changes: object) -> Settings:
    """Settings on free ports below `directory`; reads no `.env`."""
    values: dict[str, object] = {
        "data_dir": directory,
        "kafka_bootstrap": f"127.0.0.1:{free_port()}",
        "kafka_controller_port": free_port(),
        "clickhouse_dsn": f"http://127.0.0.1:{free_port()}",
        "smtp_port": free_port(),
        "http_port": free_port(),
    }
    return Settings(_env_file=None, **(values | changes))  # type: ignore[arg-type]


def start_part(settings: Settings, part: str) -> "subprocess.Popen[bytes]":
    """Start `part` in its own process and return when it is ready; fails with its output when it ends instead."""
    ready = ready_path(settings, part)
    ready.unlink(missing_ok=True)
    process = launch_part(settings, part)
    wait_until(lambda: ready.exists() or process.poll() is not None, f"{part} is ready", timeout_s=90)
    if process.poll() is not None:
        raise AssertionError(f"{part} ended with {process.returncode}: {log_of(settings, part).read_text()}")
    return process


def log_of(settings: Settings, part: str) -> Path:
    """The file of what `part` says."""
    return settings.data_dir / f"{part}.log"


def launch_part(settings: Settings, part: str) -> "subprocess.Popen[bytes]":
    """Start `part` in its own process, ready or not."""
    log = log_of(settings, part)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "infra.run", part],
            env=os.environ | settings.to_env(),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 - the server must not outlive a killed test run
        )


def stop_part(process: "subprocess.Popen[bytes]") -> None:
    """End `process`, by force when it does not end by itself."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running_part(settings: Settings, part: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`part`, running inside the block."""
    process = start_part(settings, part)
    try:
        yield process
    finally:
        stop_part(process)


@contextmanager
def kafka_server(directory: Path) -> Iterator[str]:
    """The address of a running broker."""
    if docker_answers():
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer(KAFKA_IMAGE).with_kraft() as container:
            yield container.get_bootstrap_server()
        return
    settings = own_settings(directory)
    with running_part(settings, "kafka"):
        yield settings.kafka_bootstrap


@contextmanager
def clickhouse_server(directory: Path) -> Iterator[str]:
    """The DSN of a running ClickHouse."""
    if docker_answers():
        from testcontainers.clickhouse import ClickHouseContainer

        with ClickHouseContainer(CLICKHOUSE_IMAGE, port=8123, username="test", password="test") as container:
            host, port = container.get_container_host_ip(), container.get_exposed_port(8123)
            yield f"http://test:test@{host}:{port}"
        return
    settings = own_settings(directory)
    with running_part(settings, "clickhouse"):
        yield settings.clickhouse_dsn.get_secret_value()


@contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    """The URL of a running Redis (Debian's `redis-server`, see infra/prerequisites.sh)."""
    port = free_port()
    command = [
        needed("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory),
    ]  # fmt: skip
    with running_server(command, port, directory / "redis.log"):
        yield f"redis://127.0.0.1:{port}"


def needed(program: str) -> str:
    """Path of a program that the tests need; fails with what installs it."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise AssertionError(f"{program} is missing: run `bash infra/prerequisites.sh test` as root")
    return path


@contextmanager
def running_server(command: list[str], port: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A server of another make, running inside the block; it is up when it takes connections on `port`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            preexec_fn=dies_with_parent(),  # noqa: PLW1509 - the server must not outlive a killed test run
        )
    try:
        wait_until(lambda: _listens(port) or process.poll() is not None, f"{command[0]} listens")
        if process.poll() is not None:
            raise AssertionError(f"{command[0]} ended with {process.returncode}: {log.read_text()}")
        yield process
    finally:
        stop_part(process)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
