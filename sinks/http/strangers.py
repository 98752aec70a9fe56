"""How often callers that are not known may ask: so many requests a minute from one address. Pure but for the clock it is given.

Promises: whoever shows a good token or key is never counted nor held up, for behind a proxy all callers have one
address; what is kept is one minute and at most `ADDRESSES_MAX` addresses, those beyond share one count. The address is the connection's:
what `X-Forwarded-For` says anybody may write.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Final

from sinks.http.gate.decision import minute_of, retry_after_s

PER_MINUTE: Final = 600
ADDRESSES_MAX: Final = 10_000
# All addresses that there is no room for; no address is called so.
_OTHERS: Final = "others"

Client = tuple[str, int] | None


class Strangers:
    """Up to `per_minute` refusals an address, then it is to wait; 0 for no limit. `now_ms`: Unix time in milliseconds."""

    def __init__(self, per_minute: int, now_ms: Callable[[], int]) -> None:
        self._per_minute, self._now_ms = per_minute, now_ms
        self._minute = -1
        self._counts: dict[str, int] = {}

    def wait_s(self, client: Client) -> int:
        """Count a request of `client` (address and port) that shows nothing good; 0, or the seconds that it is to wait."""
        if not self._per_minute:
            return 0
        now_ms = self._now_ms()
        if (minute := minute_of(now_ms)) != self._minute:
            self._minute, self._counts = minute, {}
        network = _network(client[0] if client else "")
        if network not in self._counts and len(self._counts) >= ADDRESSES_MAX:
            network = _OTHERS
        count = self._counts[network] = self._counts.get(network, 0) + 1
        return retry_after_s(now_ms) if count > self._per_minute else 0


def _network(address: str) -> str:
    """What one caller has of addresses: one of IPv4, 2^64 of IPv6."""
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else parsed.packed[:8].hex()
