"""Questions to ClickHouse over one client, made when it is first needed; ClickHouse's errors become the service's."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.settings import Settings
from sinks.clickhouse.client import ClickHouseError, connect
from sinks.http.ports import Unavailable


class Connected:
    """Gives the object of `kind`, made over the client; each of its questions may raise `Unavailable`."""

    def __init__(self, settings: Settings, kind: Callable[[Client], Any]) -> None:
        self._settings, self._kind = settings, kind
        self._reports: Any = None

    def __call__(self) -> Any:
        if self._reports is None:
            dsn = self._settings.clickhouse_dsn.get_secret_value()
            self._reports = _Translated(
                _unavailable(lambda: self._kind(connect(dsn, self._settings.clickhouse_database)))()
            )
        return self._reports


class _Translated:
    def __init__(self, reports: Any) -> None:
        self._reports = reports

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _unavailable(getattr(self._reports, name))


def _unavailable(ask: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(ask)
    def asked(*arguments: Any, **named: Any) -> Any:
        try:
            return ask(*arguments, **named)
        except ClickHouseError as error:
            raise Unavailable(f"ClickHouse: {error}") from None

    return asked
