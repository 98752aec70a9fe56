-- Cost over time by resource, the twenty dearest; usage without one has no name. Drawn from rounded numbers.
SELECT $__timeInterval(ChargePeriodStart) AS time, if(ResourceId = '', 'none', ResourceId) AS name, toFloat64(sum(BilledCost)) AS cost
FROM costs_by_hour
WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring})
    AND ResourceId IN
    (
        SELECT ResourceId FROM costs_by_hour WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring})
        GROUP BY ResourceId ORDER BY sum(BilledCost) DESC LIMIT 20
    )
GROUP BY time, name ORDER BY time, name
