"""The FinOps Foundation's own validator of FOCUS files, in an environment of its own.

It needs numpy below 2 and pyarrow below 22, so it cannot live in ours. Its release says Python 3.12; one f-string
with quotes inside quotes keeps it from 3.11, and that line is mended after the installation.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

ENVIRONMENT: Final = Path(__file__).resolve().parent.parent / "build" / "focus-validator"
RELEASE: Final = "focus-validator==2.2.1"
# The release's own bounds; without --no-deps the installer would refuse Python 3.11.
NEEDS: Final = (
    "pandas>=2,<3", "tabulate", "pyarrow<22", "pydantic>=2.12,<3", "pyyaml", "requests", "pandera>=0.26.1,<0.27",
    "multimethod>=2.0,<2.1", "sqlglot>=27.28.1,<28", "jsonschema>=4.25.1,<5", "numpy>=1.26,<2", "pytz<2026",
    "pandasql<0.8", "polars>=1.34,<2", "ddt", "duckdb>=1.4.1,<2", "graphviz<0.22",
)  # fmt: skip
BROKEN: Final = """f"'{k.replace('\\"', '\\"\\"')}'" for k in ignore_keys"""
MENDED: Final = """"'" + k.replace('"', '""') + "'" for k in ignore_keys"""
# What this product sells by; not: commitment discounts, capacity reservations, regions, zones and tags.
CRITERIA: Final = (
    "ACCOUNT_NAMING_SUPPORTED", "MULTIPLE_BILLING_ACCOUNT_TYPES_SUPPORTED", "MULTIPLE_SUB_ACCOUNT_TYPES_SUPPORTED",
    "MULTIPLE_PRICING_CATEGORIES_SUPPORTED", "NEGOTIATED_PRICING_SUPPORTED", "PUBLIC_PRICE_LIST_SUPPORTED",
    "USAGE_MEASUREMENT_SUPPORTED", "UNIT_PRICING_SUPPORTED", "SUB_ACCOUNT_SUPPORTED",
    "BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED", "RESOURCE_TYPE_ASSIGNMENT_SUPPORTED",
    "PRICING_BILLING_CURRENCY_DIFFERENCES_SUPPORTED", "VIRTUAL_CURRENCY_SUPPORTED",
)  # fmt: skip


def failing_rules(data: Path, report: Path) -> tuple[set[str], int]:
    """The ids of the rules of FOCUS 1.2 that `data` (CSV) fails, and how many were checked; `report` is written."""
    packages = _installed()
    subprocess.run(
        [
            ENVIRONMENT / "bin" / "focus-validator",
            *("--data-file", data, "--validate-version", "1.2", "--block-download"),
            *("--applicability-criteria", ",".join(CRITERIA)),
            *("--output-type", "unittest", "--output-destination", report),
        ],
        # It opens its list of currencies by a path relative to its packages.
        cwd=packages,
        capture_output=True,
        check=False,
    )
    cases = list(ET.parse(report).getroot().iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return {str(case.get("name")).partition(" ")[0] for case in failed}, len(cases)


def _installed() -> Path:
    """The validator's folder of packages; makes the environment where it is missing (about 20 s)."""
    ENVIRONMENT.parent.mkdir(parents=True, exist_ok=True)
    done = ENVIRONMENT / ".done"
    if not done.exists():
        _install()
        done.touch()
    return next(ENVIRONMENT.glob("lib/python3*/site-packages"))


def _install() -> None:
    python = ENVIRONMENT / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
    ours = Path(sys.executable).parent / "uv"
    subprocess.run([ours, "pip", "install", "--quiet", "--python", python, *NEEDS], check=True)
    options = ("--quiet", "--disable-pip-version-check", "--ignore-requires-python", "--no-deps")
    subprocess.run([python, "-m", "pip", "install", *options, RELEASE], check=True)
    (source,) = ENVIRONMENT.glob(
        "lib/python3*/site-packages/focus_validator/config_objects/focus_to_duckdb_converter.py"
    )
    text = source.read_text()
    if BROKEN not in text:
        raise AssertionError(f"{RELEASE} is not the release whose line is mended here")
    source.write_text(text.replace(BROKEN, MENDED))
