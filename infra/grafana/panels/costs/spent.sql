-- What the chosen accounts cost in the chosen time.
SELECT sum(BilledCost) AS spent
FROM costs_by_hour WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring})
