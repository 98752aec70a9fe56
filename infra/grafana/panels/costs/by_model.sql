-- Cost over time by model, the twenty dearest; usage without one has no name. Drawn from rounded numbers.
SELECT $__timeInterval(ChargePeriodStart) AS time, if(x_Model = '', 'none', x_Model) AS name, toFloat64(sum(BilledCost)) AS cost
FROM costs_by_hour
WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring})
    AND x_Model IN
    (
        SELECT x_Model FROM costs_by_hour WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring})
        GROUP BY x_Model ORDER BY sum(BilledCost) DESC LIMIT 20
    )
GROUP BY time, name ORDER BY time, name
