-- Which postings did an account have below number `before`, the newest first?
SELECT seq, time, type, bucket, amount, balance, currency, charge, payment, cause, id, hash
FROM ledger WHERE account = {account:String} AND seq < {before:UInt64}
ORDER BY seq DESC LIMIT {limit:UInt32}
