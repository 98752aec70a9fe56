-- How many of the chosen accounts owe.
SELECT countIf(balance < 0) AS below_zero
FROM current_balances WHERE currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
