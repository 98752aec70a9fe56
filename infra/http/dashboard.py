"""What only the dashboard asks: an account's settings, how far behind the parts are, the playground."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from infra.audit import last
from infra.http import playground
from infra.http.states import States
from infra.settings import Settings
from infra.status import collect_status
from schemas.profile import Profile
from schemas.values import money_text
from sinks.email.render import Letterhead
from sinks.http.ports import Row
from streams.codec import unpack_account

# Pages ask again and again; Kafka is asked once in so long.
HEALTH_S: Final = 3.0


class Dashboard:
    """`sinks.http.ports.Operations` over this pipeline."""

    def __init__(self, settings: Settings, states: States, profiles: Mapping[str, Profile]) -> None:
        self._settings = settings
        self._states = states
        self._letterhead = Letterhead(settings.mail_from, profiles)
        self._lock = threading.Lock()
        self._health: Row = {}
        self._asked_s = float("-inf")

    def settings(self, account: str) -> Row | None:
        """As the account's latest durable state has them, amounts in its currency."""
        frame = self._states.find(account)
        found = None if frame is None else unpack_account(frame)
        if found is None or not found.profile:
            return None
        return {
            "account": found.id,
            "profile": found.profile,
            "zone": found.zone,
            "locale": found.locale,
            "email": found.email,
            "low_balance": None if found.low_balance is None else money_text(found.low_balance),
            "runway_alert": found.runway_alert,
            "digest": found.digest,
            "spend_limits": {name: money_text(limit) for name, limit in found.spend_limits.items()},
            "instance_quota": found.instance_quota,
            "auto_refill": _refill(found.refill),
        }

    def health(self) -> Row:
        """`lag` by part in records, `parts` that are not ready, `reconciled` or None."""
        with self._lock:
            if time.monotonic() - self._asked_s >= HEALTH_S:
                self._health = self._ask_health()
                self._asked_s = time.monotonic()
            return self._health

    def play(self, events: bytes, profile: str | None, until: str | None) -> Row:
        """See `infra.http.playground`."""
        return playground.play(self._letterhead, events, profile, until)

    def _ask_health(self) -> Row:
        status = collect_status(self._settings)
        return {
            "lag": [
                {"group": part.name, "records": part.lag} for part in status.parts if part.lag is not None
            ],
            "not_ready": [part.name for part in status.parts if part.state != "ready"],
            "kafka": status.kafka_error or "ok",
            "reconciled": last.last(self._settings),
        }


def _refill(refill: Any) -> Row | None:
    if refill is None:
        return None
    return {
        "enabled": refill.enabled,
        "threshold": money_text(refill.threshold),
        "amount": money_text(refill.amount),
        "monthly_cap": None if refill.monthly_cap is None else money_text(refill.monthly_cap),
    }
