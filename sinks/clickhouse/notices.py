"""What the owner of an account was told, and how far it has come. Read only; every value is a parameter of a fixed text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from schemas.values import instant_text
from sinks.clickhouse.client import translated

Row = dict[str, Any]
LIMIT_MAX: Final = 1_000
END_OF_TIME: Final = "2299-12-31 00:00:00.000"
# Without a mail that went out, was told with another or is not wanted; or with a delivery that has not gone well.
_UNDELIVERED: Final = """(
        id NOT IN (SELECT notice FROM deliveries FINAL WHERE account = {account:String} AND channel = 'email'
            AND state IN ('sent', 'coalesced', 'suppressed'))
        OR id IN (SELECT notice FROM deliveries FINAL WHERE account = {account:String}
            AND state IN ('delayed', 'refused', 'dead')))"""
_NOTICES: Final = f"""
    SELECT id, time, type, resource, values, cause
    FROM notices FINAL
    WHERE account = {{account:String}} AND (time, id) < ({{before:DateTime64(3, 'UTC')}}, {{before_id:String}})
        AND ({{type:String}} = '' OR type = {{type:String}})
        AND (NOT {{undelivered:Bool}} OR {_UNDELIVERED})
    ORDER BY time DESC, id DESC LIMIT {{limit:UInt32}}"""  # noqa: S608 - our own text
_DELIVERIES: Final = """
    SELECT notice, channel, target, state, attempts, time, detail
    FROM deliveries FINAL
    WHERE account = {account:String} AND notice IN {notices:Array(String)}
    ORDER BY notice, channel, target"""


class Notices:
    """Questions about notices. Raises `ClickHouseDown` or `ClickHouseError` where ClickHouse does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def notices(
        self,
        account: str,
        *,
        kind: str = "",
        undelivered: bool = False,
        limit: int = 100,
        before: str | None = None,
        before_id: str = "",
    ) -> list[Row]:
        """The latest `limit` notices before the time `before` (and, at that time, below `before_id`), the newest first.

        Each with its `deliveries`, none where it is still on its way to the sink. `kind`: of that type only;
        `undelivered`: only what has not reached everybody yet.
        """
        found = self._rows(
            _NOTICES,
            account=account,
            type=kind,
            undelivered=undelivered,
            limit=max(1, min(limit, LIMIT_MAX)),
            before=END_OF_TIME if before is None else before.replace("T", " ").rstrip("Z"),
            before_id=before_id,
        )
        deliveries: dict[str, list[Row]] = {row["id"]: [] for row in found}
        for row in self._rows(_DELIVERIES, account=account, notices=list(deliveries)) if found else ():
            deliveries[row.pop("notice")].append(row)
        return [row | {"deliveries": deliveries[row["id"]]} for row in found]

    def _rows(self, sql: str, **parameters: Any) -> list[Row]:
        with translated():
            result = self._client.query(sql, parameters=parameters)
        return [
            {name: _json(value) for name, value in zip(result.column_names, row, strict=True)}
            for row in result.result_rows
        ]


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        # The driver gives times of UTC without a zone.
        return instant_text((value.replace(tzinfo=value.tzinfo or UTC) - _EPOCH) // timedelta(milliseconds=1))
    return value
