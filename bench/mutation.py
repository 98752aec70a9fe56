"""Does a test fail when a line of the fold is wrong? Mutation testing of `streams/core`: `make mutation`.

mutmut changes one thing at a time (a comparison, a number, an argument) and notes which tests reach which function;
`bench.mutants` runs them. All mutants take hours of one core, so a run takes the first so many of a seeded order, and
a later one goes on from there. The tree is copied to `build/mutation/tree`: working on does not disturb a run.
`build/mutation.json` has the figures, `build/mutation/survivors.txt` what no test noticed; docs/mutation.md reads them.
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
from collections import Counter, defaultdict
from pathlib import Path

from bench.mutants import ENDLESS, KILLED

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "mutation"
TREE, VENV, LOG, VERDICTS = WORK / "tree", WORK / "venv", WORK / "log", WORK / "verdicts.jsonl"
MUTANTS = TREE / "mutants"
FIGURES = ROOT / "build" / "mutation.json"
# mutmut reads an attribute of tests that pytest 9.1 no longer has.
TOOL = ("mutmut==3.7.0", "pytest==9.0.3")
# Any one mutant: asked for it, mutmut writes all of them down and notes what the tests reach.
FIRST = "streams.core.turn.x_record_id__mutmut_2"
SAMPLE, SEED = 500, 20261125


def main() -> None:
    """Draw, test, write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=SAMPLE, help="mutants tested in all; 0 for every one")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--fresh", action="store_true", help="copy the tree anew, forget what was tested")
    chosen = parser.parse_args()
    _prepare(fresh=chosen.fresh)
    order = _order(chosen.seed)
    wanted = order[: chosen.sample or len(order)]
    _test([name for name in wanted if name not in _verdicts()])
    verdicts = {name: verdict for name, verdict in _verdicts().items() if name in set(wanted)}
    _write_figures(verdicts, len(order), chosen.seed)
    _write_survivors(sorted(name for name, verdict in verdicts.items() if verdict not in (KILLED, ENDLESS)))
    print(FIGURES.read_text(encoding="utf-8"))


# --- the copy and the tool ---------------------------------------------------------------------------------


def _prepare(*, fresh: bool) -> None:
    if fresh:
        shutil.rmtree(TREE, ignore_errors=True)
        VERDICTS.unlink(missing_ok=True)
    if not (VENV / "bin" / "mutmut").exists():
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(VENV / "bin" / "python")]
        subprocess.run([*install, "--requirement", str(ROOT / "requirements.lock")], check=True)
        subprocess.run([*install, *TOOL], check=True)
    if not (MUTANTS / "mutmut-stats.json").exists():
        _copy_tree()
        _quietly(TREE, "mutmut", "run", "--max-children", "1", FIRST)


def _copy_tree() -> None:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (TREE / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, TREE / name)


def _quietly(folder: Path, program: str, *arguments: str) -> None:
    """Run a program of the tool's environment out of the way of everything else; what it says goes to a log."""
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = ["nice", "-n", "19", str(VENV / "bin" / program), *arguments]
    with LOG.open("ab") as log:
        subprocess.run(
            command, cwd=folder, env=os.environ | {"PATH": path}, stdout=log, stderr=log, check=True
        )


# --- the sample --------------------------------------------------------------------------------------------


def _order(seed: int) -> list[str]:
    """Every mutant, in the order in which they are drawn."""
    metas = sorted((MUTANTS / "streams" / "core").glob("*.meta"))
    names = [name for meta in metas for name in json.loads(meta.read_text())["exit_code_by_key"]]
    return random.Random(seed).sample(names, len(names))


def _test(names: list[str]) -> None:
    if names:
        listed = WORK / "names.txt"
        listed.write_text("\n".join(names), encoding="utf-8")
        _quietly(MUTANTS, "python", str(ROOT / "bench" / "mutants.py"), str(listed), str(VERDICTS))


def _verdicts() -> dict[str, str]:
    if not VERDICTS.exists():
        return {}
    told = [json.loads(line) for line in VERDICTS.read_text(encoding="utf-8").splitlines()]
    return {each["mutant"]: each["verdict"] for each in told}


# --- what came of it ---------------------------------------------------------------------------------------


def _write_figures(verdicts: dict[str, str], mutants: int, seed: int) -> None:
    counts = Counter(verdicts.values())
    noticed = counts[KILLED] + counts[ENDLESS]
    files: dict[str, Counter[str]] = defaultdict(Counter)
    for name, verdict in verdicts.items():
        files[name.split(".")[2]][verdict] += 1
    figures = {
        "mutants": mutants, "seed": seed, "tested": len(verdicts), **counts,
        "killed_share": round(noticed / len(verdicts), 3),
        "interval_95": [round(bound, 3) for bound in interval(noticed, len(verdicts))],
        "files": {name: dict(files[name]) for name in sorted(files)},
    }  # fmt: skip
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def interval(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share. Source: Wilson, JASA 22 (1927) 209."""
    z = 1.96
    middle = (hits + z * z / 2) / (trials + z * z)
    half = z * math.sqrt(hits * (trials - hits) / trials + z * z / 4) / (trials + z * z)
    return middle - half, min(1.0, middle + half)


def _write_survivors(names: list[str]) -> None:
    with (WORK / "survivors.txt").open("w", encoding="utf-8") as out:
        for name in names:
            shown = subprocess.run(
                [str(VENV / "bin" / "mutmut"), "show", name], cwd=TREE, check=True, capture_output=True
            )
            out.write(shown.stdout.decode() + "\n")


if __name__ == "__main__":
    main()
