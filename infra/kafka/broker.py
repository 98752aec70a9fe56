"""One Apache Kafka broker (KRaft, broker and controller in one process) on loopback.

Promises: what was acknowledged is there after `kill -9` of the process; nothing listens beyond
loopback; the storage is formatted once and never again.
"""

import base64
import os
import re
import subprocess
import uuid
from pathlib import Path
from typing import Final

from infra.errors import CommandFailed
from infra.host import check_directory, check_port, find_program
from infra.kafka.jars import HERE, fetch_jars
from infra.settings import Settings

JAVA_MAJOR_MIN: Final = 17

# What one node needs, with the reason; addresses and directories are added by `_properties`.
PROPERTIES: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # One node has one replica.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    # The defaults of 50 partitions each only cost start-up time here.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # A misspelt topic is an error, not a new topic.
    "auto.create.topics.enable": "false",
    # No second worker is about to join: the first one need not wait for it.
    "group.initial.rebalance.delay.ms": "0",
    # The default of 6 s delays the take-over from a worker that was killed.
    "group.min.session.timeout.ms": "1000",
    # A broker that was killed may register again only when its old session has ended.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": "16777216",
    # Committed offsets of a pipeline that rests for a holiday must still be there.
    "offsets.retention.minutes": "525600",
}


def kafka_dir(settings: Settings) -> Path:
    """Where the broker keeps its files."""
    return settings.data_dir / "kafka"


def check_broker(settings: Settings) -> None:
    """Everything the broker needs is there; raises `CommandFailed` with one line where it is not."""
    check_directory(settings.data_dir)
    _java()
    host, port = _address(settings)
    check_port(host, port, "METERSTREAM_KAFKA_BOOTSTRAP")
    check_port(host, settings.kafka_controller_port, "METERSTREAM_KAFKA_CONTROLLER_PORT")
    fetch_jars()


def broker_command(settings: Settings) -> list[str]:
    """The command that runs the broker, with its configuration written and its storage formatted."""
    java = _java()
    jars = fetch_jars()
    directory = kafka_dir(settings)
    check_directory(directory)
    config = directory / "server.properties"
    config.write_text(_properties(settings, directory / "data"))
    _format_storage(java, jars, config, directory)
    return [
        java,
        f"-Xmx{settings.kafka_heap_mb}m",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
        "-cp",
        f"{jars}/*",
        "kafka.Kafka",
        str(config),
    ]


def broker_is_ready(settings: Settings, timeout_s: float = 1.0) -> bool:
    """True when the broker answers a client."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    # Refused connections are expected until it is up: they are no news on stderr.
    config = settings.kafka_client_config(quiet=True)
    try:
        return bool(AdminClient(config).list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False


def _address(settings: Settings) -> tuple[str, int]:
    host, _, port = settings.kafka_bootstrap.partition(",")[0].rpartition(":")
    return host.strip("[]"), int(port)


def _properties(settings: Settings, data: Path) -> str:
    host, port = _address(settings)
    controller = f"{host}:{settings.kafka_controller_port}"
    own = {
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "controller.quorum.voters": f"1@{controller}",
        "log.dirs": str(data),
        "num.partitions": str(settings.partitions),
    }
    return "".join(f"{name}={value}\n" for name, value in (PROPERTIES | own).items())


def _format_storage(java: str, jars: Path, config: Path, directory: Path) -> None:
    if (directory / "data" / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    if cluster.startswith("-"):
        # The tool would take it for an option.
        cluster = f"A{cluster[1:]}"
    command = [java, "-cp", f"{jars}/*", f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"]
    command += [
        "kafka.tools.StorageTool",
        "format",
        "--cluster-id",
        cluster,
        "--config",
        str(config),
        "--ignore-formatted",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise CommandFailed(
            f"the broker's storage in {directory} could not be formatted: {lines[0] if lines else ''}"
        )


def _java() -> str:
    java = find_program(
        "java", f"install Java {JAVA_MAJOR_MIN} (Debian: apt-get install openjdk-17-jre-headless)"
    )
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60)
    version = re.search(r'version "(\d+)', done.stderr)
    if done.returncode or not version or int(version[1]) < JAVA_MAJOR_MIN:
        raise CommandFailed(
            f"{java} is not Java {JAVA_MAJOR_MIN} or later; install it (Debian: openjdk-17-jre-headless)"
        )
    return os.path.realpath(java)
