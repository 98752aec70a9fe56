-- What did an account cost on each day? Days without a charge have no row.
SELECT x_Day AS day, '' AS name, sum(BilledCost) AS amount, sum(x_Charges) AS charges
FROM costs_by_day
WHERE SubAccountId = {account:String} AND x_Day >= {first:Date} AND x_Day <= {last:Date}
GROUP BY day ORDER BY day
