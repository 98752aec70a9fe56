-- Which accounts owe, and since when.
SELECT account, owed, since, days, age
FROM arrears_ageing WHERE currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
ORDER BY days DESC, account LIMIT 100
