"""The worker's states and balances held against the refold's, each where both stand at the same place. Pure.

A frame of the `accounts` topic names its place in the account's history (journal offset, next due time); the
balance names its posting. The refold passes every such place, and is compared there, whatever came later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from infra.audit.running import Difference
from schemas.values import money_text
from schemas.wire import Balance
from streams.codec import pack_account, read_position, unpack_account
from streams.core.ledger import buckets_of
from streams.core.state import Account

WORKER = "worker state"
BALANCES = "balances"
STORED_BALANCE = "ClickHouse balances"
# Journal offset and due time, in front of the account.
_POSITION_BYTES = 16
_balance = msgspec.json.Decoder(Balance)
BalanceOf = Callable[[Account], Any]
# Posting, balance, buckets.
StoredBalance = tuple[int, Decimal, Mapping[str, Decimal]]
Found = TypeVar("Found")


class States:
    """The frames of one partition, by account."""

    def __init__(self, frames: Mapping[str, bytes]) -> None:
        self._frames = dict(frames)
        self._places = {name: read_position(frame) for name, frame in frames.items()}
        self._floors: dict[str, tuple[int, int]] = {}
        self._now: dict[str, tuple[int, int]] = {}
        self._met: set[str] = set()
        self._differences: list[Difference] = []

    def touched(self, accounts: Mapping[str, Account]) -> None:
        """The refold has just changed `accounts`."""
        for name, account in accounts.items():
            place = (account.journal_offset, account.due_ms)
            self._now[name] = place
            if self._places.get(name) == place:
                self._met.add(name)
                self._compare(name, account)

    def freeze(self) -> None:
        """What was folded so far must have been saved."""
        self._floors = dict(self._now)

    def finish(self) -> list[Difference]:
        """All differences, once the journal is at its end."""
        for name in sorted(self._now.keys() | self._places.keys()):
            found = self._places.get(name)
            floor = self._floors.get(name)
            if name in self._met and (floor is None or (found is not None and found >= floor)):
                continue
            if found is None and floor is None:
                continue
            wanted = floor if name in self._met or found is None else self._now.get(name)
            self._differences.append(
                Difference(name, WORKER, "place in the journal", str(wanted), str(found))
            )
        return self._differences

    def _compare(self, name: str, account: Account) -> None:
        frame = self._frames[name]
        mine = pack_account(account)
        if mine == frame:
            return
        saved = unpack_account(frame)
        # Decoded again, so that both come from bytes and only what differs in them is told.
        refolded = unpack_account(mine)
        for field in Account.__struct_fields__[: _fields_of(frame)]:
            wanted, found = getattr(refolded, field), getattr(saved, field)
            if wanted != found:
                self._differences.append(Difference(name, WORKER, field, _short(wanted), _short(found)))


def _fields_of(frame: bytes) -> int:
    """How many fields the release that wrote `frame` knew: fields are only ever appended."""
    return len(msgspec.msgpack.decode(memoryview(frame)[_POSITION_BYTES:]))


def _short(value: object) -> str:
    text = money_text(value) if isinstance(value, Decimal) else str(value)
    return text if len(text) <= 120 else f"{text[:119]}…"


class _Balances(ABC, Generic[Found]):
    """Balances of one source, by account, each held against the refold's where both have come to the same posting."""

    def __init__(self, where: str, found: Mapping[str, Found]) -> None:
        self._where, self._found = where, found
        # What differed when both last met; until nothing does, they are compared at each event after the posting.
        self._met: dict[str, list[Difference]] = {}
        self._floors: dict[str, int] = {}
        self._now: dict[str, int] = {}

    def touched(self, accounts: Mapping[str, Account]) -> None:
        """The refold has just changed `accounts`."""
        for name, account in accounts.items():
            if not account.profile:
                continue
            self._now[name] = account.seq
            found = self._found.get(name)
            if found is not None and self._posting(found) == account.seq and self._met.get(name) != []:
                self._met[name] = [
                    Difference(name, self._where, *difference) for difference in self._compare(account, found)
                ]

    def freeze(self) -> None:
        """Balances after what was folded so far must be there."""
        self._floors = dict(self._now)

    def finish(self) -> list[Difference]:
        """All differences, once the journal is at its end."""
        names = sorted(self._now.keys() | self._found.keys())
        return [difference for name in names for difference in self._differences(name)]

    def _differences(self, name: str) -> list[Difference]:
        found, floor = self._found.get(name), self._floors.get(name)
        if found is None:
            wanted = f"after posting {floor}"
            return [] if floor is None else [Difference(name, self._where, "balance", wanted, "none")]
        posting = self._posting(found)
        if name not in self._met or (floor is not None and posting < floor):
            last = self._now.get(name) if floor is None else floor
            return [Difference(name, self._where, "last posting", str(last), str(posting))]
        return self._met[name]

    @abstractmethod
    def _posting(self, found: Found) -> int:
        """The number of the posting after which it is."""

    @abstractmethod
    def _compare(self, account: Account, found: Found) -> Iterator[tuple[str, str, str]]:
        """Each field that differs, what it should be and what it is."""


class Balances(_Balances[Any]):
    """Records of the topic `balances`. `balance_of` makes the refold's."""

    def __init__(self, found: Mapping[str, bytes], balance_of: BalanceOf) -> None:
        """`found`: records as bytes."""
        super().__init__(BALANCES, {name: _balance.decode(raw) for name, raw in found.items()})
        self._balance_of = balance_of

    def _posting(self, found: Any) -> int:
        return int(found.seq)

    def _compare(self, account: Account, found: Any) -> Iterator[tuple[str, str, str]]:
        wanted = self._balance_of(account)
        for field in wanted.__struct_fields__:
            mine, held = getattr(wanted, field), getattr(found, field)
            if mine != held:
                yield field, _short(mine), _short(held)


class StoredBalances(_Balances[StoredBalance]):
    """Balances as ClickHouse has them."""

    def __init__(self, found: Mapping[str, StoredBalance]) -> None:
        super().__init__(STORED_BALANCE, found)

    def _posting(self, found: StoredBalance) -> int:
        return found[0]

    def _compare(self, account: Account, found: StoredBalance) -> Iterator[tuple[str, str, str]]:
        _, balance, buckets = found
        wanted = {"balance": account.balance} | {b: Decimal(text) for b, text in buckets_of(account).items()}
        held = {"balance": balance, **buckets}
        for field, amount in wanted.items():
            if held.get(field) != amount:
                yield field, money_text(amount), money_text(held[field]) if field in held else "none"
