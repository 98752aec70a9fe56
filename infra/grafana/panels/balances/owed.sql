-- The sum of all balances below zero of the chosen accounts.
SELECT -sumIf(toDecimal256(balance, 12), balance < 0) AS owed
FROM current_balances WHERE currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
