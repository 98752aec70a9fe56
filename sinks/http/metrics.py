"""What Prometheus scrapes: the requests of this service, and the state of the store as readers see it."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Final, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from sinks.http.ports import Ports, Unavailable
from sinks.http.spending import Analysis

# Scrapers that come more often get the last count.
COUNT_EVERY_S: Final = 15.0


class Metrics:
    """A registry of its own, so that two applications in one process do not meet."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._lock = threading.Lock()
        self._counted_s = float("-inf")
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "meterstream_http_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self._webhooks = Counter(
            "meterstream_payment_webhooks",
            "Webhooks of payment providers; unassigned: money that names no account.",
            ["provider", "outcome"],
            registry=self.registry,
        )
        self._rows = Gauge(
            "meterstream_stored_rows",
            "Rows in a table, twins that are not yet merged included.",
            ["table"],
            registry=self.registry,
        )
        self._dead_letters = Gauge(
            "meterstream_dead_letters", "Records that could not be stored.", registry=self.registry
        )
        self._store_up = Gauge(
            "meterstream_clickhouse_up", "1 while ClickHouse answers.", registry=self.registry
        )

        self._freshness = Gauge(
            "meterstream_freshness_seconds",
            "Seconds until charges could be seen, over the last busy 15 minutes: age_max_s and age_mean_s since they fell due, "
            "waited_max_s since Kafka had them.",
            ["what"],
            registry=self.registry,
        )
        self._clock = Gauge(
            "meterstream_clock_timestamp_seconds",
            "The clock of the slowest partition of the journal.",
            registry=self.registry,
        )

    def webhook(self, provider: str, outcome: str) -> None:
        """One more webhook of a payment provider."""
        self._webhooks.labels(provider, outcome).inc()

    def count(self, route: str, status: int) -> None:
        """One more request."""
        self._requests.labels(route, str(status)).inc()

    def expose(self) -> bytes:
        """Everything in the text format of Prometheus; never raises, a store that is down is a metric too."""
        with self._lock:
            if time.monotonic() - self._counted_s >= COUNT_EVERY_S:
                self._ask()
                self._counted_s = time.monotonic()
        return generate_latest(self.registry)

    def _ask(self) -> None:
        try:
            self._count_rows()
            self._look_at_the_time()
        except Unavailable:
            self._store_up.set(0)
            return
        self._store_up.set(1)

    def _count_rows(self) -> None:
        counts = self._ports.reports().stored_rows()
        self._dead_letters.set(counts.pop("dead_letters", 0))
        for table, rows in counts.items():
            self._rows.labels(table).set(rows)

    def _look_at_the_time(self) -> None:
        reports = cast("Analysis", self._ports.reports())
        for what, seconds in reports.freshness().items():
            if what.endswith("_s"):
                # Without a charge yet there is no figure.
                self._freshness.labels(what).set(float("nan") if seconds is None else float(seconds))
        slowest = reports.clock()["slowest"]
        if slowest is not None:
            self._clock.set(datetime.fromisoformat(slowest).timestamp())
