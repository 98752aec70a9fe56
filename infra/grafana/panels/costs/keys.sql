-- Which API keys cost most in the chosen time.
SELECT SubAccountId AS account, x_ApiKey AS key, sum(BilledCost) AS cost, sum(x_Charges) AS charges
FROM costs_by_hour WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring}) AND x_ApiKey != ''
GROUP BY account, key ORDER BY cost DESC, account, key LIMIT 50
