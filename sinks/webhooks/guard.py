"""Where webhooks may go: to the public internet, never into our own networks (SSRF).

The name is resolved here, every address is checked, and the connection goes to the address that was checked: a name
that points elsewhere a moment later changes nothing. Redirects are not followed, so there is no second address.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
PORTS: Final = frozenset({443, 8443})
RESOLVE_S: Final = 5.0
# Translators of IPv4: an address behind them is judged by the IPv4 address within.
_NAT64: Final = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL: Final = IPv6Network("64:ff9b:1::/48")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class NotAllowed(Exception):
    """The name does not lead to where webhooks may go."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of `host`; OSError where it has none, TimeoutError where the answer does not come."""
    ask = asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found = await asyncio.wait_for(ask, RESOLVE_S)
    return [str(each[4][0]) for each in found]


async def address_of(host: str, port: int, *, loopback: bool, resolve: Resolve = resolve) -> str:
    """The address to connect to; raises `NotAllowed` unless every address of `host` is one webhooks may go to.

    `loopback`: this machine alone is allowed.
    """
    addresses = await resolve(host, port)
    if not addresses:
        raise NotAllowed("the name has no address")
    for address in addresses:
        if not is_allowed(address, loopback=loopback):
            raise NotAllowed("the name leads to an address that webhooks may not go to")
    return addresses[0]


def is_allowed(text: str, *, loopback: bool) -> bool:
    """Whether a webhook may go to the address `text`: to a public one, or with `loopback` to this machine's own."""
    address = _within(ip_address(text.partition("%")[0]))
    if address is None:
        return False
    if loopback:
        return address.is_loopback
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _within(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address | None:
    """The IPv4 address that an IPv6 address stands for, else itself; None for what only a tunnel leads to."""
    if isinstance(address, IPv4Address):
        return address
    if address.teredo is not None or address in _NAT64_LOCAL:
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
