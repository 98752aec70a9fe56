"""The table of requirements, and which tests say that they prove one.

A test says so with `@pytest.mark.req("FA-23")`. Marks are read from the source, so nothing is imported or run.
"""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "requirements.toml"
PROFILES = ROOT / "schemas" / "profiles"


@dataclass(frozen=True)
class Requirement:
    """One requirement: whose, of what kind, in short words, and why it has no test where it has none."""

    id: str
    provider: str
    kind: str
    words: str
    reason: str | None = None
    awaits: str | None = None


@dataclass(frozen=True, order=True)
class Proof:
    """A test that is marked with a requirement."""

    path: str
    test: str

    @property
    def promise(self) -> str:
        """The test's name as words."""
        return self.test.removeprefix("test_").replace("_", " ")


@cache
def requirements() -> dict[str, Requirement]:
    """Every requirement by its id, in the table's order; product text has its reason from its profile."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    scope: dict[str, str] = {}
    for path in sorted(PROFILES.glob("*.toml")):
        scope |= tomllib.loads(path.read_text(encoding="utf-8")).get("scope", {})
    return {name: Requirement(name, reason=scope.get(name), **row) for name, row in table.items()}


@cache
def proofs() -> dict[str, tuple[Proof, ...]]:
    """Requirement id → the tests marked with it, in the order of files and lines."""
    found: dict[str, list[Proof]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                proof = Proof(path.relative_to(ROOT).as_posix(), node.name)
                for name in dict.fromkeys(_marks(node)):
                    found[name].append(proof)
    return {name: tuple(tests) for name, tests in found.items()}


def _marks(test: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in test.decorator_list:
        for node in ast.walk(decorator):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.req":
                yield from (argument.value for argument in node.args if isinstance(argument, ast.Constant))  # type: ignore[misc]
