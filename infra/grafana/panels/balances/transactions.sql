-- The newest payments, grants, coupons, refunds and chargebacks.
SELECT time, account, type, bucket, amount, balance, payment
FROM transactions
WHERE $__timeFilter(time) AND currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
ORDER BY time DESC, account, seq DESC LIMIT 100
