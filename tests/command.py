"""The command line as a user calls it: `meterstream` in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from infra.settings import Settings

ROOT = Path(__file__).parents[1]


def meterstream(
    settings: Settings, *arguments: str, timeout_s: float = 200, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """What `meterstream ARGUMENTS` prints and its exit code, by `settings`; `environment` stands above all else."""
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", *arguments],
        env=os.environ | settings.to_env() | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
