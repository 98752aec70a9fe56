"""What payment adapters hand on is checked as ingest will check it."""

import pytest

from schemas.adapters import payment_event

MONEY = {"payment": "p", "method": "card", "amount": "20", "currency": "USD"}


def test_only_payments_are_handed_on() -> None:
    with pytest.raises(ValueError, match=r"'grant.issued' is no type of payment.events"):
        payment_event("grant.issued", "acme", "stripe", "e-1", time_ms=0, data=MONEY)


def test_a_fault_is_told_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match=r"data.amount"):
        payment_event("payment.succeeded", "acme", "stripe", "e-1", time_ms=0, data=MONEY | {"amount": "-1"})
