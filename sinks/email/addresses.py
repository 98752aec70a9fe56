"""Addresses as they may be told: in logs, in deliveries, in ClickHouse. Pure."""

from __future__ import annotations

import re
from typing import Final

_ADDRESS: Final = re.compile(r"[^@\s<>,;:\"'()]+@[^@\s<>,;:\"'()]+")


def masked(address: str) -> str:
    """``o***@example.com``: enough to recognise one's own, too little to write to."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain[:100]}"


def without_addresses(text: str) -> str:
    """`text`, such as a server's answer, with every address masked."""
    return _ADDRESS.sub(lambda found: masked(found[0]), text)
