-- To which account was a payment credited? Quicker where the account is named; empty for any.
SELECT account FROM entries
WHERE ({account:String} = '' OR account = {account:String}) AND payment = {payment:String} AND type = 'topup' LIMIT 1
