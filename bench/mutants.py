"""Runs in mutmut's environment, inside its `mutants/`: each named mutant in a fork of one collected test session.

mutmut itself starts pytest anew for every mutant, some seconds each; collected once, a mutant costs what its tests cost
until the first that fails. Which tests reach which function, and how long they take, is mutmut's own record. Verdicts
are written as they come: a line of JSON each. Processor time limits what never ends, so a busy machine kills nothing.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

KILLED, SURVIVED, UNTESTED, ENDLESS = "killed", "survived", "no test", "endless"
# The quickest tests of a function that come to so many seconds; what only a slower one would notice survives, so
# the share that is killed is at least the one told. A mutant that takes so many times as long never ends.
TESTS_S, PATIENCE, PATIENCE_S = 6.0, 5, 20
FAILED = 1
# Price books are made when the tests are imported, and mutmut notes only what a test itself reaches.
AT_IMPORT = "streams.core.book."


class Loop:
    """A plugin that tests mutants where pytest would run its tests."""

    def __init__(self, names: list[str], results: Path) -> None:
        stats = json.loads(Path("mutmut-stats.json").read_text(encoding="utf-8"))
        self._tests: dict[str, list[str]] = stats["tests_by_mangled_function_name"]
        self._spent_s: dict[str, float] = stats["duration_by_test"]
        self._names = names
        self._results = results

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """One fork a mutant; True: there is nothing left for pytest to run."""
        items = {item.nodeid: item for item in session.items}
        with self._results.open("a", encoding="utf-8") as results:
            for name in self._names:
                chosen = [items[test] for test in self._quickest(name) if test in items]
                verdict = self._verdict(session, name, chosen) if chosen else UNTESTED
                results.write(json.dumps({"mutant": name, "verdict": verdict}) + "\n")
                results.flush()
        return True

    def _quickest(self, name: str) -> Iterator[str]:
        """The tests that reach the mutant's function, the quickest first."""
        spent_s = 0.0
        for cost_s, test in sorted((self._spent_s.get(test, 0.0), test) for test in self._reaching(name)):
            if spent_s > TESTS_S:
                return
            spent_s += cost_s
            yield test

    def _reaching(self, name: str) -> Iterable[str]:
        if name.startswith(AT_IMPORT):
            return self._spent_s
        return self._tests.get(name.rpartition("__mutmut_")[0], [])

    def _verdict(self, session: pytest.Session, name: str, items: list[pytest.Item]) -> str:
        limit_s = PATIENCE_S + int(PATIENCE * TESTS_S)
        pid = os.fork()
        if pid == 0:
            os._exit(_run(session, name, items, limit_s))
        code = os.waitstatus_to_exitcode(os.wait()[1])
        if code < 0:
            return ENDLESS
        return KILLED if code else SURVIVED


def _run(session: pytest.Session, name: str, items: list[pytest.Item], limit_s: int) -> int:
    """In the child: 0 where every test passes."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
    os.environ["MUTANT_UNDER_TEST"] = name
    try:
        _make_books_again()
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return FAILED
    except BaseException:  # noqa: BLE001 - whatever it is, the mutant was noticed
        return FAILED
    return 0


def _make_books_again() -> None:
    """Price books are made when the tests are imported, before the mutant is there."""
    from streams.core.book import Book

    for book in [each for each in gc.get_objects() if type(each) is Book]:
        book.__init__([offer.profile for offer in book.offers.values()])


def _arguments() -> Iterator[str]:
    import tomllib

    config: dict[str, Any] = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "mutmut"
    ]
    yield from config["pytest_add_cli_args"]
    yield from config["pytest_add_cli_args_test_selection"]


def main(names: str, results: str) -> None:
    """`names`: a file with a mutant a line."""
    sys.path.insert(0, str(Path.cwd()))
    os.environ["MUTANT_UNDER_TEST"] = ""
    loop = Loop(Path(names).read_text(encoding="utf-8").split(), Path(results))
    raise SystemExit(
        pytest.main(["-q", "--rootdir=.", "--timeout=0", "--capture=no", *_arguments()], plugins=[loop])
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
