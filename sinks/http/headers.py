"""Headers that every answer carries, so that a browser does with it what is meant and nothing else."""

from __future__ import annotations

from typing import Final

# Pages need nothing but their own style; no other site may frame them.
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Balances and costs: whoever may keep an answer says so with an ETag, see sinks/http/answers.py.
    "Cache-Control": "no-store",
}
