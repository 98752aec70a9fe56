-- Which accounts are there, in order of their ids?
SELECT account, profile, balance, currency, time
FROM current_balances ORDER BY account LIMIT {limit:UInt32} OFFSET {offset:UInt64}
