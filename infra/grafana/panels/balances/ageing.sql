-- What is owed by how long it has been owed.
SELECT age, toFloat64(sum(toDecimal256(owed, 12))) AS owed
FROM arrears_ageing WHERE currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
GROUP BY age ORDER BY min(days)
