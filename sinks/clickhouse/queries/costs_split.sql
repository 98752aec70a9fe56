-- What did an account cost on each day, by resource, model, sku, key or meter? `column` is that of costs_by_day.
SELECT x_Day AS day, {column:Identifier} AS name, sum(BilledCost) AS amount, sum(x_Charges) AS charges
FROM costs_by_day
WHERE SubAccountId = {account:String} AND x_Day >= {first:Date} AND x_Day <= {last:Date}
GROUP BY day, name ORDER BY day, name
