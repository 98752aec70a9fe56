"""What Prometheus scrapes of the gate: what it answered, what it knows, and how old that is."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sinks.http.gate.gate import Gate
from sinks.http.gate.windows import SharedWindows


class GateMetrics(Collector):
    """Reads the gate's own counts when it is scraped, so that an answer costs no metric."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def collect(self) -> Iterator[Metric]:
        """The gate's metrics."""
        gate, view = self._gate, self._gate.view
        decisions = CounterMetricFamily(
            "meterstream_gate_decisions", "Answers by profile and outcome.", labels=["profile", "outcome"]
        )
        for (profile, outcome), count in list(gate.decisions.items()):
            decisions.add_metric([profile, outcome], count)
        yield decisions
        for name, text, value in (
            ("age_seconds", "How long ago all balances that there were had been read.", gate.feed.age_s()),
            ("current", "1 while balances are known as they stand.", float(gate.is_current)),
            ("accounts", "Accounts that are known.", view.accounts),
            ("keys", "API keys that are known.", view.keys),
            ("contested_keys", "API keys that more than one account has; they are refused.", view.contested),
        ):
            yield GaugeMetricFamily(f"meterstream_gate_{name}", text, value)
        failures = gate.windows.failures if isinstance(gate.windows, SharedWindows) else 0
        for name, text, value in (
            ("unreadable_records", "Records of balances that could not be read.", view.unreadable),
            ("redis_failures", "Counts that Redis did not answer in time.", failures),
        ):
            yield CounterMetricFamily(f"meterstream_gate_{name}", text, value)
