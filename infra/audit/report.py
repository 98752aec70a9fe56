"""What `reconcile` found: sums by holder and account, and every difference. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from infra.audit.running import Difference
from streams.core.amounts import EXACT, ZERO
from streams.ingest.counters import Counters

HOLDERS: Final = ("journal, folded again", "worker state", "topics", "ClickHouse", "balances topic")


@dataclass
class Holder:
    """What one holder has in one currency; None where it does not hold such a thing."""

    charges: int | None = None
    charged: Decimal | None = None
    entries: int | None = None
    posted: Decimal | None = None
    balance: Decimal | None = None

    def add(
        self,
        charges: int | None = None,
        charged: Decimal | None = None,
        entries: int | None = None,
        posted: Decimal | None = None,
        balance: Decimal | None = None,
    ) -> None:
        """Add one account's."""
        if charges is not None:
            self.charges = (self.charges or 0) + charges
        if entries is not None:
            self.entries = (self.entries or 0) + entries
        if charged is not None:
            self.charged = EXACT.add(self.charged or ZERO, charged)
        if posted is not None:
            self.posted = EXACT.add(self.posted or ZERO, posted)
        if balance is not None:
            self.balance = EXACT.add(self.balance or ZERO, balance)


@dataclass(frozen=True)
class AccountSums:
    """One account's balance as each holder has it."""

    account: str
    profile: str
    currency: str
    refolded: Decimal
    ledger: Decimal
    clickhouse: Decimal
    charged: Decimal
    entries: int

    @property
    def agrees(self) -> bool:
        """True where all have the same."""
        return self.refolded == self.ledger == self.clickhouse


@dataclass
class Report:
    """The result. `holders`: by currency and name; `twins`: records that a crash wrote twice, all equal."""

    differences: list[Difference] = field(default_factory=list)
    holders: dict[str, dict[str, Holder]] = field(default_factory=dict)
    accounts: list[AccountSums] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)
    events: int = 0
    journal_records: int = 0
    twins: int = 0

    @property
    def is_clean(self) -> bool:
        """True when nothing differs."""
        return not self.differences

    def count(self, counted: Counters) -> None:
        """Add what ingest has counted in one partition of one input."""
        total = self.counters
        total.read += counted.read
        total.accepted += counted.accepted
        total.duplicates += counted.duplicates
        total.rejected += counted.rejected
