-- Which accounts are there, by id, by burn or by risk of running dry? `sort` is account, burn or risk.
SELECT account, profile, balance, currency, month_to_date, burn_per_hour, runway_hours, now
FROM accounts_overview
ORDER BY
    if({sort:String} = 'risk', ifNull(runway_hours, 100000000000), 0),
    if({sort:String} = 'burn', -burn_per_hour, 0),
    account
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
