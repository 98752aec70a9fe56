-- How many charges there were in the chosen time.
SELECT sum(x_Charges) AS charges
FROM costs_by_hour WHERE $__timeFilter(ChargePeriodStart) AND BillingCurrency = ${currency:sqlstring} AND SubAccountId IN (${account:sqlstring})
