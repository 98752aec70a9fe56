"""How long to wait before the next attempt. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

_SPREAD: Final = 0.2


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first_s` after the first failure, `factor` times as long after each further one, `max_s` at most."""

    first_s: float
    max_s: float
    factor: float = 2.0

    def pause_s(self, failures: int, whose: str = "") -> float:
        """Seconds to wait after `failures` (1 or more) in a row, up to a fifth longer or shorter.

        The spread depends on `whose`, so that what failed together does not come back together.
        """
        # The exponent is bounded: a float has an end.
        pause_s = min(self.first_s * self.factor ** min(failures - 1, 64), self.max_s)
        share = blake2b(f"{whose}\0{failures}".encode("utf-8", "surrogatepass"), digest_size=4).digest()
        return pause_s * (1 - _SPREAD + 2 * _SPREAD * int.from_bytes(share, "big") / 0xFFFFFFFF)
