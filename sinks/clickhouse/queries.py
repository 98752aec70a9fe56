"""What reports and the HTTP service ask ClickHouse; answers are ready for JSON.

Promises: amounts are exact decimal strings (`schemas.values.money_text`), times RFC 3339 in UTC; nothing is
counted twice, whatever was written twice. Values travel as server-side parameters, never inside the SQL, and
the four dimensions of a report are four fixed texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from schemas.values import instant_text, money_text, plain
from sinks.clickhouse.client import translated
from sinks.clickhouse.tables import TABLES

Row = dict[str, Any]

LIMIT_MAX: Final = 10_000
DAYS_MAX: Final = 366

_COSTS: Final = """
    SELECT x_Day AS day, '' AS name, sum(BilledCost) AS amount, sum(x_Charges) AS charges
    FROM costs_by_day
    WHERE SubAccountId = {account:String} AND x_Day >= {first:Date} AND x_Day <= {last:Date}
    GROUP BY day ORDER BY day"""
# One text for each dimension: the column is never a parameter.
_COSTS_BY: Final = {
    dimension: _COSTS.replace("'' AS name", f"{column} AS name").replace(
        "GROUP BY day ORDER BY day", "GROUP BY day, name ORDER BY day, name"
    )
    for dimension, column in {
        "resource": "ResourceId",
        "model": "x_Model",
        "sku": "SkuId",
        "key": "x_ApiKey",
    }.items()
}
DIMENSIONS: Final = tuple(_COSTS_BY)
_BALANCE: Final = """
    SELECT account, profile, balance, currency, buckets, flags, keys, seq, time
    FROM current_balances WHERE account = {account:String}"""
_ACCOUNTS: Final = """
    SELECT account, profile, balance, currency, time
    FROM current_balances ORDER BY account LIMIT {limit:UInt32} OFFSET {offset:UInt64}"""
# Without a balance yet, an account is known by what it was charged.
_IS_KNOWN: Final = """
    SELECT count() > 0 FROM (SELECT 1 FROM charges WHERE account = {account:String} LIMIT 1
        UNION ALL SELECT 1 FROM entries WHERE account = {account:String} LIMIT 1)"""
_CREDITED: Final = "SELECT account FROM entries WHERE payment = {payment:String} AND type = 'topup' LIMIT 1"
_CREDITED_TO_ACCOUNT: Final = """
    SELECT account FROM entries
    WHERE account = {account:String} AND payment = {payment:String} AND type = 'topup' LIMIT 1"""
_LAST_DAY: Final = "SELECT maxOrNull(x_Day) FROM costs_by_day WHERE SubAccountId = {account:String}"
_LEDGER: Final = """
    SELECT seq, time, type, bucket, amount, balance, currency, charge, payment, cause, id, hash
    FROM ledger WHERE account = {account:String} AND seq < {before:UInt64}
    ORDER BY seq DESC LIMIT {limit:UInt32}"""
_CHARGES: Final = """
    SELECT id, time, resource, request, sku, model, key, meter, start, end, quantity, unit, unit_price, amount,
        currency, rule, price_version, corrects
    FROM charges FINAL
    WHERE account = {account:String} AND (time, id) < ({before:DateTime64(3, 'UTC')}, {before_id:String})
    ORDER BY time DESC, id DESC LIMIT {limit:UInt32}"""
# Wider than Decimal(76, 12): a sum that would be rounded raises.
_EXACT: Final = Context(prec=100, traps=[Inexact, InvalidOperation])
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_END_OF_TIME: Final = "2299-12-31 00:00:00.000"
_COUNTS: Final = {table.name: f"SELECT count() FROM {table.name} FINAL" for table in TABLES} | {  # noqa: S608 - our own names
    "dead_letters": "SELECT count() FROM dead_letters FINAL",
    "gaps": "SELECT count() FROM gaps",
}
_STORED: Final = """
    SELECT name, total_rows FROM system.tables
    WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'schema_versions' ORDER BY name"""
_SUMS: Final = """
    SELECT account, sum(charged) AS charged, sum(posted) AS posted, sum(hourly) AS hourly, sum(daily) AS daily, sum(balance) AS balance
    FROM (
        SELECT account, toDecimal256(amount, 12) AS charged, toDecimal256(0, 12) AS posted, toDecimal256(0, 12) AS hourly,
            toDecimal256(0, 12) AS daily, toDecimal256(0, 12) AS balance FROM charges FINAL
        UNION ALL SELECT account, 0, toDecimal256(amount, 12), 0, 0, 0 FROM entries FINAL
        UNION ALL SELECT account, 0, 0, toDecimal256(amount, 12), 0, 0 FROM hourly_costs FINAL
        UNION ALL SELECT account, 0, 0, 0, toDecimal256(amount, 12), 0 FROM daily_costs FINAL
        UNION ALL SELECT account, 0, 0, 0, 0, toDecimal256(balance, 12) FROM balances FINAL
    ) GROUP BY account ORDER BY account"""


class Reports:
    """Questions about accounts, asked over one client that may be used by several threads.

    Every method raises `ClickHouseDown` or `ClickHouseError` where ClickHouse does not answer.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def accounts(self, limit: int = 100, offset: int = 0) -> list[Row]:
        """Accounts with their balances, in order of their ids."""
        rows = self._rows(_ACCOUNTS, limit=_bounded(limit), offset=offset)
        return [_shown(row) for row in rows]

    def balance(self, account: str) -> Row | None:
        """Balance, buckets, flags and keys; None for an account without a balance."""
        rows = self._rows(_BALANCE, account=account)
        return _shown(rows[0]) if rows else None

    def is_known(self, account: str) -> bool:
        """True for an account that has a balance, a charge or an entry."""
        return self.balance(account) is not None or bool(self._value(_IS_KNOWN, account=account))

    def credited_account(self, payment: str, account: str | None = None) -> str | None:
        """The account to which `payment` was credited, None for nobody; quicker where `account` is the right one."""
        found = self._value(_CREDITED_TO_ACCOUNT, payment=payment, account=account) if account else None
        found = found or self._value(_CREDITED, payment=payment)
        return str(found) if found else None

    def last_day(self, account: str) -> date | None:
        """The latest day, on the account's calendar, in which a charge fell due."""
        found = self._value(_LAST_DAY, account=account)
        return found if isinstance(found, date) else None

    def costs(
        self, account: str, days: int, *, by: str | None = None, as_of: date | None = None
    ) -> Row | None:
        """Costs of the `days` days up to and with `as_of`; None for an account that nothing is known of.

        `as_of` is by default the latest day with a charge, without any that of the balance. Days are those of
        the account's calendar; one without a charge is there with 0. With `by` (one of `DIMENSIONS`) each day has
        its `lines` and `groups` has the totals by name. Raises ValueError for other dimensions and for `days`
        outside 1..366.
        """
        if not 1 <= days <= DAYS_MAX:
            raise ValueError(f"days must be 1 to {DAYS_MAX}")
        if by is not None and by not in _COSTS_BY:
            raise ValueError(f"by must be one of {', '.join(DIMENSIONS)}")
        balance = self.balance(account)
        last = as_of or self._default_day(account, balance)
        if last is None or not (balance or self.is_known(account)):
            return None
        first = last - timedelta(days=days - 1)
        rows = self._rows(_COSTS_BY[by] if by else _COSTS, account=account, first=first, last=last)
        currency = balance["currency"] if balance else self._currency(account)
        return _report(account, currency, first, last, by, rows)

    def ledger(self, account: str, *, limit: int = 100, before: int | None = None) -> list[Row]:
        """The latest `limit` postings with a `seq` below `before`, the newest first."""
        rows = self._rows(
            _LEDGER, account=account, limit=_bounded(limit), before=2**63 if before is None else before
        )
        return [_shown(row) for row in rows]

    def charges(
        self, account: str, *, limit: int = 100, before: str | None = None, before_id: str = ""
    ) -> list[Row]:
        """The latest `limit` charges before the time `before` (and, at that time, below `before_id`), newest first."""
        moment = _END_OF_TIME if before is None else before.replace("T", " ").rstrip("Z")
        rows = self._rows(
            _CHARGES, account=account, limit=_bounded(limit), before=moment, before_id=before_id
        )
        return [_shown(row) for row in rows]

    def row_counts(self) -> dict[str, int]:
        """Rows that readers see, by table, with the numbers of dead letters and of accounts in `gaps`; reads everything."""
        return {name: int(self._value(sql)) for name, sql in _COUNTS.items()}

    def stored_rows(self) -> dict[str, int]:
        """Rows that each table holds, twins that are not yet merged included; costs nothing to ask."""
        return {row["name"]: int(row["total_rows"] or 0) for row in self._rows(_STORED)}

    def sums(self) -> list[Row]:
        """By account: `charged`, `posted`, `hourly`, `daily`, `balance`, exact. What belongs together must be equal:
        `charged` = `hourly` = `daily`, and `posted` = `balance`.
        """
        return [
            {"account": row["account"]} | {name: plain(row[name]) for name in row if name != "account"}
            for row in self._rows(_SUMS)
        ]

    def _default_day(self, account: str, balance: Row | None) -> date | None:
        # No wall clock: history that is played has a time of its own.
        return self.last_day(account) or (date.fromisoformat(balance["time"][:10]) if balance else None)

    def _currency(self, account: str) -> str:
        return str(
            self._value("SELECT any(currency) FROM charges WHERE account = {account:String}", account=account)
            or ""
        )

    def _rows(self, sql: str, **parameters: object) -> list[Row]:
        with translated():
            result = self._client.query(sql, parameters=parameters)
        return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    def _value(self, sql: str, **parameters: object) -> Any:
        with translated():
            rows: Sequence[Sequence[Any]] = self._client.query(sql, parameters=parameters).result_rows
        return rows[0][0] if rows else None


def _bounded(limit: int) -> int:
    return max(1, min(limit, LIMIT_MAX))


def _report(account: str, currency: str, first: date, last: date, by: str | None, rows: Sequence[Row]) -> Row:
    days: dict[date, list[Row]] = {first + timedelta(days=n): [] for n in range((last - first).days + 1)}
    for row in rows:
        days[row["day"]].append(row)
    report: Row = {
        "account": account,
        "currency": currency,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "by": by,
        "total": _sum(rows),
        "charges": sum(row["charges"] for row in rows),
        "days": [_day(day, lines, by) for day, lines in days.items()],
    }
    if by:
        names = sorted({row["name"] for row in rows})
        groups = [(name, [row for row in rows if row["name"] == name]) for name in names]
        report["groups"] = [
            {"name": name, "amount": _sum(lines), "charges": sum(line["charges"] for line in lines)}
            for name, lines in groups
        ]
    return report


def _day(day: date, lines: Sequence[Row], by: str | None) -> Row:
    found: Row = {
        "day": day.isoformat(),
        "amount": _sum(lines),
        "charges": sum(line["charges"] for line in lines),
    }
    if by:
        found["lines"] = [
            {"name": line["name"], "amount": money_text(line["amount"]), "charges": line["charges"]}
            for line in lines
        ]
    return found


def _sum(rows: Sequence[Row]) -> str:
    total = Decimal(0)
    for row in rows:
        total = _EXACT.add(total, row["amount"])
    return money_text(total)


def _shown(row: Row) -> Row:
    return {name: _json(name, value) for name, value in row.items()}


def _json(name: str, value: Any) -> Any:
    match value:
        case Decimal():
            return plain(value) if name in {"quantity", "unit_price"} else money_text(value)
        case datetime():
            # The driver gives times of UTC without a zone.
            return instant_text((value.replace(tzinfo=value.tzinfo or UTC) - _EPOCH) // _MILLISECOND)
        case dict():
            return {key: _json(name, inner) for key, inner in value.items()}
        case _:
            return value
