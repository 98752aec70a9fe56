"""Fewer replicas, and fewer expensive requests (PD-37). Pure."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from schemas.values import money_text
from sinks.clickhouse.suggest.facts import ESTIMATE, Deployment, Spending, Suggestion, floor_percent
from sinks.clickhouse.suggest.rules import Rules

_SECONDS_PER_HOUR = 3_600


def fewer_replicas(deployment: Deployment, rules: Rules, hours_a_month: Decimal) -> Suggestion | None:
    """As many replicas as the run time of all requests fills; None where run times were not told."""
    if deployment.replicas < 2 or not deployment.busy_s or deployment.days_seen < rules.replicas.days_min:
        return None
    # `paid_hours` are hours of replicas.
    busy = ESTIMATE.divide(deployment.busy_s, deployment.paid_hours * _SECONDS_PER_HOUR)
    needed = int((busy * deployment.replicas).to_integral_value(ROUND_CEILING))
    spare = deployment.replicas - max(needed, 1)
    if spare < 1:
        return None
    percent = floor_percent(busy, Decimal(1))
    return Suggestion(
        type="fewer_replicas",
        text=(
            f"{deployment.resource} was busy for {percent} % of what its {deployment.replicas} replicas were paid for: "
            f"auto-scaling with at least {max(needed, 1)} would do for the mean"
        ),
        resource=deployment.resource,
        saving=ESTIMATE.multiply(deployment.price * spare, hours_a_month),
        figures={
            "replicas": deployment.replicas,
            "suggested_replicas": max(needed, 1),
            "busy_seconds": deployment.busy_s,
            "paid_hours": deployment.paid_hours,
            "price_per_hour": deployment.price,
        },
    )


def expensive_requests(spending: Spending, rules: Rules) -> Suggestion | None:
    """The few requests that cost many times the median, where they are much of what requests cost."""
    few = spending.requests < rules.requests.count_min or not spending.above
    if few or spending.above_cost < spending.cost * rules.requests.share_min:
        return None
    over = spending.above_cost - spending.limit * spending.above
    percent = floor_percent(spending.above_cost, spending.cost)
    times = rules.requests.times_median
    return Suggestion(
        type="expensive_requests",
        text=(
            f"{spending.above} of {spending.requests} requests cost more than {times} times the median and are {percent} % "
            f"of what requests cost in {spending.days} days; none above that limit would have saved {money_text(over)}"
        ),
        percent=floor_percent(over, spending.cost),
        saving=ESTIMATE.multiply(over, ESTIMATE.divide(Decimal(rules.days_of_month), Decimal(spending.days))),
        figures={
            "days": spending.days,
            "requests": spending.requests,
            "cost": spending.cost,
            "limit": spending.limit,
            "above_limit": spending.above,
            "above_limit_cost": spending.above_cost,
        },
    )
