-- What did an account cost in each hour (UTC) of [first, last)? Hours without a charge are there with 0.
SELECT ChargePeriodStart AS hour, sum(BilledCost) AS amount, sum(x_Charges) AS charges
FROM costs_by_hour
WHERE SubAccountId = {account:String}
    AND ChargePeriodStart >= {first:DateTime64(3, 'UTC')} AND ChargePeriodStart < {last:DateTime64(3, 'UTC')}
GROUP BY hour
ORDER BY hour WITH FILL FROM {first:DateTime64(3, 'UTC')} TO {last:DateTime64(3, 'UTC')} STEP INTERVAL 1 HOUR
