"""Journal = worker = ledger = ClickHouse, to the last digit, account by account.

The journal is folded again from its first record, a partition at a time, and everything that was ever made of it
is held against the result while it is folded. Nothing has to stand still for that: each other holder is compared
at the place it has reached (see `running` and `states`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from infra.audit import observed
from infra.audit.observed import STORED_CHARGES, STORED_DAYS, STORED_ENTRIES, STORED_HOURS, Stored
from infra.audit.progress import Reached, Say, journal_ends, say_nothing, wait_until_done
from infra.audit.refold import Refold
from infra.audit.report import HOLDERS, AccountSums, Holder, Report
from infra.audit.running import Difference, Sums, amount_of
from infra.audit.states import Balances, States, StoredBalances
from infra.audit.topics import Place, Topics
from infra.audit.twins import Twins
from infra.settings import Settings
from schemas import topics as names
from schemas.wire import Balance
from streams.codec import unpack_account
from streams.core.amounts import ZERO
from streams.core.book import Book
from streams.core.state import Account
from streams.ingest.counters import Counters
from streams.ingest.partitioner import partition_of

OUTPUTS: Final = (names.ACCOUNTS, names.BALANCES, names.CHARGES, names.LEDGER, names.REJECTIONS)
_balance = msgspec.json.Decoder(Balance)
# How a refusal by the fold begins (`streams.core.turn.record_id`); those of ingest have other ids.
FOLDED: Final = b'{"id":"rej_'


@dataclass(frozen=True)
class _Witness:
    """What was gathered before the refold begins."""

    reached: Reached
    ends: Mapping[Place, int]
    refused: Mapping[Place, int]
    stored: Stored
    counters: Mapping[Place, Counters]


def reconcile(settings: Settings, book: Book, timeout_s: float, say: Say = say_nothing) -> Report:
    """Compare everything. Raises CommandFailed where the pipeline does not come to an end in `timeout_s`."""
    topics = Topics(settings)
    partitions = topics.partitions(names.JOURNAL_TOPIC)
    say("waiting until worker and sink have reached the end")
    reached = wait_until_done(topics, partitions, timeout_s)
    witness = _gather(settings, topics, partitions, reached)
    # Asked last: the refold then passes every place that anybody has reached.
    ends = journal_ends(topics, partitions)
    report = Report()
    for partition in range(partitions):
        say(f"folding partition {partition + 1} of {partitions}")
        _Partition(topics, book, witness, partition, partitions).compare(ends[partition], report)
    _check_store(witness.stored, report)
    for counted in witness.counters.values():
        report.count(counted)
    return report


def _gather(settings: Settings, topics: Topics, partitions: int, reached: Reached) -> _Witness:
    refused = topics.ends([names.REJECTIONS], partitions)
    counters = observed.counters(topics, partitions)
    ends = topics.ends(OUTPUTS, partitions)
    stored = observed.stored(observed.open_client(settings))
    return _Witness(reached, ends, refused, stored, counters)


class _Partition:
    """The comparison of one partition."""

    def __init__(
        self, topics: Topics, book: Book, witness: _Witness, partition: int, partitions: int
    ) -> None:
        self._topics, self._witness, self._partition, self._book = topics, witness, partition, book
        stored = witness.stored
        mine = [name for name in _accounts_of(stored) if partition_of(name.encode(), partitions) == partition]
        self._charges = Sums(
            "charges",
            observed.of_partition(stored.charges, mine),
            (STORED_CHARGES, STORED_HOURS, STORED_DAYS),
        )
        self._entries = Sums("postings", observed.of_partition(stored.entries, mine), (STORED_ENTRIES,))
        self._refold = Refold(book)
        self._frames = observed.frames(topics, partition, witness.ends[names.ACCOUNTS, partition])
        self._balances = observed.balances(topics, partition, witness.ends[names.BALANCES, partition])
        self._states = States(self._frames)
        self._told = Balances(self._balances, self._refold.balance)
        self._kept = StoredBalances({name: stored.balances[name] for name in mine if name in stored.balances})
        self._twins = {name: Twins(name, self._messages(name)) for name in (names.CHARGES, names.LEDGER)}

    def compare(self, end: int, report: Report) -> None:
        """Fold the partition up to `end` and add what is found to `report`."""
        floor = self._witness.reached.journal[self._partition]
        is_frozen, events_at_floor = False, 0
        for record in self._topics.read(names.JOURNAL_TOPIC, self._partition, end):
            if record.offset >= floor and not is_frozen:
                is_frozen, events_at_floor = True, self._refold.events
                self._freeze()
            self._fold(record.offset, record.value)
        if not is_frozen:
            events_at_floor = self._refold.events
            self._freeze()
        report.events += self._refold.events
        report.journal_records += self._refold.records
        report.twins += sum(twins.twins for twins in self._twins.values())
        report.differences += self._differences(floor, events_at_floor)
        self._add_sums(report)

    def _fold(self, offset: int, value: bytes) -> None:
        out = self._refold.take(offset, value, self._touched)
        for charge in out.charges:
            self._charges.add(charge.account, amount_of(charge))
        for entry in out.entries:
            self._entries.add(entry.account, amount_of(entry))
        self._twins[names.CHARGES].expect(offset, out.charges)
        self._twins[names.LEDGER].expect(offset, out.entries)

    def _touched(self, accounts: Mapping[str, Account]) -> None:
        self._states.touched(accounts)
        self._told.touched(accounts)
        self._kept.touched(accounts)

    def _freeze(self) -> None:
        for watched in (self._charges, self._entries, self._states, self._told, self._kept):
            watched.freeze()

    def _differences(self, floor: int, events_at_floor: int) -> list[Difference]:
        found = [*self._counted(events_at_floor)]
        for watched in (self._entries, self._charges, self._states, self._told, self._kept):
            found += watched.finish()
        for twins in self._twins.values():
            found += twins.finish(floor)
        return found

    def _counted(self, events_at_floor: int) -> Iterator[Difference]:
        """Ingest's counters against what is in the journal and among the rejections."""
        where = f"ingest, partition {self._partition}"
        mine = [
            counted
            for (_, partition), counted in self._witness.counters.items()
            if partition == self._partition
        ]
        for counted in mine:
            parts = counted.accepted + counted.duplicates + counted.rejected
            if counted.read != parts:
                yield Difference(
                    "", where, "read = accepted + duplicates + rejected", str(counted.read), str(parts)
                )
        accepted, rejected = sum(c.accepted for c in mine), sum(c.rejected for c in mine)
        if not events_at_floor <= accepted <= self._refold.events:
            yield Difference(
                "", where, "accepted = events in the journal", str(self._refold.events), str(accepted)
            )
        before, after = self._refused()
        if not before <= rejected <= after:
            yield Difference("", where, "rejected = records in rejections", str(after), str(rejected))

    def _refused(self) -> tuple[int, int]:
        """Ingest's own rejections: those before its counters were asked for, and all of them."""
        place = (names.REJECTIONS, self._partition)
        before = after = 0
        for record in self._topics.read(names.REJECTIONS, self._partition, self._witness.ends[place]):
            if not record.value.startswith(FOLDED):
                after += 1
                before += record.offset < self._witness.refused[place]
        return before, after

    def _messages(self, topic: str) -> Iterator[tuple[int, bytes]]:
        for record in self._topics.read(topic, self._partition, self._witness.ends[topic, self._partition]):
            yield record.offset, record.value

    # --- sums for people --------------------------------------------------------------------------------

    def _add_sums(self, report: Report) -> None:
        for account in self._refold.accounts():
            if account.profile:
                self._add_account(report, account, self._book.offers[account.profile].currency)

    def _add_account(self, report: Report, account: Account, currency: str) -> None:
        name, stored = account.id, self._witness.stored
        charges, entries = self._charges.of(name), self._entries.of(name)
        held = {mark.where: mark for mark in (*stored.charges.get(name, ()), *stored.entries.get(name, ()))}
        kept_charges, kept_entries = held.get(STORED_CHARGES), held.get(STORED_ENTRIES)
        ledger = self._twins[names.LEDGER].sums.get(name, ZERO)
        charged = self._twins[names.CHARGES].sums.get(name, ZERO)
        frame, told = self._frames.get(name), self._balances.get(name)
        holders = report.holders.setdefault(currency, {holder: Holder() for holder in HOLDERS})
        folded, worker, topics, clickhouse, balances = (holders[holder] for holder in HOLDERS)
        folded.add(charges.count, charges.total, entries.count, entries.total, account.balance)
        worker.add(balance=unpack_account(frame).balance if frame else ZERO)
        topics.add(charged=charged, posted=ledger)
        clickhouse.add(
            kept_charges.lines if kept_charges else 0, kept_charges.total if kept_charges else ZERO,
            kept_entries.lines if kept_entries else 0, kept_entries.total if kept_entries else ZERO,
            stored.balances[name][1] if name in stored.balances else ZERO,
        )  # fmt: skip
        balances.add(balance=Decimal(_balance.decode(told).balance) if told else ZERO)
        kept = kept_entries.total if kept_entries else ZERO
        report.accounts.append(
            AccountSums(
                name, account.profile, currency, entries.total, ledger, kept, charges.total, entries.count
            )
        )


def _accounts_of(stored: Stored) -> set[str]:
    return stored.charges.keys() | stored.entries.keys() | stored.balances.keys()


def _check_store(stored: Stored, report: Report) -> None:
    if stored.dead_letters:
        report.differences.append(Difference("", "ClickHouse", "dead letters", "0", str(stored.dead_letters)))
    if stored.gaps:
        report.differences.append(
            Difference("", "ClickHouse", "accounts in view gaps", "0", str(stored.gaps))
        )
