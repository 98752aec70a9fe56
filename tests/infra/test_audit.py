"""The comparisons of `reconcile` find what is missing, strange, doubled with other content, or summed wrongly."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from infra.audit.refold import Refold
from infra.audit.running import Mark, Sums
from infra.audit.states import Balances, States, StoredBalances
from infra.audit.twins import Twins
from infra.books import load_book
from schemas.wire import encode
from streams.codec import pack_account
from streams.core.state import Account
from tests.chaos.journals import journal_of

BOOK = load_book()
JOURNAL = journal_of(seed=3)[0]

Entries = list[list[Any]]


def folded() -> Entries:
    """The entries that each journal record gives."""
    refold = Refold(BOOK)
    return [refold.take(offset, value).entries for offset, value in enumerate(JOURNAL)]


def messages(entries: Entries) -> Iterator[tuple[int, bytes]]:
    return enumerate(encode(batch) for batch in entries if batch)


def differences(topic: Entries, *, floor: int = len(JOURNAL)) -> tuple[Twins, list[str]]:
    """What `Twins` says when the topic holds `topic` and the journal gives what it gives."""
    twins = Twins("ledger.entries", messages(topic))
    for offset, batch in enumerate(folded()):
        twins.expect(offset, batch)
    return twins, [f"{found.what}: {found.found}" for found in twins.finish(floor)]


def test_the_same_journal_gives_the_same_states_and_records() -> None:
    first, second = Refold(BOOK), Refold(BOOK)
    for offset, value in enumerate(JOURNAL):
        outs = [refold.take(offset, value) for refold in (first, second)]
        assert encode(outs[0].charges) == encode(outs[1].charges)

    assert list(map(pack_account, first.accounts())) == list(map(pack_account, second.accounts()))


def test_equal_twins_of_a_crash_are_counted_and_are_no_difference() -> None:
    entries = [batch for batch in folded() if batch]

    twins, found = differences([*entries[:3], *entries[1:]])

    assert found == []
    assert twins.twins == sum(map(len, entries[1:3]))
    assert twins.records == sum(map(len, entries))


def test_a_twin_with_other_content_is_found() -> None:
    entries = [batch for batch in folded() if batch]
    other = msgspec.structs.replace(entries[0][0], amount="9.99")

    _, found = differences([entries[0], [other], *entries[1:]])

    assert len(found) == 1
    assert "twin with another one" in found[0]


def test_a_record_with_other_content_than_the_journal_gives_is_found() -> None:
    entries = [batch for batch in folded() if batch]
    other = [msgspec.structs.replace(entries[-1][0], amount="9.99"), *entries[-1][1:]]

    _, found = differences([*entries[:-1], other])

    assert found == [f"{other[0].id}: other content"]


def test_a_gap_is_found_and_a_record_that_is_still_to_come_is_none() -> None:
    entries = [batch for batch in folded() if batch]
    last = next(offset for offset, batch in enumerate(folded()) if batch is not None and batch == entries[-1])

    _, gone = differences(entries[:-1])
    _, to_come = differences(entries[:-1], floor=last)

    assert [text.rpartition(": ")[2] for text in gone] == ["missing"] * len(entries[-1])
    assert to_come == []


def test_a_record_that_the_journal_does_not_give_is_found() -> None:
    entries = [batch for batch in folded() if batch]
    strange = msgspec.structs.replace(entries[0][0], id="ent_nobody_1")

    twins, found = differences([entries[0], [strange], *entries[1:]])

    assert found == ["ent_nobody_1: a record that the journal does not give"]
    assert twins.records == sum(map(len, entries))


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ((3, "6"), []),
        ((2, "3"), []),
        ((2, "4"), ["sum of the first 2 charges"]),
        ((1, "1"), ["number of charges"]),
        ((4, "10"), ["number of charges"]),
        ((0, "5"), ["sum of the first 0 charges", "number of charges"]),
    ],
)
def test_sums_are_compared_at_the_length_that_is_claimed(claim: tuple[int, str], said: list[str]) -> None:
    """Three charges of 1, 2 and 3; the first two must be there, the third may be on its way."""
    sums = Sums("charges", {"a": [Mark("store", claim[0], Decimal(claim[1]))]}, ["store"])
    for number, amount in enumerate((1, 2, 3), start=1):
        sums.add("a", Decimal(amount))
        if number == 2:
            sums.freeze()

    assert [found.what for found in sums.finish()] == said


def test_an_account_that_the_store_does_not_know_is_found() -> None:
    sums = Sums("charges", {}, ["store"])
    sums.add("a", Decimal(1))
    sums.freeze()

    assert [(found.account, found.expected, found.found) for found in sums.finish()] == [("a", "1", "0")]


# --- states -----------------------------------------------------------------------------------------------


def states_against(frames: dict[str, bytes], *, frozen: bool = True) -> list[str]:
    states, refold = States(frames), Refold(BOOK)
    for offset, value in enumerate(JOURNAL):
        refold.take(offset, value, states.touched)
    if frozen:
        states.freeze()
    return [found.what for found in states.finish()]


def frames_after(records: int) -> dict[str, bytes]:
    refold = Refold(BOOK)
    for offset, value in enumerate(JOURNAL[:records]):
        refold.take(offset, value)
    return {account.id: pack_account(account) for account in refold.accounts()}


def test_states_are_compared_at_the_place_they_have_reached() -> None:
    assert states_against(frames_after(len(JOURNAL))) == []
    assert states_against(frames_after(3), frozen=False) == []


def test_a_state_that_is_behind_what_was_acknowledged_is_found() -> None:
    assert set(states_against(frames_after(3))) == {"place in the journal"}


def test_what_differs_in_a_state_is_named() -> None:
    frames = frames_after(len(JOURNAL))
    name, account = next((account.id, account) for account in accounts_of(frames) if account.balance)
    account.balance += 1
    frames[name] = pack_account(account)

    assert states_against(frames) == ["balance"]


def test_a_state_of_an_older_release_is_compared_in_the_fields_it_had() -> None:
    frames = frames_after(len(JOURNAL))
    for name, frame in frames.items():
        fields = msgspec.msgpack.decode(frame[16:])
        frames[name] = frame[:16] + msgspec.msgpack.encode(fields[:-1])

    assert states_against(frames) == []


# --- balances ---------------------------------------------------------------------------------------------


def records_after(records: int) -> dict[str, Any]:
    refold = Refold(BOOK)
    for offset, value in enumerate(JOURNAL[:records]):
        refold.take(offset, value)
    return {account.id: refold.balance(account) for account in refold.accounts() if account.profile}


def balances_against(records: dict[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What is said of these records on the topic, and of the same in ClickHouse."""
    refold = Refold(BOOK)
    told = Balances({name: encode(record) for name, record in records.items()}, refold.balance)
    kept = StoredBalances(
        {
            name: (
                record.seq,
                Decimal(record.balance),
                {bucket: Decimal(text) for bucket, text in record.buckets.items()},
            )
            for name, record in records.items()
        }
    )

    def touched(accounts: Mapping[str, Account]) -> None:
        told.touched(accounts)
        kept.touched(accounts)

    for offset, value in enumerate(JOURNAL):
        refold.take(offset, value, touched)
    told.freeze()
    kept.freeze()
    return tuple([(found.what, found.found) for found in each.finish()] for each in (told, kept))  # type: ignore[return-value]


def test_balances_as_the_journal_gives_them_are_no_difference() -> None:
    assert balances_against(records_after(len(JOURNAL))) == ([], [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (None, ("balance", "none")),
        ({"seq": 999}, ("last posting", "999")),
        ({"balance": "123456.789"}, ("balance", "123456.789")),
    ],
    ids=["missing", "elsewhere", "wrong"],
)
def test_a_balance_that_is_not_as_the_journal_gives_it_is_found(
    changes: dict[str, Any] | None, said: tuple[str, str]
) -> None:
    records = records_after(len(JOURNAL))
    name = max(records, key=lambda name: records[name].seq)
    record = records.pop(name)
    if changes is not None:
        records[name] = msgspec.structs.replace(record, **changes)

    assert balances_against(records) == ([said], [said])


def accounts_of(frames: dict[str, bytes]) -> list[Account]:
    from streams.codec import unpack_account

    return [unpack_account(frame) for frame in frames.values()]
