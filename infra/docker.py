"""With a Docker engine, `up` runs Apache Kafka and ClickHouse as containers instead of as parts.

Not tried on the machine this was written on, which has no engine.
"""

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

from infra.errors import CommandFailed
from infra.settings import Settings

COMPOSE_FILE: Final = Path(__file__).with_name("compose.yaml")
SERVICES: Final = ("kafka", "clickhouse")


@cache
def docker_answers() -> bool:
    """True when `docker info` says that an engine runs."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        done = subprocess.run([docker, "info"], capture_output=True, check=False, timeout=10)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def start_containers(settings: Settings) -> None:
    """Start Kafka and ClickHouse and return when both are healthy.

    Raises `CommandFailed` where compose cannot.
    """
    _compose(settings, "up", "--detach", "--wait", "--wait-timeout", str(settings.start_timeout_s), *SERVICES)


def stop_containers(settings: Settings) -> None:
    """Stop both; their data stay in their volumes."""
    _compose(settings, "stop", *SERVICES)


def _compose(settings: Settings, *arguments: str) -> None:
    ports = {
        "KAFKA_PORT": settings.kafka_bootstrap.rpartition(":")[2],
        "CLICKHOUSE_PORT": str(settings.clickhouse_port),
        "CLICKHOUSE_USER": settings.clickhouse_credentials[0],
        "CLICKHOUSE_PASSWORD": settings.clickhouse_credentials[1].get_secret_value(),
        "PATH": _path(),
    }
    command = ["docker", "compose", "--project-name", "meterstream", "--file", str(COMPOSE_FILE), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ports)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise CommandFailed(f"docker compose failed: {lines[-1] if lines else 'no output'}")


def _path() -> str:
    import os

    return os.environ.get("PATH", "/usr/bin:/bin")
