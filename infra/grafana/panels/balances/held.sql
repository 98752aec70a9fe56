-- The sum of all balances above zero of the chosen accounts.
SELECT sumIf(toDecimal256(balance, 12), balance > 0) AS held
FROM current_balances WHERE currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
