"""A whole pipeline of this machine for tests: started by `meterstream up`, used through the command line, killed."""

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import clickhouse_connect

from infra.parts import Layer
from infra.parts.ready import layer_dir
from infra.settings import Settings
from infra.supervisor_state import live_state
from schemas.values import instant_text
from tests.command import meterstream
from tests.waiting import wait_until

DAY_MS = 86_400_000
START_MS = 1_793_491_200_000  # 2026-11-01
SPEC = {"gpu": "rtx-4090", "gpus": 1, "vcpus": 8, "ram_gb": 32, "disk_gb": 200}


def event(kind: str, account: str, event_id: str, time_ms: int, **data: Any) -> bytes:
    """A structured CloudEvent."""
    envelope = {
        "specversion": "1.0", "id": event_id, "source": "test", "type": kind, "subject": account,
        "time": instant_text(time_ms), "data": data,
    }  # fmt: skip
    return json.dumps(envelope).encode()


def opened(account: str, profile: str, time_ms: int = START_MS) -> bytes:
    """The account is opened."""
    mail = f"owner@{account}.example"
    return event("account.opened", account, f"{account}-open", time_ms, profile=profile, email=mail)


def paid(account: str, payment: str, amount: str, time_ms: int) -> bytes:
    """A payment by card succeeds."""
    body = {"payment": payment, "method": "card", "amount": amount, "currency": "USD"}
    return event("payment.succeeded", account, f"{account}-{payment}", time_ms, **body)


def request(account: str, number: int, time_ms: int, tokens: int) -> bytes:
    """A request with `tokens` input tokens of llama, 0.20 USD a million."""
    body = {"request": f"r{number}", "model": "llama-3.3-70b", "input_tokens": tokens}
    return event("request.served", account, f"{account}-r{number}", time_ms, **body)


class Pipeline:
    """One namespace's pipeline, with the base it stands on."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def run(
        self, *arguments: str, check: bool = True, timeout_s: float = 200
    ) -> "subprocess.CompletedProcess[str]":
        """`meterstream ARGUMENTS`; fails with what it said where it fails, unless told otherwise."""
        done = meterstream(self.settings, *arguments, timeout_s=timeout_s)
        if check and done.returncode:
            raise AssertionError(
                f"{arguments} ended with {done.returncode}: {done.stderr}{done.stdout}{self.logs()}"
            )
        return done

    def emit(self, directory: Path, lines: Iterable[bytes], *options: str) -> str:
        """Send `lines`, and a tick at the greatest time."""
        path = directory / "events.jsonl"
        path.write_bytes(b"\n".join(lines))
        return self.run("emit", str(path), *options).stdout

    def reconcile(self, *, check: bool = True) -> dict[str, Any]:
        """The answer of `reconcile --json`."""
        done = self.run("reconcile", "--json", "--timeout", "120", check=False)
        if not done.stdout:
            raise AssertionError(f"reconcile said nothing: {done.stderr}{self.logs()}")
        answer: dict[str, Any] = json.loads(done.stdout)
        assert answer["clean"] == (done.returncode == 0)
        assert not check or answer["clean"], answer["differences"][:20]
        return answer

    def query(self, sql: str) -> Sequence[Sequence[Any]]:
        """Rows of this namespace's database."""
        settings = self.settings
        dsn = settings.clickhouse_dsn.get_secret_value()
        client = clickhouse_connect.get_client(dsn=dsn, database=settings.clickhouse_database)
        return client.query(sql).result_rows

    def pid(self, part: str) -> int | None:
        """Process id of a part, None while it does not run."""
        for layer in Layer:
            state = live_state(layer_dir(self.settings, layer))
            if state and part in state.parts:
                return state.parts[part].pid
        return None

    def kill(self, part: str) -> None:
        """`kill -9`; the supervisor starts it again."""
        pid = wait_until(lambda: self.pid(part), f"{part} runs", timeout_s=60)
        os.kill(pid, signal.SIGKILL)

    def logs(self) -> str:
        """The last lines of every part, for a failure's message."""
        logs = [
            log for layer in Layer for log in sorted((layer_dir(self.settings, layer) / "logs").glob("*.log"))
        ]
        return "".join(
            f"\n--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-8:])
            for log in logs
        )
