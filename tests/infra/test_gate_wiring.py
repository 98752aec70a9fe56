"""What the settings make of the gate."""

from pathlib import Path

import pytest

from infra.http.gate import _limits, _windows, waits_for
from schemas.profile import WhenUnknown
from sinks.http.gate.windows import MemoryWindows, SharedWindows
from tests.servers import own_settings
from tests.sinks.gating import Gated


@pytest.mark.parametrize(("age_s", "is_waiting"), [(float("inf"), True), (0.5, False), (3_600.0, False)])
def test_the_service_waits_until_all_balances_are_read_once(age_s: float, is_waiting: bool) -> None:
    """Silence of Kafka later takes no gate out of its balancer: the others know no more."""
    gated = Gated()
    gated.feed.age = age_s

    assert (waits_for(gated.gate) is not None) is is_waiting


def test_redis_counts_where_it_is_configured(tmp_path: Path) -> None:
    alone = own_settings(tmp_path)
    together = own_settings(tmp_path, redis_url="redis://127.0.0.1:6379")

    assert isinstance(_windows(alone), MemoryWindows)
    assert isinstance(_windows(together), SharedWindows)


@pytest.mark.parametrize("unknown", list(WhenUnknown))
def test_the_service_says_what_becomes_of_a_key_that_is_not_known(
    tmp_path: Path, unknown: WhenUnknown
) -> None:
    limits = _limits(own_settings(tmp_path, gate_unknown_key=unknown, gate_stale_s=7))

    assert (limits.stale_s, limits.lets_unknown_pass) == (7, unknown is WhenUnknown.FAIL_OPEN)
