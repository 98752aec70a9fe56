"""Does a test fail when a line of the fold is wrong? Mutation testing of `streams/core`: `make mutation`.

mutmut changes one thing at a time (a comparison, a number, an argument) and runs the tests that reach the function.
All of it takes most of a day on one core, so a run tests a sample, drawn by a seed and from every file in proportion
to its mutants. It goes on where an earlier run stopped, in whole rounds, as mutmut tests the quick ones first. The
tree is copied to `build/mutation/tree`: working on does not disturb a run. `build/mutation.json` has the figures,
`build/mutation/survivors.txt` what no test noticed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "mutation"
TREE, VENV, LOG = WORK / "tree", WORK / "venv", WORK / "log"
MUTANTS = TREE / "mutants" / "streams" / "core"
FIGURES = ROOT / "build" / "mutation.json"
# mutmut reads an attribute of tests that pytest 9.1 no longer has.
TOOL = ("mutmut==3.7.0", "pytest==9.0.3")
# Any one mutant: naming it makes mutmut write them all down, for a sample to be drawn from.
FIRST = "streams.core.turn.x_record_id__mutmut_2"
ROUND = 250
KILLED, SURVIVED, UNTESTED = "killed", "survived", "no test"
# mutmut's exit codes; a mutant that never ends, or ends the process, is noticed too.
VERDICTS = {0: SURVIVED, 5: UNTESTED, 33: UNTESTED}


def main() -> None:
    """Draw, test, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sample", type=int, default=ROUND, help="mutants to have tested in all; 0 for every one"
    )
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--fresh", action="store_true", help="copy the tree anew and forget what was tested")
    parser.add_argument(
        "--only-figures", action="store_true", help="write the figures of what was tested so far"
    )
    chosen = parser.parse_args()
    if not chosen.only_figures:
        _prepare(fresh=chosen.fresh)
        for names in _rounds(chosen.sample, chosen.seed):
            untested = [name for name in names if _codes()[name] is None]
            if untested:
                _mutmut("run", "--max-children", "1", *untested)
            _write_figures(chosen.seed)
    print(json.dumps(_write_figures(chosen.seed), indent=2))


def _prepare(*, fresh: bool) -> None:
    if fresh:
        shutil.rmtree(TREE, ignore_errors=True)
    if not (VENV / "bin" / "mutmut").exists():
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(VENV / "bin" / "python")]
        subprocess.run([*install, "--requirement", str(ROOT / "requirements.lock")], check=True)
        subprocess.run([*install, *TOOL], check=True)
    if not MUTANTS.exists():
        _copy_tree()
        _mutmut("run", "--max-children", "1", FIRST)


def _copy_tree() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, TREE / name)


def _mutmut(*arguments: str) -> None:
    """Run it out of the way of everything else; what it says goes to a log."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = ["nice", "-n", "19", str(VENV / "bin" / "mutmut"), *arguments]
    with LOG.open("ab") as log:
        subprocess.run(command, cwd=TREE, env=os.environ | {"PATH": path}, stdout=log, stderr=log, check=True)


# --- the sample --------------------------------------------------------------------------------------------


def _by_file() -> dict[str, dict[str, int | None]]:
    """Every mutant of every file, with mutmut's exit code of it; None where it has not been tested."""
    read = {
        path.name.removesuffix(".meta"): json.loads(path.read_text())
        for path in sorted(MUTANTS.glob("*.meta"))
    }
    return {name: meta["exit_code_by_key"] for name, meta in read.items() if meta["exit_code_by_key"]}


def _codes() -> dict[str, int | None]:
    return {mutant: code for codes in _by_file().values() for mutant, code in codes.items()}


def _rounds(sample: int, seed: int) -> Iterator[list[str]]:
    """Rounds of mutants: of every file the same share, two at the least."""
    drawn = {
        name: random.Random(f"{seed} {name}").sample(sorted(codes), len(codes))
        for name, codes in _by_file().items()
    }
    total = sum(map(len, drawn.values()))
    wanted = min(sample or total, total)
    taken = 0
    for number in range(math.ceil(total / ROUND)):
        names: list[str] = []
        for mutants in drawn.values():
            share = max(2, round(len(mutants) * ROUND / total))
            names += mutants[number * share : (number + 1) * share]
        if taken >= wanted or not names:
            return
        taken += len(names)
        yield names


# --- what came of it ---------------------------------------------------------------------------------------


def _write_figures(seed: int) -> dict[str, Any]:
    files = {name: Counter(VERDICTS.get(code, KILLED) for code in codes.values() if code is not None)
             for name, codes in _by_file().items()}  # fmt: skip
    sizes = {name: len(codes) for name, codes in _by_file().items()}
    killed, margin = estimate([(sizes[name], sum(c.values()), c[KILLED]) for name, c in files.items()])
    verdicts = sum(files.values(), Counter[str]())
    figures = {
        "mutants": sum(sizes.values()), "seed": seed, "tested": sum(verdicts.values()), **verdicts,
        "killed_share": round(killed, 4), "margin_95": round(margin, 4),
        "files": {name: {"mutants": sizes[name], **counts} for name, counts in files.items()},
    }  # fmt: skip
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return figures


def estimate(files: list[tuple[int, int, int]]) -> tuple[float, float]:
    """(share killed, half of the 95 % interval) of all mutants, from (mutants, tested, killed) of each file.

    Stratified: each file counts by its mutants. Source: Cochran, Sampling Techniques, 5.3 to 5.5, with one half
    added to both outcomes, so that a file of which all were killed is not taken for certain.
    """
    total = sum(mutants for mutants, tested, _ in files if tested)
    share = variance = 0.0
    for mutants, tested, killed in files:
        if not tested:
            continue
        weight = mutants / total
        share += weight * killed / tested
        smoothed = (killed + 0.5) / (tested + 1)
        variance += weight**2 * (1 - tested / mutants) * smoothed * (1 - smoothed) / tested
    return share, 1.96 * math.sqrt(variance)


if __name__ == "__main__":
    main()
