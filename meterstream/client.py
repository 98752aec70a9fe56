"""Sends events to meterstream over HTTP, from any program, without holding it up.

    with Client("http://127.0.0.1:18080", source="gateway-1", token="ms_…", spill="gateway-1.spill") as client:
        client.send("request.served", "acme", {"request": "r-1", "model": "llama-3.3-70b", "input_tokens": 1200})

Promises: `send` returns at once while there is room; events go out in their order, in batches, on a thread of their
own; a batch is sent again, with the same ids, until the service says 202, so each event counts once. While the
service is away events wait in memory, then on disk (`spill`), then `send` waits. `close` sends what is left, keeps on
disk what it could not send, and raises `Unsent` where there is no disk to keep it on. What a dead process had in
memory is gone; what it had on disk is sent by the next client with the same file. One file is for one client.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time as clock
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx

from meterstream.queue import Queue

log = logging.getLogger(__name__)

BATCH = "application/cloudevents-batch+json"
BATCH_BYTES_MAX = 1_000_000
# Of the spill file; beyond it `send` waits for room.
DISK_BYTES_MAX = 1 << 30
BACK_OFF_S, BACK_OFF_S_MAX = 0.2, 30.0
# Too large, or with something in it that is no event: sending it again does not help.
REFUSED = frozenset({400, 413})
# Between two tries while the client is being closed.
LAST_TRIES_S = 1.0


class BufferFull(Exception):
    """No room for the event came within the time given; it was not taken."""


class Unsent(Exception):
    """The client was closed while the service was away, and there is no spill file. `events`: what was not sent."""

    def __init__(self, events: list[bytes]) -> None:
        super().__init__(f"{len(events)} events were not sent")
        self.events = events


def log_rejected(event: bytes, reason: str) -> None:
    """Log the event's id alone: the rest may hold an e-mail address or a key."""
    log.error("meterstream refused event %s: %s", json.loads(event)["id"], reason)


class Client:
    """Takes events and sends them; any thread may call any method."""

    def __init__(
        self,
        url: str,
        *,
        source: str,
        token: str | None = None,
        spill: str | Path | None = None,
        on_rejected: Callable[[bytes, str], None] = log_rejected,
        memory_events: int = 10_000,
        batch_events: int = 100,
        linger_s: float = 0.1,
    ) -> None:
        """`on_rejected` is told each event that is refused for good, and why; `linger_s`: how long one waits for others."""
        headers = {"content-type": BATCH} | ({"authorization": f"Bearer {token}"} if token else {})
        self._http = httpx.Client(base_url=url, headers=headers, timeout=20.0)
        self._source, self._on_rejected = source, on_rejected
        self._batch_events, self._linger_s = batch_events, linger_s
        self._queue = Queue(memory_events, Path(spill) if spill else None, DISK_BYTES_MAX)
        self._changed = threading.Condition()
        self._deadline_s: float | None = None  # set once it is being closed
        self._thread = threading.Thread(target=self._run, name="meterstream client", daemon=True)
        self._thread.start()

    def send(
        self,
        kind: str,
        account: str,
        data: Mapping[str, Any],
        *,
        event_id: str | None = None,
        time: datetime | None = None,
        timeout_s: float | None = None,
    ) -> str:
        """Take one event; gives its id. With an id of your own (the request's, the payment's) sending twice is harmless.

        `time`: when it happened, default now. Raises `BufferFull` where no room came within `timeout_s` (None: waits).
        """
        moment = (time or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds")
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": event_id or uuid.uuid4().hex,
            "source": self._source,
            "type": kind,
        }
        event |= {"subject": account, "time": moment, "data": data}
        # Decimals become strings, as the service wants money; what JSON cannot say is the caller's ValueError.
        line = json.dumps(event, default=str, allow_nan=False, ensure_ascii=False).encode()
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_closing or self._queue.put(line), timeout_s):
                raise BufferFull
            if self._is_closing:
                raise RuntimeError("the client is closed")
            self._changed.notify_all()
        return str(event["id"])

    @property
    def waiting(self) -> int:
        """Events that were taken and are not accepted yet."""
        return len(self._queue)

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until everything taken is accepted, at most `timeout_s`; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue, timeout_s)

    def close(self, timeout_s: float = 30.0) -> None:
        """Send what is left, for at most about `timeout_s`; the rest stays on disk, or is raised as `Unsent`."""
        with self._changed:
            self._deadline_s = clock.monotonic() + timeout_s
            self._changed.notify_all()
        self._thread.join()
        self._http.close()
        if left := self._queue.close():
            raise Unsent(left)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the sending thread ------------------------------------------------------------------------------

    @property
    def _is_closing(self) -> bool:
        return self._deadline_s is not None

    def _run(self) -> None:
        pause_s = 0.0
        while batch := self._next(pause_s):
            asked_s = self._post(batch)
            backed_off_s = min(max(2 * pause_s, BACK_OFF_S), BACK_OFF_S_MAX)
            # Not all clients at once.
            pause_s = 0.0 if asked_s is None else max(asked_s, backed_off_s * random.uniform(0.7, 1))  # noqa: S311

    def _next(self, pause_s: float) -> list[bytes]:
        """The next batch, after a pause; none once it is closed and all is sent, or the time for that is over."""
        with self._changed:
            was_closing = self._is_closing
            if pause_s:
                pause_s = min(pause_s, LAST_TRIES_S) if was_closing else pause_s
                self._changed.wait_for(lambda: self._is_closing != was_closing, pause_s)
            self._changed.wait_for(lambda: self._is_closing or self._queue)
            self._changed.wait_for(
                lambda: self._is_closing or len(self._queue) >= self._batch_events, self._linger_s
            )
            if self._deadline_s is not None and clock.monotonic() >= self._deadline_s:
                return []
            return self._queue.first(self._batch_events, BATCH_BYTES_MAX)

    def _post(self, batch: list[bytes]) -> float | None:
        """Send `batch`: None once each of it is accepted or refused, otherwise for how long the service asks to wait."""
        good, bad = batch, dict[bytes, str]()
        while good:
            try:
                answer = self._http.post("/v1/events", content=b"[" + b",".join(good) + b"]")
            except httpx.HTTPError as error:
                log.warning("meterstream is away, %d events wait: %r", self.waiting, error)
                return 0.0
            if answer.status_code == httpx.codes.ACCEPTED:
                break
            if answer.status_code not in REFUSED:
                log.warning("meterstream answers %d, %d events wait", answer.status_code, self.waiting)
                asked = answer.headers.get("retry-after", "")
                return float(asked) if asked.isdigit() else 0.0
            faults = _faults(answer, good)
            if not faults:
                # It does not say which: the half of them may do.
                return self._post(batch[: len(batch) // 2])
            bad |= faults
            good = [event for event in good if event not in faults]
        with self._changed:
            self._queue.forget(len(batch))
            self._changed.notify_all()
        for event, reason in bad.items():
            self._on_rejected(event, reason)
        return None


def _faults(answer: httpx.Response, sent: Sequence[bytes]) -> dict[bytes, str]:
    """The events among those sent that are refused for good, with the reasons; none where it does not say which."""
    try:
        return {sent[fault["index"]]: fault["detail"] for fault in answer.json()["events"]}
    except (ValueError, LookupError, TypeError):
        return {sent[0]: answer.text[:200]} if len(sent) == 1 else {}
