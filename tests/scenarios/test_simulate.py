"""The real command: `meterstream simulate` as a process (contract 5)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.cli import main
from tests.scenarios.telling import (
    PER_HOUR_0_36,
    Record,
    beat,
    opened,
    paid,
    spent,
    started,
    tell,
)

STORY = (
    opened("fluxedge"),
    paid("00:00", "10"),
    started("10:00", PER_HOUR_0_36),
    beat("10:00:37"),
    b"no json",
    paid("10:02", "1", method="wechat"),
    opened("flexai", "10:03", account="other"),
)
PROFILES = Path(__file__).parent / "profiles"


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """The story as a file of JSON Lines."""
    path = tmp_path / "story.jsonl"
    path.write_bytes(b"\n".join(STORY) + b"\n")
    return path


def _simulate(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "infra.cli", "simulate", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)


def _records(done: subprocess.CompletedProcess[bytes]) -> list[Record]:
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.req("X-01", "FX-02")
def test_it_prints_every_record_as_a_line_and_the_same_bytes_again(story: Path) -> None:
    first, second = _simulate(story), _simulate("-", stdin=story.read_bytes())

    assert first.stdout == second.stdout
    assert _records(first) == tell(*STORY).records
    assert [r["record"] for r in _records(first)][-2:] == ["balance", "balance"]


def test_it_reads_several_files_in_their_order(tmp_path: Path) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_bytes(opened("flexai") + b"\n")
    # The last line of a file needs no line break.
    two.write_bytes(spent("01:00", "1"))

    assert _records(_simulate(one, two)) == tell(opened("flexai"), spent("01:00", "1")).records


def test_until_is_a_time_of_any_offset(story: Path) -> None:
    records = _records(_simulate(story, "--until", "2026-11-01T12:00:37+02:00"))

    assert records == tell(*STORY, until="10:00:37").records


def test_nothing_comes_of_nothing() -> None:
    done = _simulate("-")

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_folder_of_profiles_adds_a_provider(tmp_path: Path) -> None:
    done = _simulate(
        "-", "--profiles", PROFILES, stdin=opened("pennycloud") + b"\n" + opened("flexai", account="b")
    )

    assert [(r["account"], r["balance"]) for r in _records(done) if r["record"] == "balance"] == [
        ("acme", "0.00"),
        ("b", "10.00"),
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('rounding = "cents"', 'rounding = "roughly"'), ["rounding", "roughly", "exact", "cents"]),
        (('payg = "0.50"', 'payg = "a lot"'), ["skus.box.prices.1.payg", "a lot", "decimal"]),
        (('spot = "0.10"', 'spot = "0.37"'), ["skus.box.prices.0.spot", "0.37", "below payg"]),
        (
            ("until = 2026-11-02", "until = 2026-11-03"),
            ["skus.box.prices.0.until", "2026-11-03", "2026-11-02"],
        ),
        (('name = "pennycloud"', 'name = "other"'), ["name", "other", "pennycloud"]),
        (('source = "tests"\ncurrency', 'colour = "red"\ncurrency'), ["colour", "red"]),
        (('currency = "USD"', 'currency = "dollars"'), ["currency", "dollars"]),
        (('methods = ["card"]', 'methods = ["cash"]'), ["payments.methods.0", "cash", "card"]),
        (
            ('methods = ["card"]', 'minimum = "1"\npacks.tiny = { amount = "0.99" }'),
            ["payments.packs.tiny.amount", "0.99", "at least the minimum 1"],
        ),
        (("[payments]", "[payments"), ["TOML"]),
    ],
    ids=["value", "price", "lint", "overlap", "name", "unknown key", "currency", "method", "pack", "syntax"],
)
def test_a_bad_profile_is_told_by_file_key_value_and_what_is_allowed(
    tmp_path: Path, change: tuple[str, str], told: list[str]
) -> None:
    from schemas.profile import ProfileFault, load_profile

    path = tmp_path / "pennycloud.toml"
    path.write_text((PROFILES / "pennycloud.toml").read_text().replace(*change, 1))

    with pytest.raises(ProfileFault) as fault:
        load_profile(path)

    for word in (str(path), *told):
        assert word in str(fault.value)


def test_a_bad_profile_fails_the_run_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pennycloud.toml"
    path.write_text((PROFILES / "pennycloud.toml").read_text().replace('"cents"', '"roughly"'))

    exit_code = main(["simulate", "-", "--profiles", str(tmp_path)])

    told = capfd.readouterr()
    assert (exit_code, told.out, told.err.count("\n")) == (1, "", 1)
    assert "pennycloud.toml" in told.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["-", "--until", "tomorrow"], 2),
        (["-", "--unheard-of"], 2),
        (["/nowhere/at/all.jsonl"], 1),
        (["-", "--profiles", "/nowhere/at/all"], 1),
    ],
)
def test_bad_use_is_two_and_a_failed_run_is_one_in_one_line(
    arguments: list[str], code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    exit_code = main(["simulate", *arguments])

    told = capfd.readouterr()
    assert (exit_code, told.out) == (code, "")
    assert told.err.count("\n") == 1


def test_help_is_help(capfd: pytest.CaptureFixture[str]) -> None:
    exit_code = main(["simulate", "--help"])

    assert exit_code == 0
    assert "--until" in capfd.readouterr().out
