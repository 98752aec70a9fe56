"""Laws of the pure engine: what holds for every story (X-01 … X-04, X-06, X-07, X-09)."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.books import load_book
from schemas.records import Bucket
from schemas.values import money_text
from streams.core import fold, story
from tests.properties.stories import (
    DAWN,
    few,
    law,
    leases,
    mixed,
    moment,
    printed,
    records_of,
    requests,
    run,
    run_with_restarts,
    totals,
)
from tests.scenarios.telling import (
    BOOK,
    Record,
    beat,
    event,
    machine,
    opened,
    paid,
    served,
    started,
    stopped,
    tick,
)

PENNIES = load_book(Path(__file__).parent.parent / "scenarios" / "profiles")
HALF = Fraction(1, 2)


def _rounded_once(exact: Fraction, decimals: int) -> Decimal:
    """Half-up, computed in integers: an oracle that shares nothing with the engine."""
    return Decimal((exact * 10**decimals + HALF).__floor__()).scaleb(-decimals)


# --- what a session costs --------------------------------------------------------------------------------


@pytest.mark.req("R-FX1", "FX-02", "X-06", "X-07")
@law
@given(
    st.lists(st.integers(0, 400_000), max_size=12),
    st.lists(st.integers(0, 400_000), max_size=4),
    st.integers(0, 400_000),
    st.integers(0, 50),
    st.decimals(0, 999, places=12),
)
def test_lines_of_a_session_come_to_its_exact_cost_rounded_once(
    beats: list[int], ticks: list[int], end_ms: int, vcpus: int, ram_gb: Decimal
) -> None:
    rate = Fraction("0.004") * vcpus + Fraction("0.002") * Fraction(ram_gb)
    marks = [(ms, beat(moment(5_000 + ms), id=f"b{ms}")) for ms in beats if ms < end_ms]
    marks += [(ms, tick(moment(5_000 + ms))) for ms in ticks if ms < end_ms]
    spec = machine(vcpus=vcpus, ram_gb=format(ram_gb, "f"))

    told = run([
        opened("fluxedge", moment(0)),
        paid(moment(1), "100000"),
        started(moment(5_000), spec),
        *(line for _, line in sorted(marks)),
        stopped(moment(5_000 + end_ms)),
    ])  # fmt: skip

    exact = rate * (end_ms // 1000) / 3600
    assert sum((Decimal(c.amount) for c in told.out.charges), Decimal(0)) == _rounded_once(exact, 12)


@pytest.mark.req("X-07")
@few
@given(st.lists(st.integers(0, 20_000_000), max_size=8), st.integers(0, 20_000_000))
def test_lines_in_cents_come_to_the_exact_cost_rounded_once(ticks: list[int], end_ms: int) -> None:
    box = event("instance.started", moment(1_000), {"resource": "b", "sku": "box", "mode": "payg"})

    told = story.run(
        [
            opened("pennycloud", moment(0)),
            paid(moment(1), "100000"),
            box,
            *(tick(moment(1_000 + ms)) for ms in sorted(ticks) if ms < end_ms),
            stopped(moment(1_000 + end_ms), "b"),
        ],
        PENNIES,
    )

    exact = Fraction("0.37") * (end_ms // 1000) / 3600
    assert sum((Decimal(c.amount) for c in told.out.charges), Decimal(0)) == _rounded_once(exact, 2)


@pytest.mark.req("X-06")
@law
@given(st.lists(st.tuples(st.integers(0, 10**26 - 1), st.integers(0, 10**26 - 1)), min_size=1, max_size=6))
def test_numbers_of_26_digits_stay_exact(counts: list[tuple[int, int]]) -> None:
    lines = [
        served(moment(n), request=str(n), id=str(n), input_tokens=a, output_tokens=str(b))
        for n, (a, b) in enumerate(counts)
    ]

    told = run([opened("flexai", moment(0)), *lines])

    spent = sum(Fraction("0.20") * a + Fraction("0.60") * b for a, b in counts) / 1_000_000
    assert Fraction(told.balances()[0].balance) == 10 - spent


@pytest.mark.req("X-06")
@law
@given(st.lists(st.decimals("0.000000000001", "9" * 26 + "." + "9" * 12, places=12), min_size=1, max_size=6))
def test_money_of_26_and_12_digits_stays_exact(amounts: list[Decimal]) -> None:
    texts = [format(amount, "f") for amount in amounts]

    told = run(
        [opened("fluxedge", moment(0)), *(paid(moment(n), t, payment=str(n)) for n, t in enumerate(texts))]
    )

    assert Fraction(told.balances()[0].balance) == sum(map(Fraction, texts))


# --- delivery --------------------------------------------------------------------------------------------


@pytest.mark.req("X-01")
@law
@given(mixed(), st.data())
def test_duplicates_change_nothing(lines: list[bytes], data: st.DataObject) -> None:
    often = list(lines)
    for line in data.draw(st.lists(st.sampled_from(lines), max_size=10)):
        often.insert(data.draw(st.integers(often.index(line) + 1, len(often))), line)

    assert printed(run(often)) == printed(run(lines))


@pytest.mark.req("X-01")
@few
@given(mixed())
def test_a_replay_gives_the_same_bytes(lines: list[bytes]) -> None:
    assert printed(run(lines)) == printed(run(lines))


def _shuffled(lines: list[bytes], data: st.DataObject) -> list[bytes]:
    """Any order in which the account is opened first and each machine's first start comes before its other events."""
    head, body, end = lines[:2], lines[2:-1], lines[-1]
    starts: list[bytes] = []
    for name in (b'"a"', b'"b"'):
        mine = [line for line in body if name in line]
        first = next((line for line in mine if b"instance.started" in line), None)
        before = [] if first is None else mine[: mine.index(first)]
        starts += [first] if first is not None else []
        # What comes before the first start is about an unknown resource in either order; leave it out.
        body = [line for line in body if line not in before and (first is not None or name not in line)]
    rest = [line for line in body if line not in starts]
    return [*head, *starts, *data.draw(st.permutations(rest)), end]


@pytest.mark.req("X-02", "X-03")
@law
@given(leases(beats=False), st.data())
def test_shuffled_delivery_ends_in_the_same_totals(lines: list[bytes], data: st.DataObject) -> None:
    shuffled = _shuffled(lines, data)
    in_order = [line for line in lines if line in shuffled]

    assert totals(run(shuffled)) == totals(run(in_order))


@pytest.mark.req("X-02", "X-03", "X-12")
@law
@given(leases(), st.data())
def test_shuffled_heartbeats_end_in_the_same_totals(lines: list[bytes], data: st.DataObject) -> None:
    shuffled = _shuffled(lines, data)
    in_order = [line for line in lines if line in shuffled]

    assert totals(run(shuffled)) == totals(run(in_order))


@pytest.mark.req("X-02")
@law
@given(requests(), st.data())
def test_shuffled_requests_end_in_the_same_totals(lines: list[bytes], data: st.DataObject) -> None:
    shuffled = [lines[0], *data.draw(st.permutations(lines[1:]))]

    assert totals(run(shuffled)) == totals(run(lines))


@pytest.mark.req("X-07")
@few
@given(requests("one"), requests("two"), st.data())
def test_neither_batches_nor_the_order_between_accounts_matter(
    one: list[bytes], two: list[bytes], data: st.DataObject
) -> None:
    queues = {"one": list(one), "two": list(two)}
    mingled: list[bytes] = []
    while any(queues.values()):
        name = data.draw(st.sampled_from([name for name, queue in queues.items() if queue]))
        size = data.draw(st.integers(1, len(queues[name])))
        mingled.append(b"[" + b",".join(queues[name][:size]) + b"]")
        queues[name] = queues[name][size:]

    apart, together = run([*one, *two]), run(mingled)

    for name in ("one", "two"):
        assert records_of(together, name) == records_of(apart, name)
    assert together.balances() == apart.balances()


@pytest.mark.req("X-07")
@law
@given(leases(), st.data())
def test_ticks_change_no_total(lines: list[bytes], data: st.DataObject) -> None:
    last_ms = _ms_of(lines[-1])
    ticks = sorted(data.draw(st.lists(st.integers(0, last_ms), max_size=10)))
    timed = [(_ms_of(line), n, line) for n, line in enumerate(lines)]
    ticked = sorted([*timed, *((ms, -1, tick(moment(ms))) for ms in ticks)])

    assert totals(run([line for _, _, line in ticked])) == totals(run(lines))


def _ms_of(line: bytes) -> int:
    return (datetime.fromisoformat(json.loads(line)["time"]) - DAWN) // timedelta(milliseconds=1)


@pytest.mark.req("X-04", "X-09")
@law
@given(mixed())
def test_a_restart_between_any_two_events_changes_nothing(lines: list[bytes]) -> None:
    assert printed(run_with_restarts(lines)) == printed(run(lines))


# --- the books -------------------------------------------------------------------------------------------


@pytest.mark.req("FX-09", "X-05")
@law
@given(mixed(), st.data())
def test_every_cent_is_accounted_for(lines: list[bytes], data: st.DataObject) -> None:
    # In any order, opened first: late, early, refused.
    told = run([lines[0], *data.draw(st.permutations(lines[1:]))])

    (balance,) = told.balances()
    entries = told.out.entries
    assert sum((Decimal(e.amount) for e in entries), Decimal(0)) == Decimal(balance.balance)
    of_charge: dict[str, Decimal] = defaultdict(Decimal)
    of_bucket: dict[str, Decimal] = defaultdict(Decimal)
    for entry in entries:
        assert Decimal(entry.amount) != 0
        of_bucket[entry.bucket] += Decimal(entry.amount)
        if entry.charge:
            of_charge[entry.charge] += Decimal(entry.amount)
    charges = {charge.id: -Decimal(charge.amount) for charge in told.out.charges}
    assert len(charges) == len(told.out.charges)
    assert of_charge == {name: amount for name, amount in charges.items() if amount}
    assert {name: Decimal(amount) for name, amount in balance.buckets.items()} == {
        b.value: of_bucket[b.value] for b in Bucket
    }
    assert all(Decimal(balance.buckets[b.value]) >= 0 for b in Bucket if b is not Bucket.PAID)


@pytest.mark.req("X-05")
@law
@given(mixed())
def test_entries_are_numbered_without_gaps_and_chained(lines: list[bytes]) -> None:
    told = run(lines)

    link = ""
    for seq, e in enumerate(told.out.entries, start=1):
        assert e.seq == seq
        body = f"{link}|{seq}|{e.type}|{e.amount}|{e.bucket}|{e.balance}|{e.time}|{e.charge}|{e.payment}"
        link = blake2b(body.encode(), digest_size=16).hexdigest()
        assert e.hash == link
    assert told.balances()[0].seq == len(told.out.entries)


@pytest.mark.req("X-05")
@law
@given(mixed())
def test_windows_come_to_what_was_charged(lines: list[bytes]) -> None:
    told = run(lines)

    (account,) = (a for a in told.accounts.values() if a.profile)
    open_hour, open_day = fold.open_windows(account, BOOK)
    charged = sum((Decimal(c.amount) for c in told.out.charges), Decimal(0))
    for windows in ([*told.out.hourly, *open_hour], [*told.out.daily, *open_day]):
        assert len({w.id for w in windows}) == len(windows)
        assert sum((Decimal(w.amount) for w in windows), Decimal(0)) == charged
        assert sum(line.charges for w in windows for line in w.lines) == len(told.out.charges)
        for window in windows:
            inside = [Decimal(c.amount) for c in told.out.charges if window.start <= c.time < window.end]
            assert money_text(sum(inside, Decimal(0))) == window.amount


@pytest.mark.req("X-03")
@law
@given(leases(), st.data())
def test_no_line_is_corrected_by_more_than_it_was(lines: list[bytes], data: st.DataObject) -> None:
    told = run([*lines[:2], *data.draw(st.permutations(lines[2:]))])

    left: dict[str, Decimal] = {}
    for charge in told.out.charges:
        amount = Decimal(charge.amount)
        if charge.corrects:
            left[charge.corrects] += amount
            assert left[charge.corrects] >= 0
        else:
            left[charge.id] = amount


def _threshold_story(cents: list[int]) -> list[bytes]:
    """Requests (below 0) and payments (above) of flex.ai, in whole cents."""
    lines = [opened("flexai", moment(0))]
    for n, change in enumerate(cents, start=1):
        if change > 0:
            lines.append(paid(moment(n), str(Decimal(change).scaleb(-2)), payment=str(n)))
        elif change < 0:
            lines.append(served(moment(n), "bge-m3", request=str(n), input_tokens=-change * 500_000))
    return lines


@pytest.mark.req("FA-23", "FA-24", "R-FA3", "X-09")
@law
@given(st.lists(st.one_of(st.integers(-900, 0), st.integers(500, 1_500)), max_size=25))
def test_each_mail_comes_once_a_crossing(cents: list[int]) -> None:
    told = run(_threshold_story(cents))

    balance, low, zero = 1_000, 0, 0
    for change in cents:
        low += balance >= 500 > balance + change
        zero += balance > 0 >= balance + change
        balance += change
    kinds = [notice.type for notice in told.out.notices]
    assert (kinds.count("low_balance"), kinds.count("balance_zero")) == (low, zero)
    assert _cents(told) == balance


def _cents(told: story.Story) -> int:
    return int(Decimal(told.balances()[0].balance) * 100)


@pytest.mark.req("R-FX2")
@law
@given(st.integers(1, 100_000), st.lists(st.integers(1, 50), min_size=1, max_size=4))
def test_the_overshoot_is_at_most_one_tick(cents: int, machines: list[int]) -> None:
    rates = [Decimal("0.32") * gpus * 100 for gpus in machines]
    lines: list[bytes] = [opened("fluxedge", moment(0)), paid(moment(1), str(Decimal(cents).scaleb(-2)))]
    lines += [
        started(moment(1_000 + n), machine(gpus=gpus * 100), f"m{n}") for n, gpus in enumerate(machines)
    ]

    told = run([*lines, tick(moment(80_000_000))])

    assert Decimal(told.balances()[0].balance) >= -sum(rates) / 60
    assert len(told.out.commands) == len(machines)
    unpaid: list[Record] = [r for r in records_of(told, "acme") if r["record"] == "command"]
    assert {r["reason"] for r in unpaid} == {"unpaid"}
