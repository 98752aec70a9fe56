"""A table's rows on this worker, by partition, and the changes that its changelog does not have yet. Pure.

The Faust tables of `streams.worker.tables` keep their values here. `AccountRows` recover monotonically: of two
changelog records of one account the one further in the account's history stands, whichever comes later.
`DerivedRows` hold nothing: balances and window costs follow from the accounts and are written again by them.
"""

from __future__ import annotations

from streams.codec import is_newer, read_position

Change = tuple[int, str, bytes]


class DerivedRows:
    """Rows that are only sent on: what the changelog topic holds is what readers want, nothing is read back."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._changes: list[Change] = []

    def write(self, partition: int, key: str, value: bytes) -> None:
        """Set a row; its changelog record is sent with the next `take_changes`."""
        self._changes.append((partition, key, value))

    def take_changes(self) -> list[Change]:
        """The changes since the last call, in order."""
        changes, self._changes = self._changes, []
        return changes

    def keep(self, _partitions: set[int]) -> None:
        """Forget the rows of all other partitions and every change that is not sent."""
        self._changes.clear()


class AccountRows(DerivedRows):
    """The frames of all accounts of this worker's partitions: account id → frame."""

    def __init__(self, topic: str, *, monotonic: bool = True) -> None:
        super().__init__(topic)
        self._parts: dict[int, dict[str, bytes]] = {}
        # False only in tests, to see that it is needed.
        self._monotonic = monotonic

    def part(self, partition: int) -> dict[str, bytes]:
        """The rows of one partition, live."""
        return self._parts.setdefault(partition, {})

    @property
    def count(self) -> int:
        """Accounts that have a row here."""
        return sum(map(len, self._parts.values()))

    @property
    def partitions(self) -> list[int]:
        """Partitions that have rows here."""
        return list(self._parts)

    def furthest(self, partition: int) -> int:
        """The highest journal offset that a state of the partition holds; -1 where there is none."""
        return max((read_position(frame)[0] for frame in self.part(partition).values()), default=-1)

    def write(self, partition: int, key: str, value: bytes) -> None:
        """Set a row, visible at once; its changelog record is sent with the next `take_changes`."""
        self.part(partition)[key] = value
        self._changes.append((partition, key, value))

    def restore(self, partition: int, key: str, value: bytes | None) -> None:
        """Take in a record of the changelog; one that is behind what is known is ignored."""
        part = self.part(partition)
        if value is None:
            part.pop(key, None)
        elif not self._monotonic or (known := part.get(key)) is None or is_newer(value, known):
            part[key] = value

    def keep(self, _partitions: set[int]) -> None:
        """Forget the rows of all other partitions and every change that is not sent."""
        super().keep(_partitions)
        self._parts = {number: part for number, part in self._parts.items() if number in _partitions}


class Tables:
    """The four tables."""

    def __init__(
        self, accounts: AccountRows, balances: DerivedRows, hourly: DerivedRows, daily: DerivedRows
    ) -> None:
        self.accounts = accounts
        self.balances = balances
        self.hourly = hourly
        self.daily = daily

    @property
    def all(self) -> tuple[DerivedRows, ...]:
        """Accounts first: it decides, the others follow from it."""
        return (self.accounts, self.balances, self.hourly, self.daily)
