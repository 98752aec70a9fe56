"""Every requirement has a test, a reason, or something that it awaits; the pages made from tables are up to date."""

from collections import Counter

from tests import billing_rules, topics_page
from tests.requirements import proofs, requirements

COUNTS = {"FX": 11, "PD": 41, "GG": 43, "NL": 26, "FA": 24, "X": 12}
READINGS = {"FX": 5, "PD": 9, "GG": 10, "NL": 10, "FA": 8}


def test_the_table_holds_all_145_requirements_the_laws_and_the_readings() -> None:
    counts = Counter(name.partition("-")[0] for name in requirements() if not name.startswith("R-"))
    readings = Counter(name[2:4] for name in requirements() if name.startswith("R-"))

    assert counts == COUNTS
    assert counts.total() - counts["X"] == 145
    assert readings == READINGS


def test_every_requirement_has_a_test_or_says_why_not() -> None:
    missing = [
        name
        for name, row in requirements().items()
        if name not in proofs() and not (row.reason or row.awaits)
    ]

    assert missing == []


def test_what_has_no_effect_on_the_engine_has_a_reason_in_its_profile_and_only_that() -> None:
    fluxedge_and_flexai = {
        name for name, row in requirements().items() if row.reason and name[:2] in ("FX", "FA")
    }

    assert fluxedge_and_flexai == {"FX-04", "FX-11", "FA-17"}


def test_no_mark_names_an_unknown_requirement() -> None:
    assert {name: tests for name, tests in proofs().items() if name not in requirements()} == {}


def test_the_page_of_billing_rules_is_up_to_date() -> None:
    assert billing_rules.PAGE.read_text(encoding="utf-8") == billing_rules.page(), (
        "run: python -m tests.billing_rules"
    )


def test_the_page_of_topics_is_up_to_date() -> None:
    assert topics_page.PAGE.read_text(encoding="utf-8") == topics_page.page(), (
        "run: python -m tests.topics_page"
    )
