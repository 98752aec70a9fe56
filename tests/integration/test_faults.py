"""Every part of the pipeline is killed under load; nothing is lost, nothing doubled, and it is what `simulate` says."""

import json
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from infra.settings import Clock
from tests.chaos.storm import PARTS, counts, expected, rounds_of, simulated, stored, weather
from tests.integration.running import Pipeline
from tests.servers import own_settings

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow, pytest.mark.timeout(400)]

SEED = 20_261_101
ROUNDS = 8


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    directory = tmp_path_factory.mktemp("faults")
    started = Pipeline(
        own_settings(directory, namespace="faults", clock=Clock.EVENTS, clickhouse_memory_mb=1_024)
    )
    started.run("up")
    yield started
    started.run("down", check=False)


def test_killing_every_part_under_load_changes_no_figure(pipeline: Pipeline) -> None:
    draw = random.Random(SEED)
    rounds = rounds_of(draw, ROUNDS, SEED)
    kills = [*PARTS, "worker-0", "ingest", "worker-0"]
    draw.shuffle(kills)

    weather(pipeline, rounds, kills, draw)
    answer = pipeline.reconcile()

    told = simulated(rounds)
    assert stored(pipeline, "charges") == expected(told, "charges")
    assert stored(pipeline, "entries") == expected(told, "entries")
    assert counts(pipeline, "SELECT account, seq FROM balances FINAL") == {
        balance.account: balance.seq for balance in told.balances()
    }
    refused = counts(pipeline, "SELECT reason, count() FROM rejections FINAL GROUP BY reason")
    assert refused == Counter(str(rejection.reason) for rejection in told.out.rejections)
    assert answer["input"]["read"] == sum(map(len, rounds)) + ROUNDS * pipeline.settings.partitions
    assert answer["twins"] > 0, (
        "no worker was killed between a charge and its checkpoint: the test shows nothing"
    )
    print(json.dumps({"input": answer["input"], "twins": answer["twins"], "kills": kills}))
