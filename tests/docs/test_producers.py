"""The snippets of docs/producers.md, run as they stand against the real application."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import pytest

from infra.settings import Settings
from infra.topics import create_topics
from schemas.topics import USAGE_EVENTS
from schemas.wire import Event, read_event
from tests.client.serving import Serving, SomeEvents
from tests.docs.snippets import block
from tests.integration.ingest_kafka import read_topic

PAGE = "producers.md"
BUILD = Path(__file__).parents[2] / "build" / "snippets"


class Served:
    """A running service, and what was sent to it."""

    def __init__(self, sink: SomeEvents, url: str) -> None:
        self._sink = sink
        self.environment = {"METERSTREAM_URL": url, "METERSTREAM_TOKEN": ""}

    def ids(self) -> list[str]:
        """The ids of the events, every one of which the pipeline can read."""
        read = [read_event(raw) for raw in self._sink.kept]
        return [event.id for event in read if isinstance(event, Event)]


@pytest.fixture
def served() -> Iterator[Served]:
    sink = SomeEvents()
    with Serving(sink) as service:
        yield Served(sink, service.url)


def run(command: list[str], directory: Path, environment: Mapping[str, str], timeout_s: float = 60) -> str:
    """What the command printed; fails with all it said where it fails."""
    done = subprocess.run(
        command,
        cwd=directory,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def without_token(code: str) -> str:
    """On loopback no token is needed, and an empty one would be a bad one."""
    return "\n".join(line for line in code.split("\n") if "Authorization" not in line)


def test_curl(served: Served, tmp_path: Path) -> None:
    told = run(["bash", "-ec", without_token(block(PAGE, "curl", "sh"))], tmp_path, served.environment)

    assert told == '{"accepted":1}{"accepted":1}'
    assert served.ids() == ["r-1", "r-2"]


def test_the_python_client(served: Served, tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])

    run(
        [sys.executable, "-c", block(PAGE, "Python", "python")],
        tmp_path,
        served.environment | {"PYTHONPATH": root},
    )

    assert served.ids() == [f"py-{number}" for number in range(250)]


@pytest.mark.kafka
def test_kafka(kafka_settings: Settings, tmp_path: Path) -> None:
    create_topics(kafka_settings)

    run([sys.executable, "-c", block(PAGE, "Kafka", "python")], tmp_path, kafka_settings.to_env())

    sent = chain.from_iterable(read_topic(kafka_settings, USAGE_EVENTS))
    assert [json.loads(message.value() or b"")["id"] for message in sent] == ["kafka-1"]


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: the snippet was not run")
    return found


def _prepared(command: list[str], directory: Path) -> None:
    """Fetch what the snippet needs, once for all runs; skips where it cannot be had."""
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, check=False, timeout=240
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{' '.join(command)} takes too long here: the snippet was not run")
    if done.returncode:
        pytest.skip(f"{' '.join(command)} failed, the snippet was not run: {done.stderr[-300:]}")


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_go(served: Served) -> None:
    go = _tool("go")
    directory = BUILD / "go"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "main.go").write_text(without_token(block(PAGE, "Go", "go")), encoding="utf-8")
    if not (directory / "go.sum").exists():
        (directory / "go.mod").write_text("module snippet\n\ngo 1.22\n", encoding="utf-8")
        _prepared([go, "mod", "tidy"], directory)

    run([go, "run", "."], directory, served.environment, timeout_s=300)

    assert served.ids() == ["go-1"]


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_typescript(served: Served) -> None:
    npm, node = _tool("npm"), _tool("node")
    directory = BUILD / "ts"
    directory.mkdir(parents=True, exist_ok=True)
    code = block(PAGE, "TypeScript", "ts").replace(
        ", authorization: `Bearer ${process.env.METERSTREAM_TOKEN}`", ""
    )
    (directory / "send.ts").write_text(code, encoding="utf-8")
    if not (directory / "node_modules" / "typescript").exists():
        (directory / "package.json").write_text('{"private": true}', encoding="utf-8")
        _prepared([npm, "install", "cloudevents@10", "typescript@5", "@types/node@20"], directory)

    options = ["--strict", "--target", "es2022", "--module", "commonjs", "--skipLibCheck"]
    run([str(directory / "node_modules" / ".bin" / "tsc"), *options, "send.ts"], directory, {}, timeout_s=120)
    run([node, "send.js"], directory, served.environment)

    assert served.ids() == ["ts-1"]
