"""For whoever runs it: is it fresh, what was refused, who owes, does everything add up?"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from schemas.values import plain
from sinks.clickhouse.asking import Row, shown
from sinks.clickhouse.reports.accounts import Accounts
from sinks.clickhouse.tables import DEAD_LETTERS, TABLES

FRESH_MINUTES: Final = 15
_SECONDS: Final = ("age_max_s", "age_mean_s", "waited_max_s")


class Operations(Accounts):
    """Counts and ages."""

    def operations(self) -> Row:
        """Clock, freshness, refusals, arrears and dead letters at once."""
        return {
            "clock": self.clock(),
            "freshness": self.freshness(),
            "rejections": self.rejections(),
            "arrears": self.arrears(),
            "dead_letters": self.stored_rows().get(DEAD_LETTERS, 0),
        }

    def clock(self) -> Row:
        """The clocks of the slowest and the fastest partition, None before the first tick."""
        return shown(self._ask.rows("clocks")[0])

    def freshness(self, minutes: int = FRESH_MINUTES) -> Row:
        """Seconds from a charge's time to its being seen (FA-09), and from Kafka, over the last busy `minutes`."""
        row = self._ask.rows("freshness", minutes=minutes)[0]
        if not row["charges"]:
            return {"minutes": minutes, "charges": 0, "last": None} | dict.fromkeys(_SECONDS)
        seconds = {name: plain(Decimal(row[name])) for name in _SECONDS}
        return {"minutes": minutes, "charges": row["charges"], "last": shown(row)["last"]} | seconds

    def rejections(self, account: str = "") -> list[Row]:
        """How many events were refused by reason, with the words of the latest; of one account or, without, of all."""
        return [shown(row) for row in self._ask.rows("rejections", account=account)]

    def arrears(self) -> list[Row]:
        """How many accounts owe how much, by currency and age."""
        return [shown(row) for row in self._ask.rows("arrears")]

    def row_counts(self) -> dict[str, int]:
        """Rows that readers see, by table, with the numbers of dead letters and of accounts in `gaps`; reads everything."""
        names = (*(table.name for table in TABLES), DEAD_LETTERS)
        counts = {name: int(self._ask.value("row_count", table=name)) for name in names}
        return counts | {"gaps": int(self._ask.value("gaps"))}

    def stored_rows(self) -> dict[str, int]:
        """Rows that each table holds, twins that are not yet merged included; costs nothing to ask."""
        return {row["name"]: int(row["total_rows"] or 0) for row in self._ask.rows("stored_rows")}

    def sums(self) -> list[Row]:
        """By account: `charged`, `posted`, `hourly`, `daily`, `balance`, exact. What belongs together must be equal:
        `charged` = `hourly` = `daily`, and `posted` = `balance`.
        """
        return [
            {"account": row["account"]} | {name: plain(row[name]) for name in row if name != "account"}
            for row in self._ask.rows("sums")
        ]
