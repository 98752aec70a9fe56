"""What the pages name is there: commands with their options, make targets, files, settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from infra.cli import build_app
from infra.settings import Settings
from tests.docs.snippets import DOCS

ROOT = DOCS.parent
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
_FENCED = re.compile(r"^ *```\w*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_ANCHOR = re.compile(r"\]\(((?!\w+:)[^)#\s]*)#([^)]+)\)")
# What the examples of the API are told in the shell; and the prefix alone.
EXAMPLES = {"METERSTREAM_URL", "METERSTREAM_TOKEN", "METERSTREAM_"}
# Not the end of an address.
_PATH = re.compile(r"(?<![\w/])(?:schemas|streams|sinks|infra|tests|bench|docs|meterstream)/[\w./*-]*")
_SETTING = re.compile(r"METERSTREAM_[A-Z0-9_]+")


def code_of(text: str) -> Iterator[str]:
    """Each piece of code: a line of a block without its comment, or what stands between backticks."""
    for block in _FENCED.finditer(text):
        yield from (line.partition("  #")[0] for line in block[1].splitlines())
    for inline in _INLINE.finditer(_FENCED.sub("", text)):
        yield inline[1].replace("\n", " ").replace("\\|", "|")


def calls_of(text: str, program: str) -> Iterator[list[str]]:
    """The words behind `program` wherever it is called."""
    for code in code_of(text):
        for call in re.finditer(rf"(?:^|[\s/(]){program} ([^;|&)]*(?:\|[^;&)]*)?)", code):
            try:
                yield shlex.split(call[1].replace("…", "").split(" > ")[0])
            except ValueError:
                # A quotation that ends on another line.
                yield call[1].split()


def fault_of(words: list[str], commands: Any) -> str | None:
    """What of a call of the command line is not there."""
    command, path = commands, "meterstream"
    for word in (each.rstrip(",.") for each in words):
        named = [name for name in word.split("|") if name]
        known = getattr(command, "commands", None)
        if known is not None and word[:1] not in {"-", "["}:
            if not set(named) <= set(known):
                # `notices ACCOUNT` is `notices show ACCOUNT`.
                command = known.get("show", command) if path == "meterstream notices" else None
                if command is None:
                    return f"{path} {word}"
                continue
            command, path = known[named[0]], f"{path} {word}"
        elif word.startswith("--"):
            options = {
                each for parameter in command.params for each in (*parameter.opts, *parameter.secondary_opts)
            }
            if word.partition("=")[0].strip("[]") not in options | {"--help"}:
                return f"{path} {word}"
    return None


@pytest.fixture(scope="module")
def commands() -> Any:
    return typer.main.get_command(build_app())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_that_a_page_names_exists(page: Path, commands: Any) -> None:
    text = page.read_text(encoding="utf-8")

    faults = [fault for words in calls_of(text, "meterstream") if (fault := fault_of(words, commands))]

    assert faults == []


def test_the_readme_has_every_command_in_its_table_and_no_other(commands: Any) -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| Command |")[2].partition("\n\n")[0]
    rows = [re.split(r"(?<!\\)\|", row)[1] for row in table.splitlines()[2:]]
    calls = [code.replace("…", "").split() for row in rows for code in code_of(row)]

    assert [fault for words in calls if (fault := fault_of(words, commands))] == []
    # `demo` has its place above; `run` is the supervisor's.
    assert set(commands.commands) - {words[0] for words in calls} == {"demo", "run"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = {words[0] for words in calls_of(page.read_text(encoding="utf-8"), "make") if words}

    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_or_links_to_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = {link for link in _LINK.findall(_FENCED.sub("", text)) if "://" not in link}
    named = {path.rstrip(".") for code in code_of(text) for path in _PATH.findall(code)}

    assert {link for link in links if not (page.parent / link).exists()} == set()
    assert {path for path in named if not any(ROOT.glob(path))} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_heading_that_a_page_links_to_exists(page: Path) -> None:
    links = _ANCHOR.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))

    missing = {
        (name, slug) for name, slug in links if slug not in slugs_of(page.parent / name if name else page)
    }

    assert missing == set()


def slugs_of(page: Path) -> set[str]:
    """What the headings of a page are called in links, as GitHub and most others make it."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    known = {f"METERSTREAM_{name.upper()}" for name in Settings.model_fields}

    named = set(_SETTING.findall(page.read_text(encoding="utf-8")))

    assert named - known - EXAMPLES == set()


def test_a_command_an_option_and_a_group_that_are_not_there_are_found(commands: Any) -> None:
    assert fault_of(["frobnicate"], commands) == "meterstream frobnicate"
    assert fault_of(["pay", "frobnicate"], commands) == "meterstream pay frobnicate"
    assert fault_of(["report", "acme", "--frobnicate"], commands) == "meterstream report --frobnicate"
    assert fault_of(["token", "create|list", "--scope", "read"], commands) is None
    assert fault_of(["notices", "acme", "--undelivered"], commands) is None
