-- How many of the chosen accounts have less than 24 hours of their present burn.
SELECT countIf(runway_hours < 24) AS accounts
FROM accounts_overview WHERE currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
