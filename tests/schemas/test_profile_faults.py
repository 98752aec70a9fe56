"""A profile with an error names file, key, value and what is allowed (issue 4, bad input)."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from schemas.profile import ProfileFault, load_profile

INSTANCE = """
name = "mini"
currency = "USD"
rounding = "exact"
title = "Mini"
source = "tests"

[payments]
methods = ["card"]

[skus.box]
kind = "instance"
modes = ["payg", "package"]
timing = "clock_hour"
rule = "MINI-1"
[[skus.box.prices]]
from = 2026-01-01
source = "tests"
payg = "1.20"
terms = { daily = "20" }
"""


def fault_of(folder: Path, *changes: tuple[str, str]) -> str:
    """What is said of the profile with `changes` made to it."""
    text = INSTANCE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "mini.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileFault) as told:
        load_profile(path)
    assert str(told.value).startswith(f"{path}: ")
    return str(told.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("from = 2026-01-01", "from = 2026-01-01T08:00:00Z", "a date without a time is needed, such as 2026-11-01"),
        ("from = 2026-01-01", "from = 2026-01-01\nuntil = 2026-01-01", "until must be after from"),
        ('kind = "instance"', 'kind = "model"', "only an instance and a hosted model have modes and timing"),
        ('timing = "clock_hour"', "", "an instance and a hosted model need modes and timing"),
        ('kind = "instance"', 'kind = "hosted"', "a hosted model, and nothing else, needs hosting"),
        ('rule = "MINI-1"', 'rule = "MINI-1"\ngauge = { window = "day", aggregate = "last" }', "storage, and nothing else, needs a gauge"),
        ('daily = "20"', 'daily = "28.80"', "skus.box.prices.0.terms.daily: 28.80; allowed: below 28.80, payg for its hours (GG-11)"),
        ('terms = { daily = "20" }', "", "skus.box.prices.0: no price for mode package; allowed: a price for each of modes"),
        ("[payments]", '[sessions]\ndisk_sku = "box"\n[payments]', "sessions.disk_sku: 'box'; allowed: the name of a sku of kind storage"),
        ("[payments]", '[sessions]\ndisk_sku = "nothing"\n[payments]', "sessions.disk_sku: 'nothing'; allowed:"),
        ('payg = "1.20"', "payg = true", "skus.box.prices.0.payg: True"),
        ('name = "mini"', 'name = "maxi"', "name: 'maxi'; allowed: 'mini', the file's name"),
    ],
)  # fmt: skip
def test_a_fault_names_the_key_and_what_is_allowed(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert says in fault_of(tmp_path, (old, new))


def test_a_launched_sku_needs_a_price(tmp_path: Path) -> None:
    prices = INSTANCE[INSTANCE.index("[[skus.box.prices]]") :]

    assert "a launched sku needs at least one price" in fault_of(tmp_path, (prices, ""))


def test_spot_is_cheaper_than_payg(tmp_path: Path) -> None:
    spot = ('payg = "1.20"', 'payg = "1.20"\nspot = "1.20"')

    assert "skus.box.prices.0.spot: 1.20; allowed: below payg 1.20 (GG-18)" in fault_of(tmp_path, spot)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ProfileFault, match="cannot be read: No such file or directory"):
        load_profile(tmp_path / "nowhere.toml")


def test_a_price_may_be_a_number_of_toml_and_stays_exact(tmp_path: Path) -> None:
    path = tmp_path / "mini.toml"
    path.write_text(INSTANCE.replace('payg = "1.20"', "payg = 1.20"), encoding="utf-8")

    price = load_profile(path).skus["box"].prices[0]

    assert price.payg == Decimal("1.20")
    assert price.start_ms == datetime.fromisoformat("2026-01-01T00:00:00Z").timestamp() * 1000
