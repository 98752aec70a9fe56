"""What cannot be is loud: the engine stops, and bills nothing on top of it (style.md 4)."""

from decimal import Decimal, InvalidOperation

import pytest

from schemas.wire import read_event
from streams.core import fold
from streams.core.amounts import ratio, ratio_up
from streams.core.book import Book
from streams.core.capacity import shape_of
from streams.core.errors import BrokenInvariant
from streams.core.state import Account, Outbox
from tests.scenarios.telling import BOOK, opened, spent


def _account() -> Account:
    account = fold.new_account("acme")
    event = read_event(opened("flexai"))
    fold.apply(account, event, 0, BOOK, Outbox())  # type: ignore[arg-type]
    return account


def test_buckets_that_do_not_come_to_the_balance_are_a_broken_promise() -> None:
    account = _account()
    fold.check(account)

    account.balance += Decimal("0.01")

    with pytest.raises(BrokenInvariant, match=r"acme: buckets come to 10.00, balance is 10.01"):
        fold.check(account)


def test_who_is_thought_to_run_does_run() -> None:
    account = _account()
    account.running = ["ghost"]

    with pytest.raises(BrokenInvariant, match=r"acme: \[\] run, \['ghost'\] are thought to"):
        fold.check(account)


def test_an_account_is_not_billed_without_its_profile() -> None:
    account = _account()

    with pytest.raises(BrokenInvariant, match="account acme has profile 'flexai', which is not loaded"):
        fold.apply(account, read_event(spent("01:00", "1")), 0, Book([]), Outbox())  # type: ignore[arg-type]


def test_an_account_that_is_not_open_has_no_balance_and_no_costs() -> None:
    account = fold.new_account("acme")

    assert fold.balance_record(account, BOOK) is None
    assert fold.open_windows(account, BOOK) == ([], [])


def test_what_is_no_storage_has_no_gauge() -> None:
    with pytest.raises(BrokenInvariant, match="there is no gauge of a storage sku"):
        shape_of(BOOK.offers["fluxedge"].profile.skus["machine"])


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_what_is_no_number_is_never_rounded(number: str) -> None:
    with pytest.raises(InvalidOperation):
        ratio(Decimal(number), 3600, 2)
    with pytest.raises(InvalidOperation):
        ratio_up(Decimal(number), 3600, 2)
