-- What an hour costs now: what runs, what is stored, and requests at the mean of the last day.
SELECT sum(burn_per_hour) AS burn
FROM accounts_overview WHERE currency = ${currency:sqlstring} AND account IN (${account:sqlstring})
