-- What is paid for: hours, tokens, gigabytes.
SELECT SkuMeter AS meter, toFloat64(sum(BilledCost)) AS cost
FROM costs_by_hour WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring})
GROUP BY meter ORDER BY cost DESC
