-- What does an account have?
SELECT account, profile, balance, currency, buckets, flags, keys, seq, time
FROM current_balances WHERE account = {account:String}
