"""The worker's states and balances held against the refold's, each where both stand at the same place. Pure.

A frame of the `accounts` topic names its place in the account's history (journal offset, next due time); the
balance names its posting. The refold passes every such place, and is compared there, whatever came later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from infra.audit.running import Difference
from schemas.values import money_text
from schemas.wire import Balance, encode
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


class Balances:
    """Balance records of one source, by account. `balance_of` makes the refold's."""

    def __init__(self, where: str, found: Mapping[str, bytes], balance_of: BalanceOf) -> None:
        """`found`: records as bytes."""
        self._where = where
        self._found = {name: _balance.decode(raw) for name, raw in found.items()}
        self._balance_of = balance_of
        self._met: dict[str, bool] = {}
        self._wanted: dict[str, Any] = {}
        self._floors: dict[str, int] = {}
        self._now: dict[str, int] = {}

    def touched(self, accounts: Mapping[str, Account]) -> None:
        """The refold has just changed `accounts`."""
        for name, account in accounts.items():
            if not account.profile:
                continue
            self._now[name] = account.seq
            found = self._found.get(name)
            if found is not None and found.seq == account.seq and not self._met.get(name, False):
                wanted = self._balance_of(account)
                self._met[name] = encode(wanted) == encode(found)
                self._wanted[name] = wanted

    def freeze(self) -> None:
        """Balances after what was folded so far must be there."""
        self._floors = dict(self._now)

    def finish(self) -> list[Difference]:
        """All differences, once the journal is at its end."""
        differences = []
        for name in sorted(self._now.keys() | self._found.keys()):
            found, floor = self._found.get(name), self._floors.get(name)
            if found is None:
                if floor is not None:
                    differences.append(
                        Difference(name, self._where, "balance", f"after posting {floor}", "none")
                    )
            elif name not in self._met or (floor is not None and found.seq < floor):
                wanted = self._now.get(name) if floor is None else floor
                differences.append(Difference(name, self._where, "last posting", str(wanted), str(found.seq)))
            elif not self._met[name]:
                differences += self._contents(name, self._wanted[name], found)
        return differences

    def _contents(self, name: str, wanted: Any, found: Any) -> list[Difference]:
        return [
            Difference(
                name, self._where, field, _short(getattr(wanted, field)), _short(getattr(found, field))
            )
            for field in wanted.__struct_fields__
            if getattr(wanted, field) != getattr(found, field)
        ]


class StoredBalances:
    """Balances as ClickHouse has them: (posting, balance, buckets) by account."""

    def __init__(self, found: Mapping[str, tuple[int, Decimal, Mapping[str, Decimal]]]) -> None:
        self._found = found
        self._met: set[str] = set()
        self._floors: dict[str, int] = {}
        self._now: dict[str, int] = {}
        self._differences: list[Difference] = []

    def touched(self, accounts: Mapping[str, Account]) -> None:
        """The refold has just changed `accounts`."""
        for name, account in accounts.items():
            if not account.profile:
                continue
            self._now[name] = account.seq
            found = self._found.get(name)
            if found is not None and found[0] == account.seq and name not in self._met:
                self._met.add(name)
                self._compare(name, account, found[1], found[2])

    def freeze(self) -> None:
        """Balances after what was folded so far must be there."""
        self._floors = dict(self._now)

    def finish(self) -> list[Difference]:
        """All differences, once the journal is at its end."""
        for name in sorted(self._now.keys() | self._found.keys()):
            found, floor = self._found.get(name), self._floors.get(name)
            if found is None and floor is None:
                continue
            if found is None or name not in self._met or (floor is not None and found[0] < floor):
                held = "none" if found is None else str(found[0])
                self._differences.append(Difference(name, STORED_BALANCE, "last posting", str(floor), held))
        return self._differences

    def _compare(self, name: str, account: Account, balance: Decimal, buckets: Mapping[str, Decimal]) -> None:
        wanted = {"balance": account.balance} | {b: Decimal(text) for b, text in buckets_of(account).items()}
        held = {"balance": balance, **buckets}
        for field, amount in wanted.items():
            if held.get(field) != amount:
                found = money_text(held[field]) if field in held else "none"
                self._differences.append(Difference(name, STORED_BALANCE, field, money_text(amount), found))
