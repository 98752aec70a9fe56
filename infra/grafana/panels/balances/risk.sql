-- Which accounts run dry first.
SELECT account, profile, balance, burn_per_hour, runway_hours, month_to_date
FROM accounts_overview
WHERE currency = ${currency:sqlstring} AND account IN (${account:sqlstring}) AND runway_hours IS NOT NULL
ORDER BY runway_hours, account LIMIT 50
