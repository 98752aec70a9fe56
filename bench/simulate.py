"""How long `meterstream simulate` takes for a month of five providers, 100,000 events: `python -m bench.simulate`.

The month is the demo's, told by several neighbours of each of its accounts at once until it has that many events:
leases with heartbeats, hours, packages, disks, models, requests, arrears, late and repeated events. Deterministic.
The figure is the whole command: start of Python, reading, folding, every timer to the month's end, writing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import chain, repeat
from pathlib import Path

from infra.demo.script import DAY_MS, DAYS, Script
from infra.demo.stories import STORIES
from schemas.values import instant_text

START_MS = 1_793_491_200_000
EVENTS = 100_000
ROOT = Path(__file__).parents[1]
MONTH, PRINTED = ROOT / "build" / "bench-month.jsonl", ROOT / "build" / "bench-month.out"


class Neighbourhood(Script):
    """A script in which each account of the stories is one of several neighbours."""

    def __init__(self, start_ms: int) -> None:
        super().__init__(start_ms, seed=1)
        self._neighbour = 0
        self.events = 0

    def move_on(self) -> None:
        """What is told next happens to the next neighbours."""
        self._neighbour += 1

    def event(
        self,
        account: str,
        kind: str,
        time_ms: int,
        data: Mapping[str, object],
        *,
        event_id: str | None = None,
        arrives_ms: int | None = None,
    ) -> str:
        self.events += 1
        return super().event(
            f"{account}-{self._neighbour}", kind, time_ms, data, event_id=event_id, arrives_ms=arrives_ms
        )


def month(events: int = EVENTS) -> list[bytes]:
    """A month of whole stories, in order of arrival: told to one neighbour after the other until there are so many."""
    script = Neighbourhood(START_MS)
    for _, tell in chain.from_iterable(repeat(STORIES)):
        tell(script)
        if script.events >= events:
            break
        if tell is STORIES[-1][1]:
            script.move_on()
    return [step.raw for day in script.days() for step in day.steps]


def run(rounds: int = 3) -> dict[str, float | str]:
    """The best of `rounds`, in seconds; the digest tells whether two versions print the same bytes."""
    lines = month()
    MONTH.parent.mkdir(parents=True, exist_ok=True)
    MONTH.write_bytes(b"\n".join(lines) + b"\n")
    end = instant_text(START_MS + DAYS * DAY_MS)
    command = [sys.executable, "-m", "infra.cli", "simulate", str(MONTH), "--until", end]
    spent_s = []
    for _ in range(rounds):
        with PRINTED.open("wb") as out:
            began = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, stdout=out)
            spent_s.append(time.perf_counter() - began)
    printed = PRINTED.read_bytes()
    return {
        "simulate_100k_s": round(min(spent_s), 2),
        "simulate_events": len(lines),
        "simulate_records": printed.count(b"\n"),
        "simulate_digest": hashlib.sha256(printed).hexdigest()[:16],
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    print(json.dumps(run(parser.parse_args().rounds), indent=2))


if __name__ == "__main__":
    main()
