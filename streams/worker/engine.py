"""What is written when, and what is acknowledged last. No Faust, no Kafka, no clock: ports only.

Output records leave as the fold makes them. `publish` writes the balances of touched accounts. A `checkpoint` is:
publish → wait until all of that is delivered → write the states of the touched accounts and their open hour and
day → wait until those are delivered → acknowledge the journal records. So a state is never durable before the records that it has
produced, and an acknowledged journal record is never without its state. After a crash the records since the last
checkpoint are folded again and give the same records with the same ids; readers drop the twins.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.wire import encode
from streams.core.state import Account, Outbox
from streams.worker.folder import OpenRecord, PartitionFolder, frame_of
from streams.worker.outputs import Outputs, emit, window_key
from streams.worker.ports import Fold, Names, Sender
from streams.worker.rows import DerivedRows, Tables

# Accounts for each step between two looks at the event loop: 200 cost a few milliseconds.
STEP_ACCOUNTS = 200
# Events for each step between two encodings: what they gave is encoded while the processor's cache holds it, and the
# next step's records take its memory. A whole record of 500 at a time costs a tenth more.
STEP_EVENTS = 50
# Decoded accounts of a worker (about 10 KB each), so that 1,000,000 accounts do not mean 1,000,000 objects.
CACHE_ACCOUNTS_MAX = 20_000

Acknowledge = Callable[[], object]


class Engine:
    """Folds the journal records of the partitions it owns. One call at a time (the caller's lock).

    `barrier=False` and `offset_in_state=False` are for tests only, to see that both are needed.
    """

    def __init__(
        self, fold: Fold, tables: Tables, sender: Sender, names: Names,
        *, barrier: bool = True, offset_in_state: bool = True,
        cache_accounts_max: int = CACHE_ACCOUNTS_MAX, step_accounts: int = STEP_ACCOUNTS,
    ) -> None:  # fmt: skip
        self._fold = fold
        self._tables = tables
        self._sender = sender
        self._names = names
        self._barrier = barrier
        self._offset_in_state = offset_in_state
        self._cache_max = cache_accounts_max
        self._step = step_accounts
        self._folders: dict[int, PartitionFolder] = {}
        self._pending: list[Acknowledge] = []
        self._epoch = 0
        self.events = 0

    @property
    def partitions(self) -> list[int]:
        """Partitions that this engine owns."""
        return list(self._folders)

    @property
    def timers(self) -> int:
        """Accounts that wait for a timer."""
        return sum(folder.timers for folder in self._folders.values())

    @property
    def has_work(self) -> bool:
        """True when a checkpoint would acknowledge or write something."""
        return bool(self._pending) or any(folder.unsaved for folder in self._folders.values())

    # --- ownership ---------------------------------------------------------------------------------

    def forget(self) -> None:
        """The partitions are revoked: drop what is cached and every acknowledgement that is still owed."""
        self._epoch += 1
        self._folders.clear()
        self._pending.clear()
        for table in self._tables.all:
            table.take_changes()

    def own(self, partitions: set[int]) -> None:
        """The partitions are assigned and their rows restored: fold their records from now on."""
        self.forget()
        for partition in sorted(partitions):
            rows = self._tables.accounts.part(partition)
            self._folders[partition] = PartitionFolder(
                self._fold, rows, offset_in_state=self._offset_in_state
            )

    # --- folding -----------------------------------------------------------------------------------

    async def take(self, partition: int, offset: int, value: bytes, acknowledge: Acknowledge) -> None:
        """Fold one journal record in; it is acknowledged by a later checkpoint, or never."""
        folder = self._folders.get(partition)
        if folder is None:
            return  # Revoked while it waited its turn: its new owner folds it.
        record = folder.open(offset, value)
        epoch = self._epoch
        if not await self._fire(folder, record, partition, epoch):
            return
        outputs = Outputs(partition, self._names, self._sender.send)
        more = True
        while more:
            out = Outbox()
            more = folder.apply(record, out, STEP_EVENTS)
            outputs.take(out)
        outputs.finish()
        self.events += len(record.events)
        self._pending.append(acknowledge)
        await self._sender.room()

    async def _fire(self, folder: PartitionFolder, record: OpenRecord, partition: int, epoch: int) -> bool:
        """Fire the record's timers step by step; False when the partition was revoked meanwhile."""
        more = True
        while more:
            out = Outbox()
            more = folder.fire(record, out, self._step)
            emit(out, partition, self._names, self._sender.send)
            if more:
                # An hour's end may touch every account: the state is saved on the way, so memory stays bounded.
                if len(folder.unsaved) >= self._cache_max:
                    await self.checkpoint()
                await self._sender.room()
                if epoch != self._epoch:
                    return False
        return True

    # --- writing -----------------------------------------------------------------------------------

    async def publish(self) -> None:
        """Write the balances of the accounts touched since the last time."""
        epoch = self._epoch
        for partition, folder in list(self._folders.items()):
            accounts = list(folder.take_unpublished().values())
            for start in range(0, len(accounts), self._step):
                for account in accounts[start : start + self._step]:
                    balance = self._fold.balance_record(account, self._fold.book)
                    if balance is not None:
                        self._tables.balances.write(partition, account.id, encode(balance))
                await self._send_changes((self._tables.balances,))
                if epoch != self._epoch:
                    return

    def _write_windows(self, partition: int, account: Account) -> None:
        # The dearest of the derived rows (a line for each resource, model, key and meter): at checkpoints only.
        hours, days = self._fold.open_windows(account, self._fold.book)
        for window in hours:
            self._tables.hourly.write(partition, window_key(window), encode(window))
        for window in days:
            self._tables.daily.write(partition, window_key(window), encode(window))

    async def checkpoint(self) -> None:
        """Make everything durable that was folded, then acknowledge it."""
        epoch = self._epoch
        await self.publish()
        if self._barrier:
            await self._sender.delivered()
        if epoch != self._epoch:
            return
        acknowledge, self._pending = self._pending, []
        saved = await self._save(epoch)
        if saved is None:
            return
        if self._barrier:
            await self._sender.delivered()
        if epoch != self._epoch:
            return
        for call in acknowledge:
            call()
        limit = self._cache_max // max(1, len(self._folders))
        for partition, accounts in saved.items():
            self._folders[partition].evict(accounts, limit)

    async def _save(self, epoch: int) -> dict[int, dict[str, Account]] | None:
        """Write the states and windows of the touched accounts; None when the partitions were revoked meanwhile."""
        table = self._tables.accounts
        saved = {partition: folder.take_unsaved() for partition, folder in self._folders.items()}
        for partition, touched in saved.items():
            accounts = list(touched.items())
            for start in range(0, len(accounts), self._step):
                for account_id, account in accounts[start : start + self._step]:
                    table.write(partition, account_id, frame_of(account))
                    self._write_windows(partition, account)
                await self._send_changes((table, self._tables.hourly, self._tables.daily))
                if epoch != self._epoch:
                    return None
        return saved

    async def _send_changes(self, tables: tuple[DerivedRows, ...]) -> None:
        send = self._sender.send
        for table in tables:
            topic = table.topic
            for partition, key, value in table.take_changes():
                send(topic, partition, key, value)
        await self._sender.room()
