"""How much an outbox asks of the world, and what it has counted. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sinks.outbox.backoff import Backoff


@dataclass(frozen=True, slots=True)
class Patience:
    """`parallel`: attempts at a time in a group. `give_up_s`: after so long an item that is put off is dead.
    `per_hour`: sent in a lane in any hour, 0 for no limit; `together_max`: items told together.
    `ordered`: an item waits for the older ones of its lane. `away_is_put_off`: what could not be sent because its
    group is away counts as put off, and dies in the end.
    """

    parallel: int = 4
    give_up_s: float = 3 * 86_400.0
    per_hour: int = 0
    together_max: int = 50
    ordered: bool = False
    away_is_put_off: bool = False
    item: Backoff = field(default_factory=lambda: Backoff(30.0, 3_600.0))
    group: Backoff = field(default_factory=lambda: Backoff(0.5, 30.0))


@dataclass
class Counts:
    """What this process has done since it started: items by how they ended, attempts that found nobody."""

    ended: Counter[str] = field(default_factory=Counter)
    taken: int = 0
    put_off: int = 0
    away: int = 0
    unreadable: int = 0
