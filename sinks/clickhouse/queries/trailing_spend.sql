-- What did an account cost in the hours (UTC) of [first, last), and which hour with a charge is its very first?
SELECT
    sumIf(toDecimal256(amount, 12), start >= {first:DateTime64(3, 'UTC')} AND start < {last:DateTime64(3, 'UTC')}) AS spent,
    minOrNull(start) AS begun
FROM hourly_costs FINAL
WHERE account = {account:String}
