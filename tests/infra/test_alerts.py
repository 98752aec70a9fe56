"""The alert rules speak of metrics that the service exposes, and each says what to do."""

import re
from pathlib import Path

import pytest
import yaml

from sinks.http.ports import Ports
from tests.sinks.calling import Caller
from tests.sinks.test_http import FakeReports

FILE = Path(__file__).parents[2] / "infra" / "prometheus" / "alerts.yml"
RULES = [
    rule for group in yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
]
# Of Prometheus itself.
BUILT_IN = {"up"}


def exposed() -> set[str]:
    """Every name that `/metrics` knows, also where there is no sample yet."""
    client = Caller(Ports(FakeReports, hosts=frozenset({"testserver"})))
    client.get("/v1/accounts/a/1/balance")
    text = client.get("/metrics").text
    typed = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    return {name for name, _ in typed}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_rule_speaks_of_metrics_that_there_are(rule: dict[str, str]) -> None:
    names = set(re.findall(r"\b(?:meterstream_\w+|up)\b", rule["expr"]))

    assert names
    assert names - BUILT_IN <= exposed()


def test_every_rule_has_a_name_of_its_own_and_says_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "do"}
        assert rule["labels"]["severity"] in {"page", "warn"}
