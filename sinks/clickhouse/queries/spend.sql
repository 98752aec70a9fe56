-- What did an account cost on the days from first to last of its calendar?
SELECT sum(toDecimal256(amount, 12)) FROM daily_costs FINAL
WHERE account = {account:String} AND day >= {first:Date} AND day <= {last:Date}
