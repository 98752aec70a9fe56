"""Suggestions (PD-25, PD-34 to PD-37): what was measured of an account, handed to the rules of `suggest`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from schemas.profile import Profile
from sinks.clickhouse.asking import Row, as_parameter, time_text, total
from sinks.clickhouse.reports.requests import Requests
from sinks.clickhouse.suggest.capacity import expensive_requests, fewer_replicas
from sinks.clickhouse.suggest.facts import ESTIMATE, Deployment, Hour, Spending, Suggestion, cents
from sinks.clickhouse.suggest.idleness import pauses
from sinks.clickhouse.suggest.rules import Rules, rules
from sinks.clickhouse.suggest.sizing import Prices, resize


class Suggestions(Requests):
    """What could be saved."""

    def suggestions(self, account: str, days: int = 30) -> Row | None:
        """Suggestions from the last `days` days, the greatest saving first; None for an unknown account.

        Only what runs now is looked at. Each names the figures that it rests on.
        """
        span = self._span(account, days)
        if span is None:
            return None
        clock, since, until = span
        between = {"account": account, "since": as_parameter(since), "until": as_parameter(until)}
        prices = prices_of(self._profiles, clock["today"])
        found = list(_advise(self._deployments(between, str(clock["zone"])), prices, rules()))
        spending = self._spending(between, days)
        if spending is not None and (dear := expensive_requests(spending, rules())) is not None:
            found.append(dear)
        found.sort(key=lambda each: (-cents(each.saving), each.type, each.resource))
        return {
            "account": account,
            "currency": clock["currency"],
            "from": time_text(since),
            "to": time_text(until),
            "suggestions": [each.row(clock["currency"]) for each in found],
        }

    def _deployments(self, between: Mapping[str, Any], zone: str) -> list[Deployment]:
        """What runs at a known price, with its use; without hours where the account tells of no request at all."""
        rows: dict[str, list[Row]] = defaultdict(list)
        for row in self._ask.rows("hour_profile", zone=zone, **between):
            rows[row["resource"]].append(row)
        # Where no request is told of, that a deployment had none says nothing.
        tells = any(row["requests"] for used in rows.values() for row in used)
        running = self._ask.rows("running", account=between["account"])
        return [
            _deployment(row, rows[row["resource"]], tells=tells)
            for row in running
            if row["price"] is not None and row["resource"] in rows
        ]

    def _spending(self, between: Mapping[str, Any], days: int) -> Spending | None:
        rows = self._ask.rows("request_spending", times=str(rules().requests.times_median), **between)
        if not rows:
            return None
        row = rows[0]
        return Spending(days, row["requests"], row["total"], row["top"], row["above"], row["above_cost"])


def prices_of(profiles: Mapping[str, Profile], day: date) -> Prices:
    """What an hour of each sku costs on `day` by use."""
    return {
        (name, sku_name): price.payg
        for name, profile in profiles.items()
        for sku_name, sku in profile.skus.items()
        for price in sku.prices
        if price.payg is not None and price.from_ <= day and (price.until is None or day < price.until)
    }


def _advise(deployments: list[Deployment], prices: Prices, known: Rules) -> Iterator[Suggestion]:
    for deployment in deployments:
        hours = _hours_a_month(deployment, known)
        for found in (resize(deployment, prices, known, hours), fewer_replicas(deployment, known, hours)):
            if found is not None:
                yield found
        yield from pauses(deployment, known)


def _hours_a_month(deployment: Deployment, known: Rules) -> Decimal:
    """At its use of the days that were seen; at most all hours."""
    whole = Decimal(24 * known.days_of_month)
    if not deployment.days_seen:
        return min(deployment.paid_hours, whole)
    a_day = ESTIMATE.divide(deployment.paid_hours, Decimal(deployment.days_seen * deployment.replicas))
    return min(a_day * known.days_of_month, whole)


def _hour(row: Row) -> Hour:
    return Hour(row["day"], row["weekday"], row["hour"], row["paid_hours"], int(row["requests"]))


def _deployment(row: Row, used: list[Row], *, tells: bool) -> Deployment:
    told = not any(hour["untold"] for hour in used)
    return Deployment(
        resource=row["resource"],
        profile=row["profile"],
        sku=row["sku"],
        model=row["model"],
        price=row["price"],
        per_hour=row["per_hour"],
        replicas=int(row["replicas"]),
        paid_hours=total(used, "paid_hours"),
        busy_s=total(used, "busy_s") if told else None,
        hours=[_hour(hour) for hour in used] if tells else [],
    )
