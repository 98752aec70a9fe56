"""The gate's memory of balances and keys: what a record changes, what it does not, and that no key lies in it."""

import gc
import random

import pytest

from sinks.http.gate.decision import CONTESTED, Found, Standing
from sinks.http.gate.view import BalanceView, digest_of
from tests.sinks.gating import FLEXAI, balance


def view_of(*records: tuple[bytes, bytes | None]) -> BalanceView:
    view = BalanceView({"flexai": FLEXAI})
    for record in records:
        view.take(*record)
    return view


def find(view: BalanceView, key: str) -> Found:
    return view.find(digest_of(key.encode()))


def test_a_key_leads_to_its_account() -> None:
    view = view_of(balance("a", "5", {"k1": "free", "k2": "paid"}), balance("b", "-1", {"k3": "free"}))

    assert find(view, "k2") == Standing("a", FLEXAI, "paid", has_credit=True)
    assert find(view, "k3") == Standing("b", FLEXAI, "free", has_credit=False)
    assert find(view, "k4") is None
    assert (view.accounts, view.keys) == (2, 3)


def test_an_older_record_changes_nothing() -> None:
    """A worker that was paused writes late what it held: neither the posting nor the edition goes back."""
    view = view_of(
        balance("a", "5", {"k": "paid"}, seq=7, edition=3),
        balance("a", "-5", {"k": "free"}, seq=6, edition=9),
        balance("a", "5", {"k": "free"}, seq=7, edition=2),
    )

    assert find(view, "k") == Standing("a", FLEXAI, "paid", has_credit=True)


def test_a_key_that_is_gone_from_the_record_is_unknown() -> None:
    view = view_of(balance("a", "5", {"k1": "free", "k2": "free"}), balance("a", "5", {"k2": "free"}, seq=2))

    assert find(view, "k1") is None
    assert isinstance(find(view, "k2"), Standing)


def test_a_deleted_account_has_no_keys() -> None:
    view = view_of(balance("a", "5", {"k": "free"}), (b"a", None))

    assert (find(view, "k"), view.accounts, view.keys) == (None, 0, 0)


def test_a_key_of_two_accounts_names_neither_whichever_came_first() -> None:
    records = [balance("a", "5", {"k": "free"}), balance("b", "5", {"k": "paid", "own": "free"})]

    views = [view_of(*records), view_of(*reversed(records))]

    assert [find(view, "k") for view in views] == [CONTESTED, CONTESTED]
    assert [view.contested for view in views] == [1, 1]
    assert isinstance(find(views[0], "own"), Standing)


def test_a_contested_key_is_its_owners_again_once_the_other_has_let_it_go() -> None:
    view = view_of(balance("a", "5", {"k": "free"}), balance("b", "5", {"k": "paid"}))

    view.take(*balance("a", "5", {}, seq=2))

    assert find(view, "k") == Standing("b", FLEXAI, "paid", has_credit=True)
    assert view.contested == 0


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"id":"x"}', b'{"keys":1}', b"\xff"])
def test_what_cannot_be_read_is_counted_and_changes_nothing(value: bytes) -> None:
    view = view_of(balance("a", "5", {"k": "free"}), (b"a", value))

    assert view.unreadable == 1
    assert isinstance(find(view, "k"), Standing)


def test_an_account_of_a_profile_that_is_not_loaded_has_no_limits_and_fails_closed() -> None:
    found = find(view_of(balance("a", "5", {"k": "free"}, profile="sixth")), "k")

    assert isinstance(found, Standing)
    assert (dict(found.policy.limits), found.policy.fails_open) == ({}, False)


def test_no_key_is_kept_as_it_is() -> None:
    """Whatever the view holds, directly or not, the text of the key is not in it."""
    secret = f"sk-{random.Random(1).getrandbits(128):x}"
    view = view_of(balance("a", "5", {secret: "free"}))

    seen, pending = set(), [view]
    while pending:
        found: object = pending.pop()
        if id(found) in seen or isinstance(found, type):
            continue
        seen.add(id(found))
        assert found not in (secret, secret.encode())
        pending += [each for each in gc.get_referents(found) if not callable(each)]
    assert len(seen) > 5
