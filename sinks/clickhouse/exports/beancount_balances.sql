-- What each bucket of each account held when day `day` began, UTC; those that hold nothing are left out.
SELECT account, toString(bucket) AS bucket, toString(currency) AS currency, sum(toDecimal256(amount, 12)) AS balance
FROM entries FINAL
WHERE time < {day:DateTime64(3, 'UTC')}
GROUP BY account, bucket, currency
HAVING balance != 0
ORDER BY account, bucket, currency
