"""`meterstream up`, `status`, `down`: everything on this machine, as a user starts it; any part may be killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from infra.parts import Layer
from infra.parts.ready import layer_dir
from infra.settings import Settings
from infra.supervisor_state import live_state
from tests.command import meterstream
from tests.servers import own_settings
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow, pytest.mark.timeout(400)]


def status(settings: Settings) -> dict[str, Any]:
    return dict(json.loads(meterstream(settings, "status", "--json").stdout))


def pids(settings: Settings) -> dict[str, int]:
    return {part["name"]: part["pid"] for part in status(settings)["parts"]}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A pipeline of namespace `one` that `up` has started."""
    settings = own_settings(tmp_path_factory.mktemp("up"), namespace="one", workers=2)
    done = meterstream(settings, "up")
    assert done.returncode == 0, done.stderr
    yield settings
    meterstream(settings, "down")


def test_up_returns_when_every_part_is_ready_and_the_input_adds_up(pipeline: Settings) -> None:
    found = meterstream(pipeline, "status", "--json")

    answer = json.loads(found.stdout)
    assert found.returncode == 0
    assert answer["healthy"]
    assert [part["name"] for part in answer["parts"]] == [
        *("kafka", "clickhouse", "smtp"),
        *("ingest", "worker-0", "worker-1", "sink-clickhouse", "sink-email", "http"),
    ]
    assert {part["state"] for part in answer["parts"]} == {"ready"}


def test_a_second_up_changes_nothing(pipeline: Settings) -> None:
    before = pids(pipeline)

    done = meterstream(pipeline, "up", "--until-ready")

    assert done.returncode == 0
    assert pids(pipeline) == before


def test_the_table_of_status_names_every_part(pipeline: Settings) -> None:
    shown = meterstream(pipeline, "status").stdout

    assert all(name in shown for name in ("kafka", "worker-1", "sink-email", "http"))
    assert "accepted" in shown


def test_a_pipeline_that_cannot_start_is_one_line_and_leaves_the_other_one_alone(pipeline: Settings) -> None:
    taken_port = {"namespace": "two", "http_port": pipeline.http_port}
    before = pids(pipeline)

    done = meterstream(pipeline.model_copy(update=taken_port), "up")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("METERSTREAM_HTTP_PORT; now the pipeline of one runs")
    assert pids(pipeline) == before


@pytest.mark.parametrize(
    "part", ["ingest", "worker-1", "sink-clickhouse", "sink-email", "http", "smtp", "clickhouse", "kafka"]
)
def test_a_killed_part_heals_by_itself(pipeline: Settings, part: str) -> None:
    killed = pids(pipeline)[part]

    os.kill(killed, signal.SIGKILL)

    def healed() -> bool:
        found = status(pipeline)
        now = {entry["name"]: entry["pid"] for entry in found["parts"]}
        return now[part] not in {None, killed} and bool(found["healthy"])

    wait_until(healed, f"all parts are ready after {part} was killed", timeout_s=120, every_s=0.5)


def test_down_stops_everything_and_the_next_up_finds_its_data(pipeline: Settings) -> None:
    wait_until(lambda: status(pipeline)["healthy"], "all parts are ready", timeout_s=60, every_s=0.5)
    before = pids(pipeline)

    down = meterstream(pipeline, "down")
    stopped = status(pipeline)
    again = meterstream(pipeline, "up")

    assert down.returncode == 0
    assert not any(psutil.pid_exists(pid) for pid in before.values())
    assert {part["state"] for part in stopped["parts"]} == {"down"}
    assert again.returncode == 0
    assert "topics created" not in again.stderr
    wait_until(lambda: status(pipeline)["healthy"], "all parts are ready again", timeout_s=60, every_s=0.5)


def test_in_the_foreground_killed_supervisors_start_again_until_down_ends_all(pipeline: Settings) -> None:
    staying = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "up", "--foreground"], env=os.environ | pipeline.to_env()
    )
    try:
        for layer in (Layer.PIPELINE, Layer.BASE):
            wait_until(lambda: status(pipeline)["healthy"], f"{layer}: ready", timeout_s=120, every_s=0.5)
            killed = live_state(layer_dir(pipeline, layer))
            assert killed is not None
            os.kill(killed.pid, signal.SIGKILL)
            wait_until(lambda: not status(pipeline)["healthy"], f"{layer}: its parts are gone", every_s=0.2)
        wait_until(lambda: status(pipeline)["healthy"], "ready once more", timeout_s=120, every_s=0.5)

        assert meterstream(pipeline, "down").returncode == 0
        assert staying.wait(30) == 0
    finally:
        staying.kill()
        staying.wait()
