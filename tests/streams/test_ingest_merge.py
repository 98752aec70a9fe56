"""Three inputs become one order, whatever the order in which the broker delivers them."""

from hypothesis import given
from hypothesis import strategies as st

from streams.ingest.merge import Merge
from streams.ingest.reading import Letter

ACCOUNT, PAYMENT, USAGE = 0, 1, 2


def letter(rank: int, offset: int, append_ms: int) -> Letter:
    return Letter(rank, offset, append_ms, [])


def places(taken: list[Letter]) -> list[tuple[int, int]]:
    return [(one.rank, one.offset) for one in taken]


# An hour of downtime: the account was opened, paid and used; usage is what the first fetch brings.
BACKLOG = [
    *[letter(USAGE, offset, 1_000 + offset) for offset in range(5)],
    letter(PAYMENT, 0, 999),
    letter(ACCOUNT, 0, 998),
]


def test_a_backlog_is_taken_in_the_order_of_appending() -> None:
    merge = Merge([0, 0, 0])

    for one in BACKLOG:
        merge.put(one)

    assert [one.append_ms for one in merge.take([1, 1, 5])] == [998, 999, 1_000, 1_001, 1_002, 1_003, 1_004]


def test_without_the_merge_the_same_backlog_puts_usage_before_its_account() -> None:
    delivered = [one.rank for one in BACKLOG]
    merge = Merge([0, 0, 0])
    for one in BACKLOG:
        merge.put(one)

    merged = [one.rank for one in merge.take([1, 1, 5])]

    # What stands before `account.opened` would be refused as `unknown_account`.
    assert delivered.index(ACCOUNT) == 6
    assert merged.index(ACCOUNT) == 0


def test_usage_waits_while_an_older_input_is_not_read_to_its_end() -> None:
    merge = Merge([0, 0, 0])
    merge.put(letter(USAGE, 0, 1_000))

    waiting = merge.take([1, 0, 1])
    merge.put(letter(ACCOUNT, 0, 998))
    taken = merge.take([1, 0, 1])

    assert waiting == []
    assert places(taken) == [(ACCOUNT, 0), (USAGE, 0)]


def test_an_input_that_ends_in_control_records_is_read_when_its_end_is_told() -> None:
    merge = Merge([0, 0, 0])
    merge.put(letter(USAGE, 0, 1_000))

    assert merge.take([2, 0, 1]) == []
    merge.at_end(ACCOUNT, 2)
    assert places(merge.take([2, 0, 1])) == [(USAGE, 0)]


def test_ties_go_account_payment_usage() -> None:
    merge = Merge([0, 0, 0])
    for rank in (USAGE, PAYMENT, ACCOUNT):
        merge.put(letter(rank, 0, 1_000))

    assert [one.rank for one in merge.take([1, 1, 1])] == [ACCOUNT, PAYMENT, USAGE]


def test_a_partition_is_drained_only_when_all_inputs_are_read_to_their_ends() -> None:
    merge = Merge([0, 0, 0])

    assert not merge.is_drained([0, 0, 1])
    merge.put(letter(USAGE, 0, 1_000))
    assert not merge.is_drained([0, 0, 1])
    merge.take([0, 0, 1])
    assert merge.is_drained([0, 0, 1])


@given(st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.integers(0, 3)), max_size=40), st.randoms())
def test_any_delivery_gives_one_and_the_same_order(appends: list[tuple[int, int]], random) -> None:  # type: ignore[no-untyped-def]
    ends, stamp, log = [0, 0, 0], 0, []
    for rank, step in appends:
        stamp += step
        log.append(letter(rank, ends[rank], stamp))
        ends[rank] += 1
    merge, queues, taken = (
        Merge([0, 0, 0]),
        [[one for one in log if one.rank == rank] for rank in range(3)],
        [],
    )

    while any(queues):
        queue = random.choice([queue for queue in queues if queue])
        for _ in range(random.randint(1, len(queue))):
            merge.put(queue.pop(0))
        taken += merge.take(ends)

    assert places(taken) == places(sorted(log, key=lambda one: (one.append_ms, one.rank, one.offset)))
