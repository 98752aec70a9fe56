-- Which payments, grants, coupons and refunds did an account have, the newest first?
SELECT seq, time, type, bucket, amount, balance, currency, payment, cause
FROM transactions WHERE account = {account:String} ORDER BY seq DESC LIMIT {limit:UInt32}
