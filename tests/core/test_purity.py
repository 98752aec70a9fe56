"""The engine is pure: no clock, no chance, no environment, no file, no log, and no float comes near money (X-06)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[2] / "streams" / "core"
MODULES = sorted(CORE.glob("*.py"))
FORBIDDEN = {
    "faust", "mode", "kafka", "confluent_kafka", "aiokafka", "rocksdict", "clickhouse_connect", "chdb", "structlog",
    "os", "sys", "pathlib", "io", "time", "random", "secrets", "uuid", "logging", "socket", "subprocess", "threading",
    "asyncio", "math", "statistics", "infra", "sinks", "tests",
}  # fmt: skip
CLOCKS = {"now", "utcnow", "today", "monotonic", "perf_counter"}
NAMES = {"float", "open", "print", "input", "eval", "exec", "id", "hash", "globals"}
each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _impurities(source: str) -> list[str]:
    """What in `source` could make two runs differ, or an amount inexact; empty for a pure module."""
    tree = ast.parse(source)
    found = [f"imports {name}" for name in _imports(tree) if name.partition(".")[0] in FORBIDDEN]
    for node in ast.walk(tree):
        where = f"line {getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Constant) and isinstance(node.value, (float, complex)):
            found.append(f"{where}: float {node.value}")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            found.append(f"{where}: / makes floats of integers; divide in amounts.py, in integers")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NAMES:
            found.append(f"{where}: {node.func.id}()")
        elif isinstance(node, ast.Attribute) and node.attr in CLOCKS:
            found.append(f"{where}: .{node.attr} reads a clock")
        elif isinstance(node, ast.Assert):
            found.append(f"{where}: assert; a broken promise raises BrokenInvariant")
        elif isinstance(node, ast.ExceptHandler) and _is_bare(node):
            found.append(f"{where}: except without a kind")
        elif isinstance(node, ast.Global | ast.AsyncFunctionDef | ast.Await):
            found.append(f"{where}: {type(node).__name__}")
    return found


def _is_bare(node: ast.ExceptHandler) -> bool:
    return node.type is None or (
        isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
    )


@pytest.mark.req("X-06")
@each_module
def test_the_engine_is_pure(path: Path) -> None:
    assert _impurities(path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "import os", "from pathlib import Path", "import time", "from random import random", "from uuid import uuid4",
        "import logging", "import faust", "from confluent_kafka import Producer", "import clickhouse_connect",
        "price = 0.1", "x = 1e3", "x = float('1')", "x = 1 / 3", "x /= 2", "datetime.now(UTC)", "date.today()",
        "print(1)", "open('x')", "assert x", "try:\n    x\nexcept Exception:\n    pass", "try:\n    x\nexcept:\n    pass",
        "hash('x')", "async def f(): pass",
    ],
)  # fmt: skip
def test_each_impurity_would_be_found(line: str) -> None:
    assert _impurities(line) != []


@each_module
def test_the_first_line_says_what_a_module_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))

    assert docstring
    assert path.read_text().startswith('"""')


@each_module
def test_iteration_over_sets_is_sorted(path: Path) -> None:
    """The order of a set of strings differs between processes, so nothing may be made from it."""
    tree = ast.parse(path.read_text())

    loops = [node.iter for node in ast.walk(tree) if isinstance(node, ast.For | ast.comprehension)]
    assert [ast.unparse(each) for each in loops if isinstance(each, ast.Set | ast.SetComp)] == []
    calls = [each for each in loops if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)]
    assert [ast.unparse(each) for each in calls if each.func.id in ("set", "frozenset")] == []  # type: ignore[attr-defined]
