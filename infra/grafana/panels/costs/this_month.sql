-- What the chosen accounts cost in their present calendar month.
SELECT sum(month_to_date) AS this_month
FROM accounts_overview WHERE currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
