"""What the HTTP service and the command line ask about accounts; each mixin one subject."""

from collections.abc import Mapping

from clickhouse_connect.driver.client import Client

from schemas.profile import Profile
from sinks.clickhouse.asking import Asker
from sinks.clickhouse.reports.accounts import Accounts
from sinks.clickhouse.reports.costs import DIMENSIONS, Costs
from sinks.clickhouse.reports.operations import Operations
from sinks.clickhouse.reports.outlook import Outlook
from sinks.clickhouse.reports.requests import Requests
from sinks.clickhouse.reports.suggestions import Suggestions

__all__ = ["DIMENSIONS", "Reports"]


class Reports(Suggestions, Requests, Outlook, Costs, Operations, Accounts):
    """Every question, over one client that may be used by several threads.

    Every method raises `ClickHouseDown` or `ClickHouseError` where ClickHouse does not answer.
    """

    def __init__(self, client: Client, profiles: Mapping[str, Profile] | None = None) -> None:
        """`profiles` by name are what suggestions take prices from; without any there are fewer suggestions."""
        super().__init__(Asker(client), profiles or {})
