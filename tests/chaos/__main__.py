"""`make chaos`: a storm over a whole pipeline, counted; writes `build/chaos.json` (contract 8.8)."""

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from infra.settings import Clock
from tests.chaos.storm import PARTS, expected, rounds_of, simulated, stored, weather
from tests.integration.running import Pipeline
from tests.servers import own_settings

RESULT = Path(__file__).parents[2] / "build" / "chaos.json"


def run(rounds: int, seed: int) -> dict[str, object]:
    """Kill a part in each of `rounds` days of events, then count what is lost, doubled or not reconciled."""
    draw = random.Random(seed)
    days = rounds_of(draw, rounds, seed)
    kills = [draw.choice(PARTS) for _ in days]
    with tempfile.TemporaryDirectory(prefix="meterstream-chaos-") as directory:
        settings = own_settings(
            Path(directory), namespace="chaos", clock=Clock.EVENTS, clickhouse_memory_mb=1_024
        )
        pipeline = Pipeline(settings)
        try:
            pipeline.run("up")
            weather(pipeline, days, kills, draw)
            answer = pipeline.reconcile(check=False)
            told = simulated(days)
            there = {table: stored(pipeline, table) for table in ("charges", "entries")}
        finally:
            pipeline.run("down", check=False)
    due = {table: expected(told, table) for table in there}
    return {
        "sent": sum(map(len, days)) + rounds * settings.partitions,
        **{name: answer["input"][name] for name in ("accepted", "duplicates", "rejected")},
        "lost": sum((due[table] - there[table]).total() for table in there),
        "doubled": sum((there[table] - due[table]).total() for table in there),
        "unreconciled": len(answer["differences"]),
        "faults": dict(Counter(kills)),
        "seed": seed,
    }


def main() -> int:
    """Run, write the result, and say by the exit code whether a figure changed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="days of events, a kill each (at most 30)")
    parser.add_argument("--seed", type=int, default=20_261_123)
    chosen = parser.parse_args()
    result = run(chosen.rounds, chosen.seed)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    return 1 if result["lost"] or result["doubled"] or result["unreconciled"] else 0


if __name__ == "__main__":
    sys.exit(main())
