"""What happens in the demo, in order of arrival. Pure: the same first day and seed give the same bytes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from schemas.values import instant_text
from schemas.wire import encode

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
DAYS: Final = 30


class Step(NamedTuple):
    """One record to send. `type` is empty where it is no event; `topic` is then where it goes."""

    arrives_ms: int
    account: str
    type: str
    raw: bytes
    topic: str = ""


class Remark(NamedTuple):
    """Something worth telling the audience when its day is played."""

    arrives_ms: int
    text: str


@dataclass
class Day:
    """One day of event time."""

    end_ms: int
    steps: list[Step] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    # Kill the worker when this day's events are on their way.
    kills_worker: bool = False


class Script:
    """Collects the steps of all stories. Times are UTC milliseconds, days are counted from 0."""

    def __init__(self, start_ms: int, seed: int) -> None:
        """`start_ms`: midnight at which the month begins."""
        self.start_ms = start_ms
        self.random = random.Random(seed)  # noqa: S311 - a story, not a secret
        self.accounts: list[str] = []
        self._steps: list[Step] = []
        self._remarks: list[Remark] = []
        self._numbers: dict[str, int] = {}
        self._kill_day = -1

    def at(self, day: int, hour: float = 0) -> int:
        """The instant of `hour` on `day`."""
        return self.start_ms + day * DAY_MS + round(hour * HOUR_MS)

    def event(
        self,
        account: str,
        kind: str,
        time_ms: int,
        data: Mapping[str, object],
        *,
        event_id: str | None = None,
        arrives_ms: int | None = None,
    ) -> str:
        """Add an event; returns its id. It arrives at its own time unless told otherwise."""
        number = self._numbers[account] = self._numbers.get(account, 0) + 1
        name = event_id or f"{account}-{number}"
        envelope = {
            "specversion": "1.0", "id": name, "source": "demo", "type": kind, "subject": account,
            "time": instant_text(time_ms), "datacontenttype": "application/json", "data": data,
        }  # fmt: skip
        when_ms = time_ms if arrives_ms is None else arrives_ms
        self._steps.append(Step(when_ms, account, kind, encode(envelope)))
        return name

    def open(self, account: str, profile: str, time_ms: int, **more: str) -> None:
        """Open an account."""
        self.accounts.append(account)
        email = f"owner@{account}.example"
        self.event(account, "account.opened", time_ms, {"profile": profile, "email": email, **more})

    def garbage(self, account: str, topic: str, raw: bytes, arrives_ms: int) -> None:
        """Add a record that is no event."""
        self._steps.append(Step(arrives_ms, account, "", raw, topic))

    def remark(self, arrives_ms: int, text: str) -> None:
        """Add a remark for the audience."""
        self._remarks.append(Remark(arrives_ms, text))

    def kill_worker(self, day: int) -> None:
        """The worker is killed on `day`, under its load."""
        self._kill_day = day

    def days(self) -> list[Day]:
        """The month, day by day, each in order of arrival."""
        days = [Day(self.start_ms + (number + 1) * DAY_MS) for number in range(DAYS)]
        for step in _sorted(self._steps):
            days[self._day_of(step.arrives_ms)].steps.append(step)
        for remark in sorted(self._remarks):
            days[self._day_of(remark.arrives_ms)].remarks.append(remark)
        if self._kill_day >= 0:
            days[self._kill_day].kills_worker = True
        return days

    def _day_of(self, time_ms: int) -> int:
        return min(DAYS - 1, (time_ms - self.start_ms) // DAY_MS)


def _sorted(steps: Iterable[Step]) -> Iterator[Step]:
    # Stable: what was told first comes first at one instant.
    return iter(sorted(steps, key=lambda step: step.arrives_ms))
