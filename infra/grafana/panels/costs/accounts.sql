-- Which accounts cost most in the chosen time.
SELECT SubAccountId AS account, any(ServiceProviderName) AS provider, sum(BilledCost) AS cost, sum(x_Charges) AS charges
FROM costs_by_hour WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring})
GROUP BY account ORDER BY cost DESC, account LIMIT 50
