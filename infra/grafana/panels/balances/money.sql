-- Payments, grants, coupons, refunds and chargebacks over time. Drawn from rounded numbers.
SELECT $__timeInterval(transactions.time) AS time, type, toFloat64(sum(toDecimal256(amount, 12))) AS amount
FROM transactions
WHERE $__timeFilter(transactions.time) AND currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
GROUP BY time, type ORDER BY time, type
