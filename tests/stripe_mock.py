"""Stripe's own `stripe-mock`: it checks requests against Stripe's OpenAPI description, and answers with examples.

Installed once by Go into `build/stripe-mock` (a minute or two, from then on nothing); where there is no Go, or it cannot be had, the
tests that want it are skipped and say why.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from infra.processes import dies_with_parent
from tests.servers import free_port, stop_part
from tests.waiting import wait_until

VERSION: Final = "v0.203.0"
FOLDER: Final = Path(__file__).resolve().parent.parent / "build" / "stripe-mock" / VERSION
INSTALL_S: Final = 400


def program() -> Path:
    """Where the program is; installs it, or skips the test."""
    path = FOLDER / "stripe-mock"
    if path.exists():
        return path
    go = shutil.which("go")
    if go is None:
        pytest.skip("stripe-mock needs Go to be installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [go, "install", f"github.com/stripe/stripe-mock@{VERSION}"],
        env=os.environ | {"GOBIN": str(FOLDER)}, capture_output=True, text=True, check=False, timeout=INSTALL_S,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"stripe-mock cannot be had: {done.stderr.strip()[-200:]}")
    return path


@contextmanager
def stripe_mock() -> Iterator[str]:
    """The address of a running one."""
    port = free_port()
    process = subprocess.Popen(
        [str(program()), "-http-addr", f"127.0.0.1:{port}", "-https-addr", f"127.0.0.1:{free_port()}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=dies_with_parent(),  # noqa: PLW1509 - it must not outlive a killed test run
    )
    base = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{base}/v1/customers", headers={"Authorization": "Bearer sk_test_x"}).is_success
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, "stripe-mock answers")
        yield base
    finally:
        stop_part(process)
