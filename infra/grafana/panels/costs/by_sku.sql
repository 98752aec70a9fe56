-- Cost over time by sku, the twenty dearest; usage without one has no name. Drawn from rounded numbers.
SELECT $__timeInterval(ChargePeriodStart) AS time, if(SkuId = '', 'none', SkuId) AS name, toFloat64(sum(BilledCost)) AS cost
FROM costs_by_hour
WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring})
    AND SkuId IN
    (
        SELECT SkuId FROM costs_by_hour WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring})
        GROUP BY SkuId ORDER BY sum(BilledCost) DESC LIMIT 20
    )
GROUP BY time, name ORDER BY time, name
